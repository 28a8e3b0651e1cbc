"""Networks that are compared, on one device, with what each wants its images to be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zskt.data.image_data import ImageData, Split
from zskt.errors import UserError
from zskt.images import Normalisation, size_in_words
from zskt.measure.accuracy import Logits, accuracy, agreement, confusion, predict
from zskt.measure.cost import latency
from zskt.model_file import Card, parameters


@dataclass(frozen=True)
class Contender:
    """A network to be compared."""

    name: str
    network: nn.Module
    normalisation: Normalisation
    file: Path | None = None

    def on(self, device: torch.device) -> "Contender":
        """The same with its network moved."""
        self.network.to(device)
        return self

    def predict(self, split: Split) -> Logits:
        """What it says of a split."""
        return predict(self.network, split, self.normalisation)


def compare(
    teacher: Contender, others: Sequence[Contender], split: Split
) -> tuple[list[dict[str, Any]], list[list[int]]]:
    """Measure a teacher and others, the student first, on a test split.

    Returns one row per network (accuracy and agreement from 0 to 1, latency in seconds for one
    image), and the confusion between the teacher (rows) and the first other (columns).
    """
    contenders = [teacher, *others]
    logits = [each.predict(split) for each in contenders]
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


def check_fits(split: Split, card: Card) -> None:
    """Raise a `UserError` unless a network with this card can be judged on a split."""
    here = tuple(split.images.shape[1:])
    if here != card.input_size:
        wanted = size_in_words(card.input_size)
        raise UserError(
            f"the data has {size_in_words(here)} images and the network takes {wanted}; "
            "give data of that size"
        )
    highest = int(split.labels.max())
    if card.classes is not None and highest >= card.classes:
        raise UserError(
            f"the data has labels up to {highest} and the network {card.classes} classes; "
            "give data with the same classes"
        )


def in_classes_of(images: ImageData, card: Card) -> ImageData:
    """Data with labels in the order of a network's classes, where both name them alike.

    Folders of images are numbered by their names; where one is missing, the numbers of all after
    it are others than the network's. Where no name is known to both, the order is what counts.

    Raises:
        UserError: if the network knows some of the names, but not all.
    """
    names, theirs = images.class_names, card.class_names
    if theirs is None or names == theirs or not set(names) & set(theirs):
        return images
    if strange := [name for name in names if name not in theirs]:
        raise UserError(
            f"the data has the class {strange[0]!r}, which the network does not have; name the "
            f"classes as the network does: {', '.join(theirs[:20])}"
        )
    places = torch.tensor([theirs.index(name) for name in names])
    train, test = (
        Split(split.images, places[split.labels]) for split in (images.train, images.test)
    )
    return replace(images, train=train, test=test, class_names=theirs)


def check_same_classes(teacher: Card, student: Card) -> None:
    """Raise a `UserError` unless two networks have the same number of classes."""
    if teacher.classes != student.classes:
        raise UserError(
            f"the teacher has {teacher.classes} classes and the student {student.classes}; "
            "give networks with the same classes"
        )
