"""Ablations of the text and of appendix 1: the method with one thing changed."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import get_args

from zskt.losses import DISCREPANCIES
from zskt.methods import ZSKT, generator_terms
from zskt.reproduce.experiment import Experiment, Report, over_seeds
from zskt.reproduce.lab import Lab
from zskt.reproduce.protocol import Protocol
from zskt.reproduce.wanted import Wanted, zero_shot

DOUBLED = (
    "batch_size", "noise_size", "generator_width", "generator_learning_rate",
    "student_learning_rate", "student_steps", "clip",
)  # fmt: skip
"""Settings that are halved and doubled."""
TERMS = tuple(name for name in get_args(generator_terms.Name) if name != "none")


def variants(method: ZSKT) -> dict[str, dict]:
    """Changes to the settings by what they are called in the table."""
    found: dict[str, dict] = {"as it is": {}}
    if method.attention:
        found["no attention (beta = 0)"] = {"attention": 0.0}
    else:
        found["attention (beta = 250)"] = {"attention": 250.0}
    found["fresh noise" if not method.fresh_noise else "one noise for all student steps"] = {
        "fresh_noise": not method.fresh_noise
    }
    for name in DISCREPANCIES:
        if name != method.discrepancy:
            found[f"{name} instead of {method.discrepancy}"] = {"discrepancy": name}
    for name in TERMS:
        found[f"generator: {name}"] = {"extra": name}
    found["two generator steps"] = {"generator_steps": 2}
    found["deeper generator"] = {"generator_depth": 2}
    for name in DOUBLED:
        value = getattr(method, name)
        for word, factor in (("half", 0.5), ("twice", 2)):
            found[f"{word} the {name.replace('_', ' ')}"] = {name: type(value)(value * factor)}
    return found


def groups(protocol: Protocol, seeds: Sequence[int]) -> dict[str, list[Wanted]]:
    """The runs of each variant, and last the student of plain noise."""
    found = {
        name: [zero_shot(*protocol.pair, seed, **changes) for seed in seeds]
        for name, changes in variants(protocol.method).items()
    }
    found["plain noise, no generator"] = [
        zero_shot(*protocol.pair, seed, method="noise") for seed in seeds
    ]
    return found


def wanted(protocol: Protocol, seeds: Sequence[int]) -> list[Wanted]:
    """All runs."""
    return [run for group in groups(protocol, seeds).values() for run in group]


def report(lab: Lab, seeds: Sequence[int], out: Path) -> Report:
    """One row for each variant, with its difference to the method as it is."""
    rows, everything = [], []
    whole = None
    for name, group in groups(lab.protocol, seeds).items():
        runs = [lab.make(run) for run in group]
        mean = fmean(run.accuracy for run in runs)
        whole = mean if whole is None else whole
        row = over_seeds(runs, None)
        del row["published_accuracy"], row["accuracy_difference"]
        rows.append({"variant": name, **row, "to_as_it_is_accuracy_difference": mean - whole})
        everything += runs
    return Report(rows, everything)


EXPERIMENT = Experiment("the method with one thing changed", wanted, report)
