"""One round of ours against one of the literal published loop, alternating in one process.

    uv run python benchmarks/cycle.py --out results/cycle.json

A round is one generator step and ten student steps at batch 128, 3x32x32. The literal loop is
fp32 and contiguous (see literal_loop.py); ours runs as `zskt distill` does. Each pair of rounds
gives one ratio; the median is the figure, the extremes its spread.
"""

import argparse
import copy
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
from literal_loop import literal_rounds
from torch import nn

from zskt.devices import make_fabric
from zskt.distillation.session import Round, Session
from zskt.methods import ZSKT
from zskt.networks import Generator, WideResNet
from zskt.results import write_result

SIZE = (3, 32, 32)
PAIRS = {"wrn-16-2 to wrn-16-1": ((16, 2), (16, 1)), "wrn-40-2 to wrn-16-1": ((40, 2), (16, 1))}


def our_rounds(teacher: nn.Module, student: nn.Module) -> Iterator[Round]:
    """Our loop, at the precision that this machine has."""
    game = Session(
        teacher, student, input_size=SIZE, classes=10, rounds=80_000, seed=0,
        fabric=make_fabric("cpu", "auto"),
    )  # fmt: skip
    return ZSKT().play(game)


def seconds_of(rounds: Iterator) -> float:
    """Wall time of the next round."""
    start = time.perf_counter()
    next(rounds)
    return time.perf_counter() - start


def main() -> None:
    """Time, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs-of-rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    asked = parser.parse_args()
    start = time.monotonic()
    rows = []
    for name, sizes in PAIRS.items():
        torch.manual_seed(0)
        teacher, student = (WideResNet(*size, classes=10) for size in sizes)
        literal = literal_rounds(
            copy.deepcopy(teacher), copy.deepcopy(student), Generator(SIZE),
            batch_size=128, rounds=80_000, random=torch.Generator().manual_seed(0),
        )  # fmt: skip
        ours = our_rounds(teacher, student)
        next(literal), next(ours)
        times = [(seconds_of(literal), seconds_of(ours)) for _ in range(asked.pairs_of_rounds)]
        ratios = [theirs / mine for theirs, mine in times]
        rows.append({
            "pair": name,
            "literal_seconds": round(median(theirs for theirs, _ in times), 3),
            "our_seconds": round(median(mine for _, mine in times), 3),
            "ratio": round(median(ratios), 2),
            "ratio_min": round(min(ratios), 2),
            "ratio_max": round(max(ratios), 2),
            "rounds_each": asked.pairs_of_rounds,
        })  # fmt: skip
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if asked.out:
        settings = {"batch_size": 128, "input_size": SIZE, "pairs_of_rounds": asked.pairs_of_rounds}
        seconds = time.monotonic() - start
        write_result(asked.out, seeds=[0], settings=settings, seconds=seconds, rows=rows)


if __name__ == "__main__":
    main()
