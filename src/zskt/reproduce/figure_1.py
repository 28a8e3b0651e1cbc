"""Figure 1: the game in the plane."""

from collections.abc import Sequence
from pathlib import Path

from zskt.reproduce.experiment import Experiment, Report
from zskt.reproduce.lab import Lab
from zskt.reproduce.protocol import Protocol
from zskt.reproduce.wanted import Wanted, toy


def wanted(protocol: Protocol, seeds: Sequence[int]) -> list[Wanted]:
    """One game for each seed."""
    return [toy(seed) for seed in seeds]


def report(lab: Lab, seeds: Sequence[int], out: Path) -> Report:
    """One row for each seed."""
    runs = [lab.make(toy(seed)) for seed in seeds]
    rows = [{**run.row, "published_teacher_accuracy": 0.9683} for run in runs]
    pictures = [run.path / name for run in runs for name in ("panels.png", "toy.gif")]
    return Report(rows, runs, pictures)


EXPERIMENT = Experiment(
    "the game in the plane, with an animation", wanted, report, data=None, seeds=(4,)
)
