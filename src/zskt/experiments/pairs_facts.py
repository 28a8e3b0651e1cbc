"""What is known of the networks of a grid before one teaches another."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from zskt.errors import DivergedError
from zskt.experiments.store import RunStore
from zskt.jobs.loading import data_of, own_network
from zskt.measure.accuracy import accuracy, predict
from zskt.measure.smoothness import distance_to_boundary
from zskt.model_file import parameters
from zskt.networks import create

Row = dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """What is known of one network of the grid."""

    name: str
    parameters: int
    layers: int
    """Convolutions and linear layers, those of shortcuts among them."""
    family: str
    """The class that it is of."""
    norm: str
    accuracy: float | None = None
    """Of a teacher."""
    smoothness: float | None = None
    """Of a teacher: the mean distance from a test image to a boundary (measure/smoothness.py)."""

    def row(self) -> Row:
        """A line of a table."""
        about = {"network": self.name, "family": self.family, "norm": self.norm}
        row = {**about, "parameters": self.parameters, "layers": self.layers}
        return row | {"test_accuracy": self.accuracy, "smoothness": self.smoothness}


def facts_of(store: RunStore, name: str, *, taught: bool) -> Facts:
    """Of a teacher, which is made if need be, or of a student as it starts."""
    data = data_of(store.data, store.data_dir)
    accuracy_of, smooth = None, None
    network = create(name, classes=data.classes, input_size=data.input_size)
    # Of a teacher that diverged there is only what it would have been.
    with suppress(DivergedError):
        if taught:
            network, card, _ = own_network(store.model(name))
            known = card.known_normalisation()
            accuracy_of = accuracy(predict(network, data.test, known), data.test.labels)
            smooth = distance_to_boundary(network, data.test, known)
    layers = sum(isinstance(each, nn.Conv2d | nn.Linear) for each in network.modules())
    family = type(network).__name__
    return Facts(name, parameters(network), layers, family, norm_of(network), accuracy_of, smooth)


def norm_of(network: nn.Module) -> str:
    """The normalisation in a network: `batch`, `group`, `layer` or `none`."""
    kinds: dict[str, Any] = {"batch": _BatchNorm, "group": nn.GroupNorm, "layer": nn.LayerNorm}
    for name, kind in kinds.items():
        if any(isinstance(each, kind) for each in network.modules()):
            return name
    return "none"


def known_of(first: Facts, second: Facts) -> Row:
    """What is known of a pair beforehand."""
    return {
        "teacher_accuracy": first.accuracy,
        "teacher_smoothness": first.smoothness,
        "teacher_parameters": first.parameters,
        "student_parameters": second.parameters,
        "parameters_ratio": second.parameters / first.parameters,
        "layers_ratio": second.layers / first.layers,
        "same_family": int(first.family == second.family),
        "same_norm": int(first.norm == second.norm),
        "teacher_batch_norm": int(first.norm == "batch"),
        "student_batch_norm": int(second.norm == "batch"),
    }
