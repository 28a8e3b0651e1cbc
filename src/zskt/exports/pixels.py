"""Images as a file takes them: normalised, or as pixels with the normalisation folded in."""

import torch
from jaxtyping import Float
from torch import Tensor

from zskt.model_file import Card
from zskt.teachers.found import TOPS, Pixels

Images = Float[Tensor, "batch channels height width"]


def as_taken(images: Images, card: Card, takes: Pixels) -> Images:
    """Normalised images as a file wants them; pixels are clamped to what an image can hold."""
    if takes == "normalised":
        return images
    assert card.mean
    assert card.std
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (card.mean, card.std))
    return (images * std + mean).clamp(0, 1) * TOPS[takes]
