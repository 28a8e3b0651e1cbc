"""One round of ours against one of the literal published loop, alternating in one process.

    uv run python benchmarks/cycle.py --out results/cycle.json

A round is one generator step and ten student steps at batch 128, 3x32x32. The literal loop is
fp32 and contiguous (see tests/reference/literal_loop.py); ours runs as `zskt distill` does. Each
pair of rounds gives one ratio of processor times, which other programs on the machine do not
lengthen much; the median is the figure, the extremes its spread. The ratio of wall times stands
beside it.
"""

import argparse
import copy
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import torch
from torch import nn

from zskt import ZSKT
from zskt.devices import Where, resolve, settled
from zskt.distillation.fabric import make_fabric
from zskt.distillation.session import Round, Session
from zskt.networks import Generator, WideResNet
from zskt.results import write_result

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "reference"))

from literal_loop import literal_rounds  # ty: ignore[import-not-found]

SIZE = (3, 32, 32)
PAIRS = {"wrn-16-2 to wrn-16-1": ((16, 2), (16, 1)), "wrn-40-2 to wrn-16-1": ((40, 2), (16, 1))}


def our_rounds(teacher: nn.Module, student: nn.Module, where: Where) -> Iterator[Round]:
    """Our rounds, at the precision that this machine has."""
    session = Session(
        teacher, student, input_size=SIZE, classes=10, seed=0, fabric=make_fabric(where)
    )
    return ZSKT().rounds(session)


def seconds_of(rounds: Iterator) -> tuple[float, float]:
    """Wall time and processor time of the next round."""
    start, spent = time.perf_counter(), time.process_time()
    next(rounds)
    return time.perf_counter() - start, time.process_time() - spent


def race(name: str, pairs_of_rounds: int, where: Where) -> dict[str, str | float]:
    """Times of both loops in turn, for one pair of networks."""
    torch.manual_seed(0)
    teacher, student = (WideResNet(*size, classes=10) for size in PAIRS[name])
    literal = literal_rounds(
        copy.deepcopy(teacher), copy.deepcopy(student), Generator(SIZE),
        batch_size=128, rounds=80_000, random=torch.Generator().manual_seed(0),
    )  # fmt: skip
    ours = our_rounds(teacher, student, where)
    next(literal), next(ours)
    times = [(seconds_of(literal), seconds_of(ours)) for _ in range(pairs_of_rounds)]
    ratios = [theirs[1] / mine[1] for theirs, mine in times]
    return {
        "pair": name,
        "literal_processor_seconds": round(median(theirs[1] for theirs, _ in times), 3),
        "our_processor_seconds": round(median(mine[1] for _, mine in times), 3),
        "ratio_of_seconds": round(median(theirs[0] / mine[0] for theirs, mine in times), 2),
        "ratio": round(median(ratios), 2),
        "ratio_min": round(min(ratios), 2),
        "ratio_max": round(max(ratios), 2),
        "rounds_each": pairs_of_rounds,
    }


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--pairs-of-rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main() -> None:
    """Time, print and write."""
    asked = arguments()
    start = time.monotonic()
    # The literal loop is one of the CPU.
    where = resolve("cpu")
    rows = []
    with settled(where):
        for name in asked.pairs:
            rows.append(race(name, asked.pairs_of_rounds, where))
            print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if asked.out:
        settings = {"batch_size": 128, "input_size": SIZE, "pairs_of_rounds": asked.pairs_of_rounds}
        settings |= {"device": where.name, "precision": where.precision}
        seconds = time.monotonic() - start
        write_result(
            asked.out, seeds=[0], settings=settings, seconds=seconds, rows=rows, device=where.name
        )


if __name__ == "__main__":
    main()
