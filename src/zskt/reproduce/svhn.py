"""SVHN (section 4.1): zero-shot beside KD+AT on all images."""

from collections.abc import Sequence
from pathlib import Path

from zskt.reproduce.experiment import Experiment, Report, over_seeds
from zskt.reproduce.lab import Lab
from zskt.reproduce.protocol import Protocol
from zskt.reproduce.published import SVHN
from zskt.reproduce.wanted import Wanted, few_shot, zero_shot


def students(protocol: Protocol, seeds: Sequence[int]) -> dict[str, list[Wanted]]:
    """The students that are compared."""
    return {
        "zero-shot": [zero_shot(*protocol.pair, seed) for seed in seeds],
        "KD+AT": [few_shot(*protocol.pair, seed) for seed in seeds],
    }


def wanted(protocol: Protocol, seeds: Sequence[int]) -> list[Wanted]:
    """All runs."""
    return [run for group in students(protocol, seeds).values() for run in group]


def report(lab: Lab, seeds: Sequence[int], out: Path) -> Report:
    """One row for each kind of student."""
    known = {"zero-shot": SVHN, "KD+AT": 0.9588} if lab.published == "svhn" else {}
    rows, everything = [], []
    for name, group in students(lab.protocol, seeds).items():
        runs = [lab.make(run) for run in group]
        rows.append({"student": name, **over_seeds(runs, known.get(name))})
        everything += runs
    return Report(rows, everything)


EXPERIMENT = Experiment("zero-shot beside KD+AT on house numbers", wanted, report, data="svhn")
