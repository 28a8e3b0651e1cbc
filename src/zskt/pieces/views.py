"""The same random view of an image for teacher and student.

Beyer et al. (2022, arXiv:2106.05237) call it function matching: whatever is done to an image, the
teacher answers to what the student sees.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from zskt.devices import sent

Images = Float[Tensor, "count channels height width"]


def shifted(images: Images, random: torch.Generator, share: float = 0.125) -> Images:
    """Each image moved by up to a share of its sides, half of them mirrored; borders reflected."""
    count, channels, height, width = images.shape
    down, right = max(1, round(height * share)), max(1, round(width * share))
    padded = F.pad(images, (right, right, down, down), mode="reflect")
    top = torch.randint(2 * down + 1, (count, 1), generator=random)
    left = torch.randint(2 * right + 1, (count, 1), generator=random)
    mirrored = torch.rand(count, 1, generator=random) < 0.5
    top, left, mirrored = (sent(each, images.device) for each in (top, left, mirrored))
    rows = top + torch.arange(height, device=images.device)
    columns = left + torch.arange(width, device=images.device)
    columns = torch.where(mirrored, columns.flip(1), columns)
    index = (padded.shape[3] * rows[:, :, None] + columns[:, None, :]).view(count, 1, -1)
    return padded.flatten(2).gather(2, index.expand(-1, channels, -1)).view(images.shape)
