"""SVHN (section 4.1): zero-shot beside KD+AT on all images."""

from collections.abc import Sequence
from pathlib import Path

from zskt.experiments.experiment import Experiment, Report, over_seeds
from zskt.experiments.protocol import Protocol
from zskt.experiments.published import FIGURE_2, SVHN
from zskt.experiments.specs import RunSpec, few_shot, zero_shot
from zskt.experiments.store import RunStore


def students(protocol: Protocol, seeds: Sequence[int]) -> dict[str, list[RunSpec]]:
    """The students that are compared."""
    return {
        "zero-shot": [zero_shot(*protocol.pair, seed) for seed in seeds],
        "KD+AT": [few_shot(*protocol.pair, seed) for seed in seeds],
    }


def specs(protocol: Protocol, seeds: Sequence[int]) -> list[RunSpec]:
    """All runs."""
    return [run for group in students(protocol, seeds).values() for run in group]


def report(store: RunStore, seeds: Sequence[int], out: Path) -> Report:
    """One row for each kind of student."""
    known = (
        {"zero-shot": SVHN, "KD+AT": FIGURE_2["svhn"]["KD+AT"][None]}
        if store.published == "svhn"
        else {}
    )
    rows, everything = [], []
    for name, group in students(store.protocol, seeds).items():
        runs = [store.make(run) for run in group]
        rows.append({"student": name, **over_seeds(runs, known.get(name))})
        everything += runs
    return Report(rows, everything)


EXPERIMENT = Experiment("zero-shot beside KD+AT on house numbers", specs, report, data="svhn")
