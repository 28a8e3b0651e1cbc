"""Steps of training on labelled images: freed memory kept for all of them, or for each by itself.

    uv run python benchmarks/training.py --out results/performance/training.json

Until it was measured so, a training entered `devices.settled` at every step, and its end gave all
freed memory back to the system. Both forms take turns in one process, on the same network and on
random images of 32x32 pixels, in processor seconds. The figure is the median of the ratios of
turns that follow each other, the extremes are its spread.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from zskt.data import ImageData, Split
from zskt.devices import Where, resolve, settled
from zskt.networks import create
from zskt.results import write_result
from zskt.supervised.loop import Training
from zskt.supervised.recipe import Recipe

SIZE, CLASSES = (3, 32, 32), 10


def training_of(network: str, batch_size: int, where: Where) -> Training:
    """A network with random weights before random images."""
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4 * batch_size, *SIZE), generator=random, dtype=torch.uint8)
    split = Split(images, torch.randint(0, CLASSES, (len(images),), generator=random))
    names = tuple(map(str, range(CLASSES)))
    data = ImageData(split, split, names, (0.5,) * 3, (0.25,) * 3, flips=True)
    model = create(network, classes=CLASSES, input_size=SIZE).to(where.device)
    return Training(model, data, Recipe(batch_size=batch_size, steps=10**6), where)


def spent(training: Training, steps: int, where: Where, *, kept: bool) -> float:
    """Processor seconds for some steps."""
    start = time.process_time()
    if kept:
        with settled(where):
            for _ in range(steps):
                training.advance()
    else:
        for _ in range(steps):
            with settled(where):
                training.advance()
    return time.process_time() - start


def race(network: str, asked: argparse.Namespace, where: Where) -> dict[str, Any]:
    """Both forms in turn; the first turn warms up."""
    training = training_of(network, asked.batch_size, where)
    times: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(asked.repetitions + 1):
        for kept, seconds in times.items():
            took = spent(training, asked.steps, where, kept=kept)
            if turn:
                seconds.append(took)
    ratios = [each / kept for each, kept in zip(times[False], times[True], strict=True)]
    return {
        "network": network, "steps": asked.steps,
        "processor_seconds_each_by_itself": median(times[False]),
        "processor_seconds_kept": median(times[True]), "ratio": median(ratios),
        "ratio_min": min(ratios), "ratio_max": max(ratios), "turns": len(ratios),
    }  # fmt: skip


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["wrn-10-1", "wrn-16-1", "resnet-8"])
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Time, print and write."""
    asked = arguments(words)
    start, where = time.monotonic(), resolve("cpu")
    rows = []
    for network in asked.networks:
        rows.append(race(network, asked, where))
        print(rows[-1], flush=True)
    if asked.out:
        settings = {"batch_size": asked.batch_size, "precision": where.precision}
        seconds = time.monotonic() - start
        write_result(
            asked.out, seeds=[0], settings=settings, seconds=seconds, rows=rows, device=where.name
        )


if __name__ == "__main__":
    main()
