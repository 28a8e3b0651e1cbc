"""What an experiment is, and the arithmetic that they share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from zskt.reproduce.lab import Lab, Made
from zskt.reproduce.protocol import Protocol
from zskt.reproduce.wanted import Wanted


@dataclass
class Report:
    """What an experiment found."""

    rows: list[dict[str, Any]]
    """Lines of the table: ours, published and the difference."""
    runs: list[Made] = field(default_factory=list)
    """Everything that they were made of."""
    pictures: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Experiment:
    """A table or figure of the paper."""

    title: str
    wanted: Callable[[Protocol, Sequence[int]], list[Wanted]]
    """The runs that it needs."""
    report: Callable[[Lab, Sequence[int], Path], Report]
    """Makes rows, and pictures in a folder."""
    data: str | None = "cifar10"
    """The paper's data; None if the experiment needs none."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """The authors'."""


def over_seeds(runs: Sequence[Made], published: float | None) -> dict[str, Any]:
    """Mean and standard deviation (of the population, as the authors) of the last accuracies."""
    accuracies = [run.accuracy for run in runs]
    mean = fmean(accuracies)
    return {
        "accuracy": mean,
        "accuracy_std": pstdev(accuracies),
        "seeds": len(runs),
        "published_accuracy": published,
        "accuracy_difference": None if published is None else mean - published,
        "run_seconds": round(fmean(run.seconds for run in runs), 1),
    }
