"""How much attention transfer may weigh beside KD, on training images alone.

    uv run python benchmarks/attention_weight.py --data mnist --out results/attention-weight.json

The training images are halved; a teacher and its few-shot students learn from one half by the
protocol of that data, and the other half judges. The test split is not looked at. Each row is a
weight, with the accuracy for each number of images per class.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import nn

from finetune_search import halves
from zskt.cli.tables import print_table
from zskt.data import balanced_subset, load_data
from zskt.devices import make_fabric
from zskt.experiments.protocol import PROTOCOLS
from zskt.measure.accuracy import Normalisation, accuracy, predict
from zskt.networks import create
from zskt.results import write_result
from zskt.supervised.loop import epochs

WEIGHTS = (0.0, 1000 / 16, 1000.0)


def main() -> None:
    """Try and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--protocol", default="mnist")
    parser.add_argument("--per-class", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11])
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    start = time.monotonic()
    protocol = PROTOCOLS[asked.protocol]
    data, fabric = halves(load_data(asked.data)), make_fabric()
    normalisation = Normalisation(data.mean, data.std)

    def fresh(name: str, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        network = create(name, classes=data.classes, input_size=data.input_size)
        return fabric.to_device(network).to(memory_format=torch.channels_last)

    def judged(network: nn.Module) -> float:
        return accuracy(predict(network, data.test, normalisation), data.test.labels)

    teacher = fresh(protocol.pair[0], 0)
    for _ in epochs(teacher, data, protocol.teacher, fabric):
        pass
    teacher = teacher.eval().requires_grad_(False)

    def taught(weight: float, count: int, seed: int) -> float:
        student = fresh(protocol.pair[1], seed)
        guidance = replace(protocol.guidance, distill_attention=weight)
        lesson = guidance.lesson(teacher, student, data.input_size, fabric)
        few = balanced_subset(data.train, count, seed)
        recipe = replace(protocol.student, seed=seed)
        for _ in epochs(student, data, recipe, fabric, few=few, lesson=lesson):
            pass
        return judged(student)

    rows: list[dict[str, Any]] = []
    for weight in WEIGHTS:
        shares = {
            f"m{count}_accuracy": fmean(taught(weight, count, seed) for seed in asked.seeds)
            for count in asked.per_class
        }
        rows.append({"attention_weight": weight, **shares})
        print_table(rows)
    settings = {**vars(asked), "out": None, "teacher_accuracy": judged(teacher)}
    if asked.out is not None:
        seconds = time.monotonic() - start
        write_result(asked.out, seeds=asked.seeds, settings=settings, seconds=seconds, rows=rows)


if __name__ == "__main__":
    main()
