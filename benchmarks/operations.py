"""Counted operations of one round, the floor that they set, and how near to it a round comes.

    uv run python benchmarks/operations.py --out results/operations.json

Convolutions and matrix products are counted by torch's own counter, in forward and backward
passes, as one multiplication and one addition each. The peak is that of the largest matrix product
in the precision of the run, measured here; the floor is the count divided by it. Rounds are timed
by the processor's clock, and so is a round of the literal loop, which the floor is compared to: no
loop of the same operations can be faster by more than `ratio_at_floor`. A round of `replay` is a
quarter of the usual one, in both its parts.
"""

import argparse
import copy
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from changes import METHODS, rounds_of
from cycle import PAIRS, SIZE, literal_rounds, seconds_of
from zskt.devices import Where, resolve, settled
from zskt.measure.peak import peak_of
from zskt.networks import Generator, WideResNet
from zskt.results import write_result


def seconds_of_literal(pair: str, rounds: int) -> float:
    """Processor seconds of a round of the published loop."""
    torch.manual_seed(0)
    teacher, student = (WideResNet(*size, classes=10) for size in PAIRS[pair])
    literal = literal_rounds(
        copy.deepcopy(teacher), student, Generator(SIZE),
        batch_size=128, rounds=80_000, random=torch.Generator().manual_seed(0),
    )  # fmt: skip
    next(literal)
    return median(seconds_of(literal)[1] for _ in range(rounds))


def row_of(method: str, pair: str, where: Where, repetitions: int) -> dict[str, Any]:
    """Counted and timed rounds of a method, between two looks at the peak."""
    peaks = [peak_of(where, side=4096)]
    rounds = rounds_of(method, pair, where, tiny=False)
    next(rounds)
    with FlopCounterMode(display=False) as counter:
        next(rounds)
    spent = median(seconds_of(rounds)[1] for _ in range(repetitions))
    peaks.append(peak_of(where, side=4096))
    counted, peak = counter.get_total_flops() / 1e9, max(peaks) / 1e9
    floor = counted / peak
    row = {
        "method": method, "pair": pair, "giga_operations": round(counted, 1),
        "peak_giga_per_second": round(peak), "floor_seconds": round(floor, 3),
        "processor_seconds": round(spent, 3), "share_of_peak": round(floor / spent, 3),
    }  # fmt: skip
    if method == "zskt":
        literal = seconds_of_literal(pair, repetitions)
        row["literal_processor_seconds"] = round(literal, 3)
        row["ratio"] = round(literal / spent, 2)
        row["ratio_at_floor"] = round(literal / floor, 2)
    return row


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main() -> None:
    """Count, measure the peak, time, print and write."""
    asked = arguments()
    start = time.monotonic()
    # One thread, whose processor time is that of the round.
    torch.set_num_threads(1)
    where = resolve("cpu")
    rows = []
    with settled(where):
        for method in asked.methods:
            for pair in asked.pairs:
                rows.append(row_of(method, pair, where, asked.repetitions))
                print(rows[-1], flush=True)
    if asked.out:
        settings = {"input_size": SIZE, "precision": where.precision}
        seconds = time.monotonic() - start
        write_result(
            asked.out, seeds=[0], settings=settings, seconds=seconds, rows=rows, device=where.name
        )


if __name__ == "__main__":
    main()
