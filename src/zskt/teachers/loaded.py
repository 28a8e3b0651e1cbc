"""What a file or a name gave, before its user's word is heard."""

from typing import NamedTuple, get_args

from torch import nn

from zskt.card import Card, check_card, frozen
from zskt.errors import read_from
from zskt.images import Pixels

ABOUT = "zskt"
"""Under this name our exports keep, as JSON, the facts of `LoadedNetwork`."""


TOLD = ("input_size", "mean", "std", "class_names", "pixels")


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
        """The same, with what a file that we exported tells of itself.

        Raises:
            UserError: if it tells what no file of ours does.
        """
        with read_from("what the file tells of itself", "export it anew"):
            facts = {name: value for name, value in frozen(about or "{}").items() if name in TOLD}
            size = facts.get("input_size") or self.input_size or (1, 1, 1)
            card = Card(
                architecture=None, input_size=size, mean=facts.get("mean"), std=facts.get("std"),
                class_names=facts.get("class_names"),
            )  # fmt: skip
            check_card(card)
            if facts.get("pixels", "normalised") not in get_args(Pixels):
                raise ValueError(facts["pixels"])
            return self._replace(**facts)
