"""Where the time of one round goes, by torch's own profiler.

uv run python benchmarks/shares.py --out results/shares.json
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from cycle import PAIRS, SIZE, our_rounds
from zskt.devices import Where, resolve, settled
from zskt.networks import WideResNet
from zskt.results import write_result

KINDS = {
    "convolution, backward": ("convolution_backward",),
    "convolution, forward": ("mkldnn_convolution", "cudnn_convolution"),
    "batch norm, backward": ("native_batch_norm_backward", "cudnn_batch_norm_backward"),
    "batch norm, forward": ("native_batch_norm", "cudnn_batch_norm"),
    "ReLU, backward": ("threshold_backward", "leaky_relu_backward"),
    "ReLU, forward": ("clamp_min_", "clamp_min", "relu", "relu_", "leaky_relu", "leaky_relu_"),
    "additions (residuals, gradients)": ("add", "add_"),
    "copies and casts": ("copy_",),
    "upsampling": ("upsample_nearest2d", "upsample_nearest2d_backward"),
    "attention maps": ("pow", "sum", "mul", "div"),
    "optimizers and clipping": ("_fused_adam_", "linalg_vector_norm", "_foreach_mul_"),
}


def shares(teacher: WideResNet, student: WideResNet, where: Where) -> dict[str, float]:
    """Share of one round's processor time for each kind of operation, the largest first."""
    rounds = our_rounds(teacher, student, where)
    next(rounds)
    with torch.profiler.profile() as profiler:
        next(rounds)
    spent = {e.key.removeprefix("aten::"): e.self_cpu_time_total for e in profiler.key_averages()}
    total = sum(spent.values())
    found = {
        kind: sum(spent.pop(name, 0.0) for name in names) / total for kind, names in KINDS.items()
    }
    found["everything else"] = sum(spent.values()) / total
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main() -> None:
    """Profile, print and write."""
    asked = arguments()
    start = time.monotonic()
    where = resolve("cpu")
    with settled(where):
        found = {
            pair: shares(*(WideResNet(*size, classes=10) for size in PAIRS[pair]), where=where)
            for pair in asked.pairs
        }
    first = next(iter(found.values()))
    rows = [
        {"operation": kind, **{f"{pair}, share": round(of[kind], 4) for pair, of in found.items()}}
        for kind in first
    ]
    for row in rows:
        print(row)
    if asked.out:
        settings = {
            "batch_size": 128,
            "input_size": SIZE,
            "device": where.name,
            "precision": where.precision,
        }
        seconds = time.monotonic() - start
        write_result(
            asked.out, seeds=[], settings=settings, seconds=seconds, rows=rows, device=where.name
        )


if __name__ == "__main__":
    main()
