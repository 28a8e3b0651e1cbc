"""SVHN (section 4.1): zero-shot beside KD+AT on all images."""

from collections.abc import Sequence
from pathlib import Path

from zskt.experiments.experiment import Experiment, Report, compared, runs_of
from zskt.experiments.protocol import Protocol
from zskt.experiments.published import FIGURE_2, SVHN
from zskt.experiments.specs import RunSpec, few_shot, zero_shot
from zskt.experiments.store import RunStore

PUBLISHED = {"zero-shot": SVHN, "KD+AT": FIGURE_2["svhn"]["KD+AT"][None]}


def students(protocol: Protocol, seeds: Sequence[int]) -> dict[str, list[RunSpec]]:
    """The students that are compared."""
    return {
        "zero-shot": [zero_shot(*protocol.pair, seed) for seed in seeds],
        "KD+AT": [few_shot(*protocol.pair, seed) for seed in seeds],
    }


specs = runs_of(students)


def report(store: RunStore, seeds: Sequence[int], out: Path) -> Report:
    """One row for each kind of student."""
    known = PUBLISHED if store.published == "svhn" else {}
    groups = students(store.protocol, seeds)
    return compared(store, groups, lambda name: {"student": name}, known.get)


EXPERIMENT = Experiment("zero-shot beside KD+AT on house numbers", specs, report, data="svhn")
