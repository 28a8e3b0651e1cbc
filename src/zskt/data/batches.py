"""Batches from images in memory: augmented and shuffled on the device."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Int64, UInt8
from torch import Tensor

from zskt.data.image_data import Split


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
    top, left = torch.randint(2 * padding + 1, (2, count), generator=random).to(images.device)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    if flips:
        mirrored = torch.rand(count, generator=random).to(images.device) < 0.5
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    each = torch.arange(count, device=images.device).view(-1, 1, 1, 1)
    channel = torch.arange(channels, device=images.device).view(1, -1, 1, 1)
    moved = padded[each, channel, rows[:, None, :, None], columns[:, None, None, :]]
    if not cutout:
        return moved
    inside = []
    for side in (height, width):
        centre = torch.randint(side, (count, 1), generator=random).to(images.device)
        first = centre - cutout // 2
        pixels = torch.arange(side, device=images.device)
        inside.append((pixels >= first) & (pixels < first + cutout))
    blank = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return moved.masked_fill(blank, 0)


def shuffled(
    split: Split, batch_size: int, random: torch.Generator
) -> Iterator[tuple[UInt8[Tensor, "batch channels height width"], Int64[Tensor, " batch"]]]:
    """One epoch of whole batches in random order; a rest smaller than a batch is left out."""
    order = torch.randperm(len(split), generator=random).to(split.images.device)
    whole = max(len(order) - len(order) % batch_size, min(len(order), batch_size))
    for chosen in order[:whole].split(batch_size):
        yield split.images[chosen], split.labels[chosen]
