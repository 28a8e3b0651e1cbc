"""How much attention transfer may weigh beside KD, on training images alone.

    uv run python benchmarks/attention_weight.py --data mnist --out results/attention-weight.json

The training images are halved; a teacher and its few-shot students learn from one half by the
protocol of that data, and the other half judges. The test split is not looked at. Each row is a
weight, with the accuracy for each number of images per class.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import zskt
from finetune_search import halves
from zskt.cli.tables import print_table
from zskt.devices import resolve
from zskt.experiments.protocol import PROTOCOLS
from zskt.results import write_result

WEIGHTS = (0.0, 1000 / 16, 1000.0)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="mnist")
    parser.add_argument("--scale", type=float, default=1.0, help="so many times the epochs")
    parser.add_argument("--per-class", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def search(asked: argparse.Namespace, folder: Path, device: str) -> tuple[list[dict], float]:
    """A row for each weight, and the accuracy of the teacher; runs lie in a folder for a while."""
    protocol = PROTOCOLS[asked.protocol].scaled(asked.scale)
    common: dict[str, Any] = {"data": halves(zskt.load_data(asked.data)), "device": device}
    common |= {"overwrite": True, "progress": False}
    teacher = zskt.train(
        protocol.pair[0], out=folder / "teacher", recipe=protocol.teacher, **common
    )

    def taught(weight: float, count: int, seed: int) -> float:
        return zskt.train(
            protocol.pair[1], out=folder / "student", recipe=replace(protocol.student, seed=seed),
            per_class=count, distill_from=teacher.file,
            guidance=replace(protocol.guidance, distill_attention=weight), **common,
        ).test_accuracy  # fmt: skip

    rows: list[dict[str, Any]] = []
    for weight in WEIGHTS:
        shares = {
            f"m{count}_accuracy": fmean(taught(weight, count, seed) for seed in asked.seeds)
            for count in asked.per_class
        }
        rows.append({"attention_weight": weight, **shares})
        print_table(rows)
    return rows, teacher.test_accuracy


def main() -> None:
    """Try and write."""
    asked = arguments()
    start = time.monotonic()
    where = resolve(asked.device)
    with tempfile.TemporaryDirectory() as folder:
        rows, teacher_accuracy = search(asked, Path(folder), where.name)
    if asked.out is not None:
        settings = {**vars(asked), "out": None, "teacher_accuracy": teacher_accuracy}
        settings |= {"device": where.name, "precision": where.precision}
        write_result(
            asked.out, seeds=asked.seeds, settings=settings, seconds=time.monotonic() - start,
            rows=rows, device=where.name,
        )  # fmt: skip


if __name__ == "__main__":
    main()
