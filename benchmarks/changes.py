"""Rounds with one change taken out, in turn with whole ones, in one process.

    uv run python benchmarks/changes.py --out results/performance/changes.json

Times are those of the processor, which other programs on the machine do not lengthen much. Each
round with a change taken out is divided by the whole round after it; the median of these ratios is
the figure, the extremes its spread. A round of `replay` is a quarter of the usual one, in both its
parts.
"""

import argparse
import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cycle import PAIRS, SIZE
from zskt import ZSKT, Replay
from zskt.allocation import NEVER, USUAL, set_thresholds
from zskt.devices import Where, resolve, settled
from zskt.distillation.loop import make_fabric
from zskt.distillation.session import Round, Session
from zskt.losses import _Energy
from zskt.networks import WideResNet
from zskt.results import write_result

METHODS = {"zskt": ZSKT(), "replay": Replay(image_batch_size=64)}


def layer_by_layer(maps: Tensor, conv: nn.Conv2d) -> Tensor:
    """Upsampling, then the convolution."""
    return conv(F.interpolate(maps, scale_factor=2.0))


def multiplied(ctx: Any, *gradients: Tensor) -> Tensor:
    """The gradient of an attention map, multiplied as it is."""
    (activation,) = ctx.saved_tensors
    return activation * (2 * gradients[0]).unsqueeze(1).to(activation.dtype)


def no_folding() -> ExitStack:
    """Teachers that only answer keep their batch norm."""
    stack = ExitStack()
    for place in ("attention", "stage_features"):
        stack.enter_context(
            patch(f"zskt.pieces.{place}.inference_form", lambda network, _: network)
        )
    return stack


Taken = Callable[[], AbstractContextManager]
WITHOUT: dict[str, Taken] = {
    "upsampling and convolution as one": lambda: patch(
        "zskt.networks.generator.enlarged", layer_by_layer
    ),
    "gradient of attention maps spread first": lambda: patch.object(
        _Energy, "backward", staticmethod(multiplied)
    ),
    "teacher's batch norm folded": no_folding,
    "freed memory kept": nullcontext,
}
WHOLE, ALL = "none", "all of them"


def taken_out(change: str) -> ExitStack:
    """Within it one change, or all of them, are not there."""
    stack = ExitStack()
    for name, without in WITHOUT.items():
        if change in (name, ALL):
            stack.enter_context(without())
    set_thresholds(USUAL if change in ("freed memory kept", ALL) else NEVER)
    return stack


def rounds_of(method: str, pair: str, where: Where, tiny: bool) -> Iterator[Round]:
    """Rounds of a method on networks with random weights."""
    torch.manual_seed(0)
    sizes = ((10, 1), (10, 1)) if tiny else PAIRS[pair]
    teacher, student = (WideResNet(*size, classes=10) for size in sizes)
    session = Session(
        copy.deepcopy(teacher), student, input_size=SIZE, classes=10, seed=0,
        fabric=make_fabric(where), tell=lambda sentence: None,
    )  # fmt: skip
    chosen = METHODS[method]
    if tiny:
        small: dict[str, Any] = {"batch_size": 4, "generator_width": 16}
        small |= {"image_batch_size": 8} if method == "replay" else {"student_steps": 2}
        chosen = replace(chosen, **small)
    return chosen.rounds(session)


def race(method: str, asked: argparse.Namespace, where: Where) -> list[dict[str, Any]]:
    """Times of whole rounds and of those with something taken out, in turn."""
    playing = {}
    names = [WHOLE, *WITHOUT, ALL]
    spent: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(asked.repetitions + 1):
        for name in names:
            with taken_out(name):
                if turn == 0:
                    playing[name] = rounds_of(method, asked.pair, where, asked.tiny)
                start = time.process_time()
                next(playing[name])
                if turn:
                    spent[name].append(time.process_time() - start)
    rows = []
    for name in names[1:]:
        ratios = [
            with_out / whole for with_out, whole in zip(spent[name], spent[WHOLE], strict=True)
        ]
        rows.append({
            "method": method, "change": name, "processor_seconds_without": median(spent[name]),
            "processor_seconds_with": median(spent[WHOLE]), "ratio": median(ratios),
            "ratio_min": min(ratios), "ratio_max": max(ratios), "rounds_each": len(ratios),
        })  # fmt: skip
    return rows


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--pair", choices=PAIRS, default=next(iter(PAIRS)))
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="networks and batches of a trial")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Time, print and write."""
    asked = arguments(words)
    start = time.monotonic()
    where = resolve("cpu")
    rows = []
    with settled(where):
        for method in asked.methods:
            rows += race(method, asked, where)
            for row in rows[-len(WITHOUT) - 1 :]:
                print(row, flush=True)
    if asked.out:
        settings = {"pair": asked.pair, "precision": where.precision, "tiny": asked.tiny}
        seconds = time.monotonic() - start
        write_result(
            asked.out, seeds=[0], settings=settings, seconds=seconds, rows=rows, device=where.name
        )


if __name__ == "__main__":
    main()
