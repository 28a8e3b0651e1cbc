"""Ablations of the text and of appendix 1: the method with one thing changed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from zskt.experiments.experiment import Experiment, Report, compared, difference, runs_of
from zskt.experiments.protocol import Protocol
from zskt.experiments.specs import RunSpec, zero_shot
from zskt.experiments.store import RunStore
from zskt.losses import DISCREPANCIES
from zskt.methods.zskt import ZSKT
from zskt.pieces.names import TermName

DOUBLED = (
    "batch_size", "noise_size", "generator_width", "generator_learning_rate",
    "student_learning_rate", "student_steps", "clip",
)  # fmt: skip
"""Settings that are halved and doubled."""
TERMS = tuple(name for name in get_args(TermName) if name != "none")


def variants(method: ZSKT) -> dict[str, dict]:
    """Changes to the settings by what they are called in the table."""
    attention = "no attention (beta = 0)" if method.attention else "attention (beta = 250)"
    noise = "one noise for all student steps" if method.fresh_noise else "fresh noise"
    changes_of: dict[str, dict] = {
        "as it is": {},
        attention: {"attention": 0.0 if method.attention else 250.0},
        noise: {"fresh_noise": not method.fresh_noise},
    }
    for name in DISCREPANCIES:
        if name != method.discrepancy:
            changes_of[f"{name} instead of {method.discrepancy}"] = {"discrepancy": name}
    changes_of |= {f"generator: {name}": {"extra": name} for name in TERMS}
    changes_of["two generator steps"] = {"generator_steps": 2}
    changes_of["deeper generator"] = {"generator_depth": 2}
    for name in DOUBLED:
        value = getattr(method, name)
        for word, factor in (("half", 0.5), ("twice", 2)):
            changes_of[f"{word} the {name.replace('_', ' ')}"] = {name: type(value)(value * factor)}
    return changes_of


def groups(protocol: Protocol, seeds: Sequence[int]) -> dict[str, list[RunSpec]]:
    """The runs of each variant, and last the student of plain noise."""
    changes_of: dict[str, dict[str, Any]] = {
        **variants(protocol.method), "plain noise, no generator": {"method": "noise"},
    }  # fmt: skip
    return {
        name: [zero_shot(*protocol.pair, seed, **changes) for seed in seeds]
        for name, changes in changes_of.items()
    }


specs = runs_of(groups)


def report(store: RunStore, seeds: Sequence[int], out: Path) -> Report:
    """One row for each variant, with its difference to the method as it is."""
    found = compared(
        store, groups(store.protocol, seeds), lambda name: {"variant": name}, lambda name: None
    )
    whole = found.rows[0]["accuracy"]
    for row in found.rows:
        del row["published_accuracy"], row["accuracy_difference"]
        row["to_as_it_is_accuracy_difference"] = difference(row["accuracy"], whole)
    return found


EXPERIMENT = Experiment("the method with one thing changed", specs, report)
