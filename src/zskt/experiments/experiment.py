"""What an experiment is, and the arithmetic that they share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from zskt.experiments.protocol import Protocol
from zskt.experiments.specs import RunSpec
from zskt.experiments.store import FinishedRun, RunStore

Specs = Callable[[Protocol, Sequence[int]], list[RunSpec]]


@dataclass
class Report:
    """What an experiment found."""

    rows: list[dict[str, Any]]
    """Lines of the table: ours, published and the difference."""
    runs: list[FinishedRun] = field(default_factory=list)
    """Everything that they were made of."""
    pictures: list[Path] = field(default_factory=list)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Further tables, by name."""


@dataclass(frozen=True)
class Experiment:
    """A table or figure of the paper."""

    title: str
    specs: Specs
    """The runs that it needs."""
    report: Callable[[RunStore, Sequence[int], Path], Report]
    """Makes rows, and pictures in a folder."""
    data: str | None = "cifar10"
    """The paper's data; None if the experiment needs none."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """The authors'."""


def runs_of(groups: Callable[[Protocol, Sequence[int]], Mapping[Any, list[RunSpec]]]) -> Specs:
    """Every run of an experiment's groups once; a group has a run for each seed."""
    return lambda protocol, seeds: list(
        dict.fromkeys(chain.from_iterable(groups(protocol, seeds).values()))
    )


def compared(
    store: RunStore,
    groups: Mapping[Any, list[RunSpec]],
    about: Callable[[Any], dict[str, Any]],
    published: Callable[[Any], float | None],
) -> Report:
    """One row for each group of runs: what it is about, and its accuracy beside the published."""
    report = Report([])
    for name, group in groups.items():
        runs = [store.make(run) for run in group]
        report.rows.append({**about(name), **over_seeds(runs, published(name))})
        report.runs += runs
    return report


def over_seeds(runs: Sequence[FinishedRun], published: float | None) -> dict[str, Any]:
    """Mean and standard deviation (of the population, as the authors) of the last accuracies.

    Runs that diverged are not in the means; the row counts them and says why.
    """
    finished = [run for run in runs if run.error is None]
    errors = [run.error for run in runs if run.error is not None]
    accuracies = [run.accuracy for run in finished]
    mean = fmean(accuracies) if finished else None
    row = {
        "accuracy": mean,
        "accuracy_std": pstdev(accuracies) if finished else None,
        "seeds": len(finished),
        "published_accuracy": published,
        "accuracy_difference": difference(mean, published),
        "run_seconds": round(fmean(run.seconds for run in finished), 1) if finished else None,
    }
    return {**row, "diverged": f"{len(errors)}: {errors[0]}"} if errors else row


def difference(ours: float | None, other: float | None) -> float | None:
    """None if either is missing."""
    return None if ours is None or other is None else ours - other
