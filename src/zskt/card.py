"""The card in a model file's header: what a network needs to be built again and to be fed."""

import json
import math
from dataclasses import dataclass, replace
from typing import Any

from zskt.errors import UserError
from zskt.images import Normalisation
from zskt.networks.arguments import LARGEST

MOST_NUMBERS = 2**24
"""Of one image: a file may not choose how much memory a few images take."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is needed to build a network again and to feed it."""

    architecture: str | None
    """A name that `create` knows, `generator`, or None for a network of the user's own class."""
    arguments: dict[str, Any] | None = None
    """Further arguments of `create`."""
    input_size: tuple[int, int, int]
    """Channels, height and width of the images it takes (a generator: draws)."""
    classes: int | None = None
    noise_size: int | None = None
    """Length of a generator's noise vector."""
    width: int | None = None
    """Channels of a generator's first maps."""
    depth: int | None = None
    """Convolutions of a generator after each upsampling; None is one."""
    bounded: bool = False
    """Whether a generator keeps its images between the lowest and the highest pixel."""
    mean: tuple[float, ...] | None = None
    """Normalisation of the images, pixels taken from 0 to 1; None where it is not known."""
    std: tuple[float, ...] | None = None
    class_names: tuple[str, ...] | None = None

    @property
    def normalisation(self) -> Normalisation | None:
        """Of its images; None where it is not known."""
        if self.mean is None or self.std is None:
            return None
        return Normalisation(self.mean, self.std)

    def known_normalisation(self) -> Normalisation:
        """Of its images; or a `UserError`."""
        if (normalisation := self.normalisation) is None:
            raise UserError(
                "nothing says how a network's images are normalised; give `mean` and `std`"
            )
        return normalisation

    def normalised_as(self, teacher: "Card") -> "Card":
        """The same with its teacher's normalisation, in which it learnt, if it tells none."""
        return self if self.mean is not None else replace(self, mean=teacher.mean, std=teacher.std)


def check_card(card: Card) -> None:
    """Raise a `TypeError` unless a card holds what cards hold, in sizes that networks have."""
    if not isinstance(card.input_size, tuple):
        raise TypeError(card)
    channels = card.input_size[0] if len(card.input_size) == 3 else None
    numbers = (*card.input_size, card.classes, card.noise_size, card.width, card.depth)
    small = all(type(each) is int and 0 < each <= LARGEST for each in numbers if each is not None)
    small = small and math.prod(card.input_size) <= MOST_NUMBERS
    statistics = (*(card.mean or ()), *(card.std or ()))
    lengths = {len(values) for values in (card.mean, card.std) if values is not None}
    whole = card.architecture != "generator" or (card.noise_size and card.width)
    if not (
        channels and small and whole and lengths <= {channels}
        and isinstance(card.architecture, str | None) and isinstance(card.arguments, dict | None)
        and isinstance(card.class_names, tuple | None)
        and all(isinstance(each, int | float) and math.isfinite(each) for each in statistics)
        and all(each > 0 for each in card.std or ())
    ):  # fmt: skip
        raise TypeError(card)


def frozen(text: str | bytes) -> dict[str, Any]:
    """A JSON object, whose lists become tuples."""
    entries = json.loads(text).items()
    return {name: tuple(value) if isinstance(value, list) else value for name, value in entries}
