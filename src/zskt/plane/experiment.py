"""The whole experiment: a teacher from the data, the game, and what the student is worth.

The data are for the teacher and for judging; the game sees none of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Adam

from zskt.errors import DivergedError
from zskt.measure.accuracy import accuracy, agreement
from zskt.plane.data import CLASSES, Labelled, butterfly
from zskt.plane.game import REACH, ToyRound, perceptron, rounds
from zskt.plane.settings import Toy
from zskt.seeds import stream

MAP_SIDE = 101
"""Points along one side of a snapshot's map of the plane."""
FINE_SIDE = 301
"""The same for the result: a step of 0.02, as in the paper's maps."""
SNAPSHOTS = 60
"""How often the student is looked at, evenly over the game, besides `EARLY`."""
EARLY = (0, 1, 2, 4, 8, 16)
"""Rounds at which it is looked at too, 0 being before the first: it changes fastest there."""

Map = Float[Tensor, "side side classes"]


@dataclass(frozen=True)
class Snapshot:
    """The student after a round."""

    map: Map
    """Its probabilities over the plane, a row for each y from low to high."""
    points: Float[Tensor, "points 2"] | None
    """Where it learnt in this round; None before the first."""
    row: dict[str, Any]
    """What was measured."""


@dataclass(frozen=True)
class Outcome:
    """What the experiment leaves for the result and the pictures."""

    train: Labelled
    teacher_map: Map
    snapshots: list[Snapshot]
    figures: dict[str, float]
    """Accuracies on the test points, agreements there and on the plane, all 0 to 1."""


def experiment(toy: Toy, record: Callable[[dict[str, Any]], None]) -> Outcome:
    """Train a teacher, play the game, look at the student now and then.

    `record` is given every row of measurements as soon as it is made.
    """
    train, test = butterfly(toy.seed)
    teacher, student = (perceptron(stream(toy.seed, name)) for name in ("teacher", "student"))
    teach(teacher, train, toy)
    looks = _Looks(teacher, student, test)
    untrained_agreement = _plane_agreement(teacher, student)
    snapshots = [looks(0, None)]
    record(snapshots[0].row)
    looked_at = {toy.rounds * number // SNAPSHOTS for number in range(1, SNAPSHOTS + 1)} | {*EARLY}
    played = rounds(teacher, student, toy, _random(toy, "points"))
    for number, each in enumerate(islice(played, toy.rounds), start=1):
        if number in looked_at:
            if not (torch.isfinite(each.points).all() and isfinite(each.found + each.left)):
                raise DivergedError(
                    f"in round {number} the game is no longer finite; lower the learning rates"
                )
            snapshots.append(looks(number, each))
            record(snapshots[-1].row)
    first, last = snapshots[0].row, snapshots[-1].row
    figures = {
        "teacher_accuracy": accuracy(looks.logits_on_test, test.labels),
        "untrained_accuracy": first["student_accuracy"],
        "student_accuracy": last["student_accuracy"],
        "test_agreement": last["test_agreement"],
        "untrained_plane_agreement": untrained_agreement,
        "plane_agreement": _plane_agreement(teacher, student),
    }
    return Outcome(train, looks.teacher_map, snapshots, figures)


def teach(teacher: nn.Module, train: Labelled, toy: Toy) -> None:
    """Train on the labels, by Adam and cross entropy."""
    adam = Adam(teacher.parameters(), toy.teacher_learning_rate, fused=True)
    random = _random(toy, "batches")
    for _ in range(toy.teacher_epochs):
        for batch in torch.randperm(len(train), generator=random).split(toy.teacher_batch_size):
            adam.zero_grad()
            F.cross_entropy(teacher(train.points[batch]), train.labels[batch]).backward()
            adam.step()


@torch.no_grad()
def logits_of(
    network: nn.Module, points: Float[Tensor, "count 2"]
) -> Float[Tensor, "count classes"]:
    """Logits of many points, some at a time for the sake of memory."""
    return torch.cat([network(some) for some in points.split(4096)])


def grid(side: int) -> Float[Tensor, "count 2"]:
    """Points (x, y) over the whole square, rows from low to high y."""
    axis = torch.linspace(-REACH, REACH, side)
    return torch.cartesian_prod(axis, axis).flip(1)


class _Looks:
    """Measures the student beside the teacher; the game does not know of it."""

    def __init__(self, teacher: nn.Module, student: nn.Module, test: Labelled):
        self.student = student
        self.test = test
        self.plane = grid(MAP_SIDE)
        self.logits_on_plane = logits_of(teacher, self.plane)
        self.logits_on_test = logits_of(teacher, test.points)
        self.teacher_map = _as_map(self.logits_on_plane)

    def __call__(self, number: int, played: ToyRound | None) -> Snapshot:
        on_plane = logits_of(self.student, self.plane)
        on_test = logits_of(self.student, self.test.points)
        row = {
            "round": number,
            "found": played.found if played else None,
            "left": played.left if played else None,
            "student_accuracy": accuracy(on_test, self.test.labels),
            "test_agreement": agreement(on_test, self.logits_on_test),
            "agreement": agreement(on_plane, self.logits_on_plane),
        }
        return Snapshot(_as_map(on_plane), played.points if played else None, row)


def _plane_agreement(teacher: nn.Module, student: nn.Module) -> float:
    fine = grid(FINE_SIDE)
    return agreement(logits_of(teacher, fine), logits_of(student, fine))


def _as_map(logits: Float[Tensor, "count classes"]) -> Map:
    return logits.softmax(1).view(MAP_SIDE, MAP_SIDE, CLASSES)


def _random(toy: Toy, name: str) -> torch.Generator:
    return torch.Generator().manual_seed(stream(toy.seed, name))
