"""Pictures of a run, drawn from what lies in its folder and nothing else."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.utils import make_grid, save_image


def save_sheet(
    path: Path,
    images: Float[Tensor, "count channels height width"],
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> None:
    """Write images side by side, eight in a row, one pixel of the image per pixel of the file.

    Args:
        path: a `.png`.
        images: normalised.
        mean: of the normalisation, to undo it; without it the sheet's own range is stretched.
        std: likewise.
    """
    images = images.detach().float().cpu()
    if mean is not None and std is not None:
        pixels = images * torch.tensor(std).view(-1, 1, 1) + torch.tensor(mean).view(-1, 1, 1)
    else:
        low, high = images.flatten().quantile(torch.tensor([0.02, 0.98]))
        pixels = (images - low) / (high - low).clamp_min(1e-6)
    save_image(make_grid(pixels.clamp(0, 1), nrow=8, padding=1, pad_value=1.0), path)
