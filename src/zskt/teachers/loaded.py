"""What a file or a name gave, before its user's word is heard."""

import json
from typing import Any, NamedTuple

from torch import nn

from zskt.images import Pixels

ABOUT = "zskt"
"""Under this name our exports keep what they take."""


class LoadedNetwork(NamedTuple):
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


def facts_of_export(about: str | None) -> dict[str, Any]:
    """What a file that we exported tells of itself, by the names of `LoadedNetwork`."""
    if about is None:
        return {}
    entries = json.loads(about)
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in entries.items()
    }
