"""The search that chose how `zskt finetune` tunes, on training images alone.

    uv run python benchmarks/finetune_search.py RUN --data digits --out results/finetune-search.json

RUN is a zero-shot student, better a mediocre one: a perfect one shows nothing. The training images
are halved; few images are drawn from one half, and the other half judges. The test split is not
looked at. Each row is a recipe, with its accuracy for each number of images per class.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

import zskt
from zskt import FineTuning, FineTuningDistillation
from zskt.data import ImageData, Split
from zskt.devices import resolve
from zskt.errors import DivergedError
from zskt.measure.accuracy import accuracy, predict
from zskt.model_file import network_file, read_classifier_card
from zskt.results import write_result

RATES = (0.003, 0.01, 0.03)
LESSONS = {
    "labels": FineTuningDistillation(distill_share=0.0),
    "labels and KD": FineTuningDistillation(),
    "labels, KD and AT": FineTuningDistillation(distill_attention=1000.0),
}


def halves(data: ImageData) -> ImageData:
    """The training images alone: one half to learn from, one to judge by."""
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))
    parts = [
        Split(data.train.images[chosen], data.train.labels[chosen]) for chosen in order.chunk(2)
    ]
    return replace(data, train=parts[0], test=parts[1])


def judged_by(data: ImageData, most: int) -> ImageData:
    """The halves, of which at most so many images judge."""
    halved = halves(data)
    few = Split(halved.test.images[:most], halved.test.labels[:most])
    return replace(halved, test=few)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--per-class", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--steps", type=int, default=FineTuning().steps)
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11])
    parser.add_argument("--judged", type=int, default=5000, help="at most so many images judge")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def search(
    asked: argparse.Namespace, data: ImageData, folder: Path, device: str
) -> list[dict[str, Any]]:
    """A row for each recipe; runs lie in a folder for a while."""

    def tuned(rate: float, lesson: str, keep: bool, count: int, seed: int) -> float:
        recipe = FineTuning(steps=asked.steps, learning_rate=rate, keep_statistics=keep, seed=seed)
        try:
            return zskt.finetune(
                asked.run, data=data, per_class=count, out=folder / "tuned", recipe=recipe,
                guidance=LESSONS[lesson], device=device, overwrite=True, progress=False,
            ).test_accuracy  # fmt: skip
        except DivergedError:
            # Which is what a search is to find out.
            return 0.0

    rows = []
    for lesson, rate, keep in product(LESSONS, RATES, (False, True)):
        row: dict[str, Any] = {
            "lesson": lesson,
            "learning_rate": rate,
            "batch_norm": "kept" if keep else "moves",
        }
        for count in asked.per_class:
            found = [tuned(rate, lesson, keep, count, seed) for seed in asked.seeds]
            row[f"m{count}_accuracy"] = fmean(found)
        row["mean_accuracy"] = fmean(row[f"m{count}_accuracy"] for count in asked.per_class)
        rows.append(row)
        print(row, flush=True)
    return sorted(rows, key=lambda row: -row["mean_accuracy"])


def main() -> None:
    """Search and write."""
    asked = arguments()
    start = time.monotonic()
    where = resolve(asked.device)
    data = judged_by(zskt.load_data(asked.data), asked.judged)
    normalisation = read_classifier_card(network_file(asked.run)).known_normalisation()
    before = accuracy(predict(zskt.load(asked.run), data.test, normalisation), data.test.labels)
    with tempfile.TemporaryDirectory() as folder:
        rows = search(asked, data, Path(folder), where.name)
    rows.append(
        {"lesson": "not tuned", **{f"m{count}_accuracy": before for count in asked.per_class}}
    )
    if asked.out:
        settings = {"run": str(asked.run), "data": asked.data, "steps": asked.steps}
        settings |= {"per_class": asked.per_class, "judged": len(data.test)}
        settings |= {"device": where.name, "precision": where.precision}
        write_result(
            asked.out, seeds=asked.seeds, settings=settings, seconds=time.monotonic() - start,
            rows=rows, device=where.name,
        )  # fmt: skip


if __name__ == "__main__":
    main()
