"""Normalisation folded in, so that a file takes pixels."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zskt.model_file import Card

Images = Float[Tensor, "batch channels height width"]
Takes = Literal["normalised", "0-1", "0-255"]
TOPS = {"0-1": 1.0, "0-255": 255.0}


class FromPixels(nn.Module):
    """A network that takes pixels instead of normalised images.

    Args:
        network: from normalised images to logits.
        mean: of the normalisation, pixels from 0 to 1.
        std: of the normalisation.
        top: the highest pixel that will be given.
    """

    def __init__(
        self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...], top: float
    ):
        super().__init__()
        self.network = network
        for name, values in (
            ("scale", [1 / (top * each) for each in std]),
            ("shift", [-centre / each for centre, each in zip(mean, std, strict=True)]),
        ):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1))

    def forward(self, pixels: Images) -> Float[Tensor, "batch classes"]:
        """Logits."""
        return self.network(pixels * self.scale + self.shift)  # ty: ignore


def as_taken(images: Images, card: Card, takes: Takes) -> Images:
    """Normalised images as a file wants them; pixels are clamped to what an image can hold."""
    if takes == "normalised":
        return images
    assert card.mean
    assert card.std
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (card.mean, card.std))
    return (images * std + mean).clamp(0, 1) * TOPS[takes]
