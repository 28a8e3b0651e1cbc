"""Figure 1: the game in the plane."""

from collections.abc import Sequence
from pathlib import Path

from zskt.experiments.experiment import Experiment, Report
from zskt.experiments.protocol import Protocol
from zskt.experiments.published import TOY_TEACHER
from zskt.experiments.specs import RunSpec, toy
from zskt.experiments.store import RunStore

TITLE = "the game in the plane, with an animation"


def specs(protocol: Protocol, seeds: Sequence[int]) -> list[RunSpec]:
    """One game for each seed."""
    return [toy(seed) for seed in seeds]


def report(store: RunStore, seeds: Sequence[int], out: Path) -> Report:
    """One row for each seed."""
    runs = [store.make(toy(seed)) for seed in seeds]
    known = {"published_teacher_accuracy": TOY_TEACHER}
    rows = [{**(run.row or {"diverged": run.error}), **known} for run in runs]
    pictures = [run.path / name for run in runs if run.row for name in ("panels.png", "toy.gif")]
    return Report(rows, runs, pictures)


EXPERIMENT = Experiment(TITLE, specs, report, data=None, seeds=(4,))
