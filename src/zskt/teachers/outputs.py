"""Logits from whatever a network returns: logits or probabilities, bare or inside something."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from zskt.errors import UserError
from zskt.images import Images
from zskt.measure.accuracy import Logits
from zskt.teachers.options import Kind

NAMES = ("logits", "output", "out", "probabilities", "probs", "predictions", "scores")
"""Keys and attributes that are looked for first."""


class Adapted(nn.Module):
    """Any network as one from images (batch, channels, height, width) to logits (batch, classes).

    Of its output what `place`, one of `find`, names is taken; of probabilities the logarithm.
    """

    def __init__(self, network: nn.Module, place: str | int | None, kind: Kind):
        super().__init__()
        self.network = network
        if next(network.parameters(), None) is None:
            # A frozen graph has constants alone; this tells the device and dtype of the images.
            self.anchor = nn.Parameter(torch.zeros(()), requires_grad=False)
        self.place, self.kind = place, kind

    def forward(self, images: Images) -> Logits:
        """Logits."""
        # A copy: some networks normalise in place, and others get to see the same images.
        found = taken(self.network(images.clone()), self.place).flatten(1)
        if self.kind == "logits":
            return found
        full = found.float() if found.dtype in (torch.float16, torch.bfloat16) else found
        # The smallest normal number: its logarithm is finite, and -87 in float32 is small enough.
        return full.clamp_min(torch.finfo(full.dtype).tiny).log()


def taken(output: Any, place: str | int | None) -> Tensor:
    """The part of an output that a place names."""
    if place is None:
        return output
    if isinstance(output, Mapping) or isinstance(place, int):
        return output[place]
    return getattr(output, place)


def find(output: Any, batch: int, classes: int | None = None) -> list[str | int | None]:
    """Where in an output logits or probabilities may be: keys, attributes or indices, best first.

    A tensor is itself, in the place None. Nothing of shape (batch, classes) is a `UserError`.
    """
    places: list[str | int | None] = [None]
    if isinstance(output, Mapping):
        places = sorted(output, key=lambda key: NAMES.index(key) if key in NAMES else len(NAMES))
    elif isinstance(output, list | tuple):
        places = list(range(len(output)))
    elif not isinstance(output, Tensor):
        places = [name for name in NAMES if hasattr(output, name)]
    if found := [place for place in places if _fits(taken(output, place), batch, classes)]:
        return found
    told = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    wanted = "(batch, classes)" if classes is None else f"of {classes} classes"
    raise UserError(
        f"the teacher does not return logits {wanted} but {told}; wrap it in a factory that does"
    )


@torch.no_grad()
def kind_of(said: Logits) -> Kind:
    """Probabilities if no number is negative and every row sums to one."""
    said = said.float()
    sums = said.sum(1)
    sum_to_one = torch.allclose(sums, torch.ones_like(sums), atol=1e-3)
    return "probabilities" if said.min() >= 0 and sum_to_one else "logits"


def _fits(output: Any, batch: int, classes: int | None) -> bool:
    """Whether it is (batch, classes), or that with trailing ones."""
    return (
        isinstance(output, Tensor)
        and output.is_floating_point()
        and output.layout == torch.strided
        and not output.is_meta
        and output.ndim >= 2
        and output.shape[0] == batch
        and (output.shape[1] > 1 if classes is None else output.shape[1] == classes)
        and all(side == 1 for side in output.shape[2:])
    )
