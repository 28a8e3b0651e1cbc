"""Counted floating-point operations of one round, and the floor that they set.

    uv run python benchmarks/operations.py --out results/operations.json

Convolutions and matrix products are counted by torch's own counter, in forward and backward
passes, as one multiplication and one addition each. The peak is that of the largest matrix product
in the precision of the run, measured here; the floor is the count divided by it.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from torch.utils.flop_counter import FlopCounterMode

from cycle import PAIRS, SIZE, our_rounds
from zskt.devices import Where, resolve
from zskt.measure.peak import peak_of
from zskt.networks import WideResNet
from zskt.results import write_result


def operations_of_a_round(teacher: WideResNet, student: WideResNet, where: Where) -> float:
    """Giga-operations of one round of ours."""
    rounds = our_rounds(teacher, student, where)
    next(rounds)
    with FlopCounterMode(display=False) as counter:
        next(rounds)
    return counter.get_total_flops() / 1e9


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main() -> None:
    """Count, measure the peak, print and write."""
    asked = arguments()
    start = time.monotonic()
    where = resolve("cpu")
    precisions = {"bf16": Where("cpu", "bf16"), "fp32": Where("cpu", "32")}
    peaks = {name: peak_of(each, side=4096) / 1e9 for name, each in precisions.items()}
    rows = []
    for name in asked.pairs:
        teacher, student = (WideResNet(*size, classes=10) for size in PAIRS[name])
        counted = operations_of_a_round(teacher, student, where)
        row = {"pair": name, "giga_operations": round(counted, 1)}
        for precision, rate in peaks.items():
            row[f"{precision}_peak_giga_per_second"] = round(rate)
            row[f"{precision}_floor_seconds"] = round(counted / rate, 3)
        rows.append(row)
        print(row, flush=True)
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
