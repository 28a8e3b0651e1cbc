"""How long an experiment takes, from rates that were measured (`benchmarks/rates.py`).

Rates are seconds of
    train      a training step of a network, batch 128
    few-shot   a training step with a teacher, batch 128
    distill    a zero-shot round with the protocol's settings
    beliefs    a step of one image towards one class
    toy        a round of the game in the plane

Ablations are counted as rounds with the protocol's settings, whatever they change.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from zskt.experiments.protocol import Protocol
from zskt.experiments.specs import RunSpec, teacher
from zskt.measure.beliefs.settings import Measurement
from zskt.supervised.recipe import FineTuning

DEVICES = ("cpu", "cuda")


class Unit(NamedTuple):
    """What a run is made of."""

    kind: str
    teacher: str | None
    student: str
    input_size: tuple[int, int, int]


@cache
def measured() -> dict[str, Any]:
    """What `benchmarks/rates.py` wrote."""
    return json.loads((files("zskt") / "assets" / "rates.json").read_text())


def rate(unit: Unit, device: str) -> float | None:
    """Seconds of one unit; None where it was not measured."""
    asked = {**unit._asdict(), "input_size": list(unit.input_size), "device": device}
    return next(
        (row["seconds"] for row in measured()["rows"] if asked.items() <= row.items()), None
    )


def units(spec: RunSpec, protocol: Protocol) -> tuple[Unit | None, float]:
    """What a run is made of, and how many of it."""
    epoch = protocol.train_images / 128
    both = spec.teacher, spec.student, protocol.input_size
    alone = None, spec.student, protocol.input_size
    match spec.kind:
        case "teacher":
            return Unit("train", *alone), protocol.teacher.epochs * epoch
        case "train" if spec.teacher is None:
            return Unit("train", *alone), protocol.student.epochs * epoch
        case "train":
            return Unit("few-shot", *both), protocol.student.epochs * epoch
        case "finetune":
            return Unit("few-shot", *both), FineTuning().steps or 0
        case "distill" if spec.rounds is not None:
            # Rounds with settings of their own, which no rate was measured of.
            return Unit(f"{spec.method} of a grid", *both), spec.rounds
        case "distill":
            return Unit("distill", *both), protocol.rounds
        case "beliefs":
            walks = (spec.images or protocol.belief_images) * (protocol.classes - 1)
            return Unit("beliefs", *both), walks * Measurement().steps
        case "toy":
            return Unit("toy", None, spec.student, (1, 1, 2)), protocol.toy_rounds
    return None, 0


def needed(runs: Sequence[RunSpec]) -> list[RunSpec]:
    """Runs and their teachers, each once."""
    teachers = [teacher(run.teacher) for run in runs if run.teacher]
    return list(dict.fromkeys([*teachers, *runs]))


def seconds(runs: Sequence[RunSpec], protocol: Protocol, device: str) -> float | None:
    """Of all runs and their teachers; None if a rate was not measured.

    Judging students on the test set and drawing are not counted.
    """
    total = 0.0
    for unit, count in (units(run, protocol) for run in needed(runs)):
        each = 0.0 if unit is None else rate(unit, device)
        if each is None:
            return None
        total += count * each
    return total
