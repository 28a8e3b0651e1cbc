"""What a file or a name gave, before its user's word is heard."""

from typing import NamedTuple

from torch import nn


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
