"""What a file or a name gave, before its user's word is heard."""

import json
from typing import Any, Literal, NamedTuple

from torch import nn

from zskt.evaluation import Normalisation

Pixels = Literal["normalised", "0-1", "0-255"]
TOPS = {"0-1": 1.0, "0-255": 255.0}
"""The highest pixel of each kind."""
ABOUT = "zskt"
"""Under this name our exports keep what they take."""


class Found(NamedTuple):
    """A network, and what is known of it; None is unknown."""

    network: nn.Module
    input_size: tuple[int, int, int] | None = None
    """Channels, height and width of its images."""
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    class_names: tuple[str, ...] | None = None
    batch: int | None = None
    """Size of the only batch that it takes."""
    pixels: Pixels = "normalised"
    """What it takes."""


def normalisation_of_pixels(pixels: Pixels, channels: int) -> Normalisation:
    """How images are that hold pixels up to 1 or 255, as the normalisation of pixels up to 1."""
    return Normalisation((0.0,) * channels, (1 / TOPS[pixels],) * channels)


def told(about: str | None) -> dict[str, Any]:
    """What a file that we exported tells of itself, by the names of `Found`."""
    if about is None:
        return {}
    entries = json.loads(about)
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in entries.items()
    }
