"""Networks beside each other on one test set: quality, size and speed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import nn

from zskt.data.image_data import Split
from zskt.errors import UserError
from zskt.evaluation import Normalisation, accuracy, agreement, confusion, predict
from zskt.model_file import Card, parameters
from zskt.modes import evaluating

LATENCY_RUNS = 30


@dataclass(frozen=True)
class Contender:
    """A network to be compared."""

    name: str
    network: nn.Module
    normalisation: Normalisation
    file: Path | None = None


def compare(
    teacher: Contender, others: Sequence[Contender], split: Split
) -> tuple[list[dict[str, Any]], list[list[int]]]:
    """Measure a teacher and others on a test split.

    Args:
        teacher: what the others are to agree with.
        others: the student first.
        split: test images and labels.

    Returns:
        One row per network (accuracy and agreement from 0 to 1, latency in seconds for one
        image), and the confusion between the teacher (rows) and the first other (columns).
    """
    contenders = [teacher, *others]
    logits = [predict(each.network, split, each.normalisation) for each in contenders]
    channels, height, width = split.images.shape[1:]
    rows = [
        {
            "network": each.name,
            "accuracy": accuracy(said, split.labels),
            "agreement": agreement(said, logits[0]),
            "parameters": parameters(each.network),
            "file_bytes": each.file.stat().st_size if each.file else None,
            "latency_seconds": latency(each.network, (channels, height, width)),
        }
        for each, said in zip(contenders, logits, strict=True)
    ]
    return rows, confusion(logits[0], logits[1])


@torch.no_grad()
def latency(network: nn.Module, input_size: tuple[int, int, int]) -> float:
    """Median seconds for one image in eval mode, over 30 runs on the network's own device."""
    parameter = next(network.parameters())
    image = torch.zeros(1, *input_size, device=parameter.device, dtype=parameter.dtype)
    seconds = []
    with evaluating(network):
        for _ in range(LATENCY_RUNS + 5):
            start = perf_counter()
            # Reading a value back waits for the device.
            network(image).sum().item()
            seconds.append(perf_counter() - start)
    return median(seconds[5:])


def check_fits(split: Split, card: Card) -> None:
    """Raise a `UserError` unless a network with this card can be judged on a split."""
    here = tuple(split.images.shape[1:])
    if here != card.input_size:
        raise UserError(
            f"the data has {_by(here)} images and the network takes {_by(card.input_size)}; "
            "give data of that size"
        )
    highest = int(split.labels.max())
    if card.classes is not None and highest >= card.classes:
        raise UserError(
            f"the data has labels up to {highest} and the network {card.classes} classes; "
            "give data with the same classes"
        )


def check_same_classes(teacher: Card, student: Card) -> None:
    """Raise a `UserError` unless two networks have the same number of classes."""
    if teacher.classes != student.classes:
        raise UserError(
            f"the teacher has {teacher.classes} classes and the student {student.classes}; "
            "give networks with the same classes"
        )


def normalisation_of(card: Card) -> Normalisation:
    """The normalisation that a network's card tells; or a `UserError`."""
    if card.mean is None or card.std is None:
        raise UserError(
            "the network's file does not say how its images are normalised; train it with zskt"
        )
    return Normalisation(card.mean, card.std)


def _by(size: tuple[int, ...]) -> str:
    return "x".join(str(number) for number in size)
