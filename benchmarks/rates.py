"""Measure how long the parts of every reproduction take, for `zskt reproduce --list`.

    uv run python benchmarks/rates.py                      # on the CPU
    uv run python benchmarks/rates.py --device cuda        # adds those of a GPU

The file `src/zskt/assets/rates.json` is brought up to date; what was not measured is kept. Of each
unit (see `zskt.experiments.cost`) a few are run after one to warm up, and the median is taken.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from zskt import KnowledgeDistillation, Toy
from zskt.devices import Where, resolve, settled
from zskt.distillation.fabric import make_fabric
from zskt.distillation.session import Session
from zskt.experiments.catalogue import EXPERIMENTS
from zskt.experiments.cost import Unit, needed, units
from zskt.experiments.protocol import PROTOCOLS, Protocol
from zskt.files import write_atomically
from zskt.jobs.toy import quick_small_steps
from zskt.measure.beliefs.curves import transition_curves
from zskt.networks import create
from zskt.plane.experiment import experiment as toy_experiment
from zskt.results import machine
from zskt.supervised.losses import labels_alone, with_teacher

FILE = Path(__file__).parents[1] / "src" / "zskt" / "assets" / "rates.json"
PAIRS_OF_IMAGES = 64


def all_units(protocols: Sequence[str]) -> dict[Unit, Protocol]:
    """Everything that any experiment is made of, with a protocol that has it."""
    found = {}
    for protocol in (PROTOCOLS[name] for name in protocols):
        for experiment in EXPERIMENTS.values():
            for run in needed(experiment.specs(protocol, [0])):
                unit, _ = units(run, protocol)
                if unit is not None and run.rounds is None:
                    found.setdefault(unit, protocol)
    return found


def turns(unit: Unit, protocol: Protocol, where: Where) -> tuple[Callable[[], object], int]:
    """A function that does some of a unit, and how many."""
    if unit.kind == "toy":
        return lambda: run_toy(200), 200
    torch.manual_seed(0)
    student, teacher = (
        create(name or unit.student, classes=10, input_size=unit.input_size)
        .to(where.device)
        .to(memory_format=torch.channels_last)
        for name in (unit.student, unit.teacher)
    )
    if unit.kind == "distill":
        session = Session(
            teacher, student, input_size=unit.input_size, classes=10, seed=0,
            fabric=make_fabric(where),
        )  # fmt: skip
        rounds: Iterator = protocol.method.rounds(session)
        return lambda: next(rounds), 1
    images = torch.randn(128, *unit.input_size, device=where.device)
    if unit.kind == "beliefs":
        targets = torch.zeros(PAIRS_OF_IMAGES, 1, dtype=torch.long)
        few = images[:PAIRS_OF_IMAGES].cpu()
        return lambda: transition_curves(
            student, teacher, few, targets, steps=4, autocast=where.autocast
        ), 4 * PAIRS_OF_IMAGES
    return training_step(unit, teacher, student, images, where), 1


def training_step(
    unit: Unit, teacher: nn.Module, student: nn.Module, images: torch.Tensor, where: Where
) -> Callable[[], object]:
    """A step of SGD, with a teacher or without."""
    loss_of = labels_alone(student, where)
    if unit.kind == "few-shot":
        teacher.eval().requires_grad_(False)
        loss_of = with_teacher(KnowledgeDistillation(), teacher, student, unit.input_size, where)
    optimizer = torch.optim.SGD(student.parameters(), 0.01, momentum=0.9, fused=True)
    labels = torch.zeros(128, dtype=torch.long, device=where.device)
    images = images.contiguous(memory_format=torch.channels_last)

    def step() -> None:
        optimizer.zero_grad()
        loss_of(images, labels).backward()
        optimizer.step()

    return step


def run_toy(rounds: int) -> None:
    """Some rounds of the game in the plane."""
    with quick_small_steps():
        toy_experiment(Toy(rounds=rounds), lambda row: None)


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


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=list(PROTOCOLS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=FILE, help="the file to bring up to date")
    return parser.parse_args(words)


def main() -> None:
    """Measure and write."""
    asked = arguments()
    where = resolve(asked.device)
    before: dict[str, Any] = json.loads((asked.out if asked.out.exists() else FILE).read_text())
    taken = {}
    with settled(where):
        for unit, protocol in all_units(asked.protocols).items():
            do, count = turns(unit, protocol, where)
            taken[unit] = seconds_of(do, count, where.device, asked.repeats)
            print(*unit, f"{taken[unit]:.3g} seconds", flush=True)
    kind = where.device.type
    rows = [row for row in before["rows"] if row["device"] != kind or unit_of(row) not in taken]
    rows += [
        {**unit._asdict(), "device": kind, "seconds": float(f"{seconds:.3g}")}
        for unit, seconds in taken.items()
    ]
    about = machine(where.name)
    name = about["gpu"] or f"{about['cpu']}, {about['threads']} threads"
    machines = {**before["machines"], kind: name}
    write_atomically(asked.out, json.dumps({"machines": machines, "rows": rows}, indent=1) + "\n")


def unit_of(row: dict[str, Any]) -> Unit:
    """What a row of the file is about."""
    return Unit(row["kind"], row["teacher"], row["student"], tuple(row["input_size"]))


if __name__ == "__main__":
    main()
