"""The same random view of an image for teacher and student.

Beyer et al. (2022, arXiv:2106.05237) call it function matching: whatever is done to an image, the
teacher answers to what the student sees.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

CUT, MIXED = 0.4, 0.3
"""Shares of the batches."""
Images = Float[Tensor, "count channels height width"]


def shifted(images: Images, random: torch.Generator, share: float = 0.125) -> Images:
    """Each image moved by up to a share of its sides, half of them mirrored; borders reflected."""
    count, channels, height, width = images.shape
    down, right = max(1, round(height * share)), max(1, round(width * share))
    padded = F.pad(images, (right, right, down, down), mode="reflect")
    top = torch.randint(2 * down + 1, (count, 1), generator=random)
    left = torch.randint(2 * right + 1, (count, 1), generator=random)
    rows = top + torch.arange(height)
    columns = left + torch.arange(width)
    mirrored = torch.rand(count, 1, generator=random) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    index = (padded.shape[3] * rows[:, :, None] + columns[:, None, :]).view(count, 1, -1)
    index = index.to(images.device).expand(-1, channels, -1)
    return padded.flatten(2).gather(2, index).view(images.shape)


def varied(images: Images, random: torch.Generator) -> Images:
    """A batch moved and mirrored, and then mostly mixed: two in five are cut, three averaged."""
    images = shifted(images, random)
    chance = torch.rand((), generator=random).item()
    if chance < CUT:
        return cut(images, random)
    return mixed(images, random) if chance < CUT + MIXED else images


def zoomed(images: Images, random: torch.Generator, low: float = 0.6, high: float = 1.25) -> Images:
    """Each image magnified, stretched and moved; half of them mirrored, borders reflected."""
    count = len(images)
    drawn = torch.rand(5, count, generator=random)
    scale = low * (high / low) ** drawn[0]
    stretch = 1.25 ** (2 * drawn[1] - 1)
    mirror = torch.where(drawn[4] < 0.5, -1.0, 1.0)
    room = 0.25 + (1 - scale).clamp_min(0)
    zero = torch.zeros(count)
    rows = [
        torch.stack([scale * stretch * mirror, zero, (2 * drawn[2] - 1) * room], 1),
        torch.stack([zero, scale / stretch, (2 * drawn[3] - 1) * room], 1),
    ]
    where = torch.stack(rows, 1).to(images.device, images.dtype)
    grid = F.affine_grid(where, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def mixed(images: Images, random: torch.Generator) -> Images:
    """Each image averaged with another, in any proportion (mixup, Zhang et al., 2018)."""
    share = torch.rand(len(images), 1, 1, 1, generator=random).to(images.device, images.dtype)
    return images + share * (images.roll(1, 0) - images)


def cut(images: Images, random: torch.Generator) -> Images:
    """Each image with a rectangle of another in it (CutMix, Yun et al., 2019)."""
    count, _, height, width = images.shape
    drawn = torch.rand(3, count, 1, 1, generator=random)
    side = drawn[0].sqrt() / 2
    y = (torch.arange(height).view(1, -1, 1) + 0.5) / height - drawn[1]
    x = (torch.arange(width).view(1, 1, -1) + 0.5) / width - drawn[2]
    inside = ((y.abs() < side) & (x.abs() < side)).unsqueeze(1).to(images.device)
    return torch.where(inside, images.roll(1, 0), images)
