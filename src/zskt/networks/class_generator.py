"""A generator of images of given classes, whose noise is trained with it, a batch at a time."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zskt.images import Bounds, Images
from zskt.networks.generator import Generator

CODE = 3.0
"""The one entry of a class's code that is not zero; noise has a spread of 1."""
NOISE_GAIN = 3.0
"""Noise is kept divided by this, so that a step of Adam moves it so many times as far."""


class ClassGenerator(nn.Module):
    """Class labels (batch,) to images (batch, channels, height, width).

    Args:
        output_size: channels, height and width of the images.
        classes: how many labels there are.
        batch_size: images in every batch.
        noise_size: length of a noise vector.
        width: channels of the first maps.
        bounds: lowest and highest pixel of each channel, to stay between.
    """

    def __init__(
        self,
        output_size: tuple[int, int, int],
        classes: int,
        batch_size: int,
        noise_size: int = 128,
        width: int = 64,
        bounds: Bounds | None = None,
    ):
        super().__init__()
        self.classes = classes
        self.noise = nn.Parameter(torch.zeros(batch_size, noise_size))
        self.generator = Generator(output_size, noise_size + classes, width, bounds=bounds)

    def draw_anew(self, noise: Float[Tensor, "batch noise"]) -> None:
        """Begin a batch with other noise, of a spread of 1."""
        self.noise.data.copy_(noise / NOISE_GAIN)

    def forward(self, labels: Int64[Tensor, " batch"]) -> Images:
        codes = CODE * F.one_hot(labels, self.classes).to(self.noise.dtype)
        return self.generator(torch.cat([NOISE_GAIN * self.noise, codes], 1))
