"""Ablations of the text and of appendix 1: the method with one thing changed."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from zskt.experiments.experiment import Experiment, Report, over_seeds
from zskt.experiments.protocol import Protocol
from zskt.experiments.specs import RunSpec, zero_shot
from zskt.experiments.store import RunStore
from zskt.losses import DISCREPANCIES
from zskt.methods.names import TermName
from zskt.methods.zskt import ZSKT

DOUBLED = (
    "batch_size", "noise_size", "generator_width", "generator_learning_rate",
    "student_learning_rate", "student_steps", "clip",
)  # fmt: skip
"""Settings that are halved and doubled."""
TERMS = tuple(name for name in get_args(TermName) if name != "none")


def variants(method: ZSKT) -> dict[str, dict]:
    """Changes to the settings by what they are called in the table."""
    changes_of: dict[str, dict] = {"as it is": {}}
    if method.attention:
        changes_of["no attention (beta = 0)"] = {"attention": 0.0}
    else:
        changes_of["attention (beta = 250)"] = {"attention": 250.0}
    changes_of["fresh noise" if not method.fresh_noise else "one noise for all student steps"] = {
        "fresh_noise": not method.fresh_noise
    }
    for name in DISCREPANCIES:
        if name != method.discrepancy:
            changes_of[f"{name} instead of {method.discrepancy}"] = {"discrepancy": name}
    for name in TERMS:
        changes_of[f"generator: {name}"] = {"extra": name}
    changes_of["two generator steps"] = {"generator_steps": 2}
    changes_of["deeper generator"] = {"generator_depth": 2}
    for name in DOUBLED:
        value = getattr(method, name)
        for word, factor in (("half", 0.5), ("twice", 2)):
            changes_of[f"{word} the {name.replace('_', ' ')}"] = {name: type(value)(value * factor)}
    return changes_of


def groups(protocol: Protocol, seeds: Sequence[int]) -> dict[str, list[RunSpec]]:
    """The runs of each variant, and last the student of plain noise."""
    found = {
        name: [zero_shot(*protocol.pair, seed, **changes) for seed in seeds]
        for name, changes in variants(protocol.method).items()
    }
    found["plain noise, no generator"] = [
        zero_shot(*protocol.pair, seed, method="noise") for seed in seeds
    ]
    return found


def specs(protocol: Protocol, seeds: Sequence[int]) -> list[RunSpec]:
    """All runs."""
    return [run for group in groups(protocol, seeds).values() for run in group]


def report(store: RunStore, seeds: Sequence[int], out: Path) -> Report:
    """One row for each variant, with its difference to the method as it is."""
    rows, everything = [], []
    whole = None
    for name, group in groups(store.protocol, seeds).items():
        runs = [store.make(run) for run in group]
        row = over_seeds(runs, None)
        del row["published_accuracy"], row["accuracy_difference"]
        mean = row["accuracy"]
        whole = mean if whole is None else whole
        apart = None if mean is None or whole is None else mean - whole
        rows.append({"variant": name, **row, "to_as_it_is_accuracy_difference": apart})
        everything += runs
    return Report(rows, everything)


EXPERIMENT = Experiment("the method with one thing changed", specs, report)
