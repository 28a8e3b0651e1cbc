"""A round of the published method on a GPU, from the published form on, one step after another.

    uv run python benchmarks/gpu.py --out results/performance/gpu.json

In one call of five minutes: the literal loop in float32, ours in float32, in bf16, and with its
networks compiled by torch, without and with CUDA graphs (`reduce-overhead`). Each has the same
share of the time, and at least one round after its first, in which code is compiled. The share of
the peak is that of the counted operations against the rate of a large matrix product in the same
precision. A step that torch cannot do on this machine leaves a row without seconds that says why.
With `--device cpu --tiny` it is a trial of itself.
"""

import argparse
import copy
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from cycle import PAIRS, SIZE, literal_rounds
from zskt import ZSKT
from zskt.devices import Where, resolve, settled
from zskt.distillation.loop import make_fabric
from zskt.distillation.session import Session
from zskt.measure.peak import peak_of
from zskt.networks import Generator, WideResNet
from zskt.results import write_result

Players = tuple[WideResNet, WideResNet]


def literal(players: Players, asked: argparse.Namespace, where: Where) -> Iterator:
    """The published loop, contiguous."""
    teacher, student = (each.to(where.device) for each in players)
    return literal_rounds(
        teacher, student, Generator(SIZE).to(where.device), batch_size=asked.batch_size,
        rounds=80_000, random=torch.Generator().manual_seed(0),
    )  # fmt: skip


def ours(
    players: Players, asked: argparse.Namespace, where: Where, *, attention: float = 250,
    mode: str | None = None,
) -> Iterator:  # fmt: skip
    """Our rounds; with a mode teacher, student and generator are compiled in place."""
    session = Session(
        *players, input_size=SIZE, classes=10, seed=0, fabric=make_fabric(where),
        tell=lambda sentence: None,
    )  # fmt: skip
    rounds = ZSKT(batch_size=asked.batch_size, attention=attention).rounds(session)
    if mode is None:
        return rounds

    def compiled() -> Iterator:
        yield next(rounds)
        for network in (session.teacher, session.student, session.networks["generator"]):
            network.compile(mode=mode)
        while True:
            torch.compiler.cudagraph_mark_step_begin()
            yield next(rounds)

    return compiled()


def steps(device: str) -> dict[str, tuple[Where, Callable[..., Iterator]]]:
    """What is measured, each with its precision."""
    exact, fast = Where(device, "32"), Where(device, "bf16")
    return {
        "published loop, float32": (exact, literal),
        "ours, float32": (exact, ours),
        "ours, bf16": (fast, ours),
        # Attention maps are read by hooks, which CUDA graphs do not keep.
        "ours, bf16, no attention": (fast, partial(ours, attention=0)),
        "ours, bf16, no attention, compiled": (fast, partial(ours, attention=0, mode="default")),
        "ours, bf16, no attention, CUDA graphs": (
            fast,
            partial(ours, attention=0, mode="reduce-overhead"),
        ),
    }


def measured(
    name: str, rounds: Iterator, where: Where, seconds: float, peak: float
) -> dict[str, Any]:
    """The row of one step. The second round compiles, the third may still record its graphs."""
    with FlopCounterMode(display=False) as counter:
        next(rounds)
    wait(where)
    begun = time.perf_counter()
    next(rounds)
    wait(where)
    first = time.perf_counter() - begun
    next(rounds)
    wait(where)
    times: list[float] = []
    while not times or sum(times) + first < seconds:
        start = time.perf_counter()
        next(rounds)
        wait(where)
        times.append(time.perf_counter() - start)
    rate = counter.get_total_flops() / median(times)
    return {
        "operation": name, "seconds": median(times), "seconds_min": min(times),
        "seconds_max": max(times), "rounds": len(times), "first_seconds": first,
        "share_of_peak": rate / peak,
    }  # fmt: skip


def wait(where: Where) -> None:
    """Until the device has done what it was given."""
    if where.device.type == "cuda":
        torch.cuda.synchronize(where.device)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pair", choices=PAIRS, default=next(iter(PAIRS)))
    parser.add_argument("--steps", nargs="+", choices=steps("cpu"), default=list(steps("cpu")))
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--minutes", type=float, default=5.0, help="of all steps together")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="networks of a trial")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    asked = arguments(words)
    start = time.monotonic()
    device = resolve(asked.device).name
    torch.manual_seed(0)
    sizes = ((10, 1), (10, 1)) if asked.tiny else PAIRS[asked.pair]
    teacher, student = (WideResNet(*size, classes=10) for size in sizes)
    side = 64 if asked.tiny else 8192
    peaks = {each: peak_of(Where(device, each), side) for each in ("32", "bf16")}
    rows = []
    for name in asked.steps:
        where, make = steps(device)[name]
        share = 60 * asked.minutes / len(asked.steps)
        torch.compiler.reset()
        try:
            with settled(where):
                rounds = make((copy.deepcopy(teacher), copy.deepcopy(student)), asked, where)
                rows.append(measured(name, rounds, where, share, peaks[where.precision]))
        except Exception as error:
            rows.append(
                {"operation": name, "error": (str(error).splitlines() or [type(error).__name__])[0]}
            )
        print(rows[-1], flush=True)
    if asked.out:
        settings = {"pair": asked.pair, "batch_size": asked.batch_size, "tiny": asked.tiny}
        settings |= {f"peak_{name}_flops_per_second": rate for name, rate in peaks.items()}
        seconds = time.monotonic() - start
        write_result(
            asked.out, seeds=[0], settings=settings, seconds=seconds, rows=rows, device=device
        )


if __name__ == "__main__":
    main()
