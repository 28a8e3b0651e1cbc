"""The search that chose how `zskt finetune` tunes, on training images alone.

    uv run python benchmarks/finetune_search.py RUN --data digits --out results/finetune-search.json

RUN is a zero-shot student, better a mediocre one: a perfect one shows nothing. The training images
are halved; few images are drawn from one half, and the other half judges. The test split is not
looked at. Each row is a recipe, with its accuracy for each number of images per class.
"""

import argparse
import copy
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from zskt.supervised.guidance import KnowledgeDistillation

from zskt.data import ImageData, Split, balanced_subset, load_data
from zskt.devices import make_fabric
from zskt.errors import UserError
from zskt.jobs.finetune import FineTuning
from zskt.measure.accuracy import accuracy, predict
from zskt.measure.cost import normalisation_of
from zskt.model_file import load, network_file, read_card
from zskt.results import write_result
from zskt.runs.folder import RunFolder
from zskt.supervised.loop import epochs

RATES = (0.003, 0.01, 0.03)
LESSONS = {
    "labels": None,
    "labels and KD": KnowledgeDistillation(distill_attention=0.0),
    "labels, KD and AT": KnowledgeDistillation(),
}


def halves(data: ImageData) -> ImageData:
    """The training images alone: one half to learn from, one to judge by."""
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))
    parts = [
        Split(data.train.images[chosen], data.train.labels[chosen]) for chosen in order.chunk(2)
    ]
    return replace(data, train=parts[0], test=parts[1])


def main() -> None:
    """Search and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--per-class", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11])
    parser.add_argument("--judged", type=int, default=5000, help="at most so many images judge")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    start = time.monotonic()
    data = halves(load_data(asked.data))
    data = replace(
        data, test=Split(data.test.images[: asked.judged], data.test.labels[: asked.judged])
    )
    card = read_card(network_file(asked.run))
    normalisation = normalisation_of(card)
    data = replace(data, mean=normalisation.mean, std=normalisation.std)
    fabric = make_fabric()
    student = fabric.to_device(load(asked.run)).to(memory_format=torch.channels_last)
    teacher = fabric.to_device(load(RunFolder(asked.run).settings()["teacher_path"]))
    teacher = teacher.requires_grad_(False).to(memory_format=torch.channels_last)

    def tuned(
        rate: float, guidance: KnowledgeDistillation | None, keep: bool, count: int, seed: int
    ) -> float:
        network = copy.deepcopy(student)
        recipe = FineTuning(learning_rate=rate, keep_statistics=keep, seed=seed)
        lesson = None
        if guidance is not None:
            lesson = guidance.lesson(teacher, network, card.input_size, fabric)
        few = balanced_subset(data.train, count, seed)
        try:
            for _ in epochs(network, data, recipe, fabric, few=few, lesson=lesson):
                pass
        except UserError:
            # It diverged, which is what a search is to find out.
            return 0.0
        return accuracy(predict(network, data.test, normalisation), data.test.labels)

    before = accuracy(predict(student, data.test, normalisation), data.test.labels)
    rows: list[dict[str, Any]] = [
        {"lesson": "not tuned", **{f"m{count}_accuracy": before for count in asked.per_class}}
    ]
    for (name, guidance), rate, keep in product(LESSONS.items(), RATES, (False, True)):
        row: dict[str, Any] = {
            "lesson": name,
            "learning_rate": rate,
            "batch_norm": "kept" if keep else "moves",
        }
        for count in asked.per_class:
            found = [tuned(rate, guidance, keep, count, seed) for seed in asked.seeds]
            row[f"m{count}_accuracy"] = fmean(found)
        row["mean_accuracy"] = fmean(row[f"m{count}_accuracy"] for count in asked.per_class)
        rows.append(row)
        print(row, flush=True)
    rows.sort(key=lambda row: -row.get("mean_accuracy", 0.0))
    if asked.out:
        settings = {"run": str(asked.run), "data": asked.data, "steps": FineTuning().steps}
        settings |= {"per_class": asked.per_class, "judged": len(data.test)}
        seconds = time.monotonic() - start
        write_result(asked.out, seeds=asked.seeds, settings=settings, seconds=seconds, rows=rows)


if __name__ == "__main__":
    main()
