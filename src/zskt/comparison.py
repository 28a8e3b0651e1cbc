"""Networks beside each other: quality on one test set, size and speed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from zskt.data.image_data import Split
from zskt.errors import UserError
from zskt.evaluation import Logits, Normalisation, accuracy, agreement, confusion, predict
from zskt.model_file import Card, parameters
from zskt.modes import evaluating

LATENCY_RUNS = 30
LATENCY_SECONDS = 5.0
WARM_UP = 5


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


def costs(each: Contender, input_size: tuple[int, int, int]) -> dict[str, Any]:
    """Parameters, multiply-accumulates, bytes on disk, seconds for 1 and for 64 images."""
    row: dict[str, Any] = {
        "network": each.name,
        "parameters": parameters(each.network),
        "macs": multiply_accumulates(each.network, input_size),
        "file_bytes": each.file.stat().st_size if each.file else None,
    }
    for batch in (1, 64):
        middle, slow = latencies(each.network, input_size, batch)
        row |= {f"seconds_of_{batch}_p50": middle, f"seconds_of_{batch}_p95": slow}
    return row


def qualities(
    logits: Logits, teachers: Logits, labels: Int64[Tensor, " count"]
) -> dict[str, float]:
    """How good logits are: accuracy, top 5, agreement with a teacher, calibration error, 0 to 1.

    The calibration error is the expected one over 15 bins of equal width (Guo et al., 2017,
    arXiv:1706.04599).
    """
    # It takes longer to import than everything else together.
    from torchmetrics.functional.classification import multiclass_calibration_error

    classes = logits.shape[1]
    best = logits.topk(min(5, classes)).indices
    error = multiclass_calibration_error(logits.softmax(1), labels, classes, n_bins=15)
    return {
        "accuracy": accuracy(logits, labels),
        "top_5_accuracy": (best == labels[:, None]).any(1).double().mean().item(),
        "agreement": agreement(logits, teachers),
        "calibration_error": float(error),
    }


@torch.no_grad()
def multiply_accumulates(network: nn.Module, input_size: tuple[int, int, int]) -> int:
    """Of convolutions and products for one image, counted as they run; half of the flops."""
    parameter = next(network.parameters())
    image = torch.zeros(1, *input_size, device=parameter.device, dtype=parameter.dtype)
    with evaluating(network), FlopCounterMode(display=False) as counted:
        network(image)
    return counted.get_total_flops() // 2


def latency(network: nn.Module, input_size: tuple[int, int, int]) -> float:
    """Median seconds for one image in eval mode, over 30 runs on the network's own device."""
    return latencies(network, input_size, 1)[0]


@torch.no_grad()
def latencies(
    network: nn.Module, input_size: tuple[int, int, int], batch: int
) -> tuple[float, float]:
    """Seconds for one batch in eval mode on the network's own device: median and 95th percentile.

    Over 30 runs, or fewer if they take more than five seconds, after five to warm up.
    """
    parameter = next(network.parameters())
    images = torch.zeros(batch, *input_size, device=parameter.device, dtype=parameter.dtype)
    seconds: list[float] = []
    with evaluating(network):
        while len(seconds) < WARM_UP + 5 or (
            len(seconds) < WARM_UP + LATENCY_RUNS and sum(seconds) < LATENCY_SECONDS
        ):
            start = perf_counter()
            # Reading a value back waits for the device.
            network(images).sum().item()
            seconds.append(perf_counter() - start)
    ordered = sorted(seconds[WARM_UP:])
    return median(ordered), ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]


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


def normalised_as(card: Card, teacher: Card) -> Card:
    """A student's card, with its teacher's normalisation, in which it learnt, if it tells none."""
    return card if card.mean is not None else replace(card, mean=teacher.mean, std=teacher.std)


def normalisation_of(card: Card) -> Normalisation:
    """The normalisation that a network's card tells; or a `UserError`."""
    if card.mean is None or card.std is None:
        raise UserError("nothing says how a network's images are normalised; give --mean and --std")
    return Normalisation(card.mean, card.std)


def _by(size: tuple[int, ...]) -> str:
    return "x".join(str(number) for number in size)
