"""Batches from images in memory: augmented and shuffled on the device."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Int64, UInt8
from torch import Tensor

from zskt.data.image_data import Split
from zskt.devices import sent


def augment(
    images: UInt8[Tensor, "count channels height width"],
    random: torch.Generator,
    *,
    padding: int,
    flips: bool,
    cutout: int = 0,
) -> UInt8[Tensor, "count channels height width"]:
    """Shift each image by up to `padding` pixels, mirror half of them, and blank a square in each.

    Zeros come in at the borders and fill the square of side `cutout`, whose centre is any pixel
    (DeVries & Taylor, 2017, arXiv:1708.04552).
    """
    count, channels, height, width = images.shape
    padded = F.pad(images, (padding,) * 4)
    top, left = sent(torch.randint(2 * padding + 1, (2, count), generator=random), images.device)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    if flips:
        mirrored = sent(torch.rand(count, generator=random) < 0.5, images.device)
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    each = torch.arange(count, device=images.device).view(-1, 1, 1, 1)
    channel = torch.arange(channels, device=images.device).view(1, -1, 1, 1)
    moved = padded[each, channel, rows[:, None, :, None], columns[:, None, None, :]]
    if not cutout:
        return moved
    inside = []
    for side in (height, width):
        centre = sent(torch.randint(side, (count, 1), generator=random), images.device)
        first = centre - cutout // 2
        pixels = torch.arange(side, device=images.device)
        inside.append((pixels >= first) & (pixels < first + cutout))
    blank = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return moved.masked_fill(blank, 0)


class Shuffled:
    """Whole batches in random order, for ever; where it stands can be saved.

    Every image comes before one comes again, save for a rest smaller than a batch, which is left
    out each time.

    Args:
        split: images and labels, on the device that takes them.
        batch_size: images in a batch; all of them, if there are fewer.
        random: draws the order, anew when it is used up.
    """

    def __init__(self, split: Split, batch_size: int, random: torch.Generator):
        self._split = split
        self._size = min(batch_size, len(split))
        self._random = random
        self._order = torch.empty(0, dtype=torch.int64)
        self._place = 0

    def take(self) -> tuple[UInt8[Tensor, "batch channels height width"], Int64[Tensor, " batch"]]:
        """The next batch."""
        if self._place + self._size > len(self._order):
            self._order = torch.randperm(len(self._split), generator=self._random)
            self._place = 0
        chosen = self._order[self._place : self._place + self._size]
        chosen = sent(chosen, self._split.images.device)
        self._place += self._size
        return self._split.images[chosen], self._split.labels[chosen]

    def state_dict(self) -> dict[str, Any]:
        """The order and the place in it; the random numbers are their owner's to save."""
        return {"order": self._order, "place": self._place}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there.

        Raises:
            ValueError: if the order is not one of these images.
        """
        order, place = state["order"], state["place"]
        if len(order) and not torch.equal(order.sort().values, torch.arange(len(self._split))):
            raise ValueError("an order of other images")
        self._order, self._place = order, max(0, int(place))
