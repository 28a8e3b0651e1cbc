"""A generator of images of given classes."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zskt.images import Bounds, Images
from zskt.networks.generator import Generator

NOISE = 128
"""Length of a noise vector."""
CODE = 3.0
"""The one entry of a class's code that is not zero; noise has a spread of 1."""


class ClassGenerator(nn.Module):
    """Noise (batch, noise_size) and labels (batch,) to images (batch, channels, height, width).

    Args:
        output_size: channels, height and width of the images.
        classes: how many labels there are.
        width: channels of the first maps.
        bounds: lowest and highest pixel of each channel, to stay between.
    """

    def __init__(
        self,
        output_size: tuple[int, int, int],
        classes: int,
        width: int = 64,
        bounds: Bounds | None = None,
    ):
        super().__init__()
        self.classes, self.noise_size = classes, NOISE
        self.generator = Generator(output_size, NOISE + classes, width, bounds=bounds)

    def forward(
        self, noise: Float[Tensor, "batch noise"], labels: Int64[Tensor, " batch"]
    ) -> Images:
        codes = CODE * F.one_hot(labels, self.classes).to(noise.dtype)
        return self.generator(torch.cat([noise, codes], 1))
