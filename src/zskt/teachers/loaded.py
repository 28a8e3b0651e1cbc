"""What a file or a name gave, before its user's word is heard."""

from typing import NamedTuple

from torch import nn

from zskt.images import Pixels
from zskt.model_file import frozen

ABOUT = "zskt"
"""Under this name our exports keep, as JSON, the facts of `LoadedNetwork`."""


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

    def told(self, about: str | bytes) -> "LoadedNetwork":
        """The same, with what a file that we exported tells of itself."""
        return self._replace(**frozen(about or "{}"))
