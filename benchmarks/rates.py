"""Measure how long the parts of every reproduction take, for `zskt reproduce --list`.

    uv run python benchmarks/rates.py                      # on the CPU
    uv run python benchmarks/rates.py --device cuda        # adds those of a GPU

The file `src/zskt/assets/rates.json` is written anew; rates of the other device are kept. Of each
unit (see `zskt.experiments.cost`) a few are run after one to warm up, and the median is taken.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn
from zskt.jobs.reproduce import EXPERIMENTS
from zskt.supervised.guidance import KnowledgeDistillation, labels_alone

from zskt.devices import make_fabric
from zskt.distillation.session import Session
from zskt.experiments.cost import Unit, needed, units
from zskt.experiments.protocol import PROTOCOLS, Protocol
from zskt.files import write_atomically
from zskt.jobs.toy import quick_small_steps
from zskt.measure.beliefs.curves import transition_curves
from zskt.networks import create
from zskt.results import machine
from zskt.toy.game import Toy

FILE = Path(__file__).parents[1] / "src" / "zskt" / "assets" / "rates.json"
PAIRS_OF_IMAGES = 64


def all_units() -> dict[Unit, Protocol]:
    """Everything that any experiment is made of, with a protocol that has it."""
    found = {}
    for protocol in PROTOCOLS.values():
        for experiment in EXPERIMENTS.values():
            for run in needed(experiment.wanted(protocol, [0])):
                unit, _ = units(run, protocol)
                if unit is not None:
                    found.setdefault(unit, protocol)
    return found


def turns(unit: Unit, protocol: Protocol, fabric: Fabric) -> tuple[Callable[[], object], int]:
    """A function that does some of a unit, and how many."""
    if unit.kind == "toy":
        return lambda: run_toy(200), 200
    torch.manual_seed(0)
    student, teacher = (
        fabric.to_device(create(name or unit.student, classes=10, input_size=unit.input_size))
        for name in (unit.student, unit.teacher)
    )
    if unit.kind == "distill":
        game = Session(
            teacher, student, input_size=unit.input_size, classes=10, rounds=1000, seed=0,
            fabric=fabric,
        )  # fmt: skip
        rounds: Iterator = protocol.method.play(game)
        return lambda: next(rounds), 1
    images = torch.randn(128, *unit.input_size, device=fabric.device)
    if unit.kind == "beliefs":
        targets = torch.zeros(PAIRS_OF_IMAGES, 1, dtype=torch.long)
        few = images[:PAIRS_OF_IMAGES].cpu()
        return lambda: transition_curves(
            student, teacher, few, targets, steps=4, autocast=fabric.autocast
        ), 4 * PAIRS_OF_IMAGES
    return training_step(unit, teacher, student, images, fabric), 1


def training_step(
    unit: Unit, teacher: nn.Module, student: nn.Module, images: torch.Tensor, fabric: Fabric
) -> Callable[[], object]:
    """A step of SGD, with a teacher or without."""
    student, teacher = (each.to(memory_format=torch.channels_last) for each in (student, teacher))
    lesson = labels_alone(student, fabric)
    if unit.kind == "few-shot":
        teacher.eval().requires_grad_(False)
        lesson = KnowledgeDistillation().lesson(teacher, student, unit.input_size, fabric)
    optimizer = torch.optim.SGD(student.parameters(), 0.01, momentum=0.9, fused=True)
    labels = torch.zeros(128, dtype=torch.long, device=fabric.device)
    images = images.contiguous(memory_format=torch.channels_last)

    def step() -> None:
        optimizer.zero_grad()
        lesson(images, labels).backward()
        optimizer.step()

    return step


def run_toy(rounds: int) -> None:
    """Some rounds of the game in the plane."""
    from zskt.toy.experiment import experiment

    with quick_small_steps():
        experiment(Toy(rounds=rounds), lambda row: None)


def seconds_of(do: Callable[[], object], count: int, device: torch.device, repeats: int) -> float:
    """Median seconds of one unit."""
    taken = []
    for _ in range(repeats + 1):
        if device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        do()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append((time.perf_counter() - start) / count)
    return median(taken[1:])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    fabric = make_fabric(asked.device)
    before: dict[str, Any] = json.loads(FILE.read_text())
    rows = [row for row in before["rows"] if row["device"] != asked.device]
    for unit, protocol in all_units().items():
        do, count = turns(unit, protocol, fabric)
        seconds = seconds_of(do, count, fabric.device, asked.repeats)
        rows.append({**unit._asdict(), "device": asked.device, "seconds": float(f"{seconds:.3g}")})
        print(rows[-1], flush=True)
    about = machine(asked.device)
    name = about["gpu"] or f"{about['cpu']}, {about['threads']} threads"
    machines = {**before["machines"], asked.device: name}
    write_atomically(FILE, json.dumps({"machines": machines, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
