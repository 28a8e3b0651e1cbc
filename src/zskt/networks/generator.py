"""The paper's generator: noise to images by upsampling, the output not squashed.

Micaelli & Storkey (2019), authors' code: Linear, BN, then for each stage an upsampling by 2, a
3x3 convolution, BN and LeakyReLU(0.2); a last convolution and a last affine BN, so that images
come out in normalised space, with a scale that is learnt. 1,051,145 parameters at 3x32x32.
An upsampling and the convolution after it are computed as one.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zskt.errors import UserError
from zskt.images import Bounds, Images
from zskt.networks.enlarging import enlarged


class Generator(nn.Module):
    """Noise (batch, noise_size) to images (batch, channels, height, width).

    The number of stages follows the larger side of the images: one up to 16, two up to 32, three
    up to 64, five up to 256. The first map is the image's size halved as often, rounded up; what
    comes out too large is cut. From the third stage on each has half the channels of the one
    before, because maps grow fourfold, but not fewer than 8.

    Args:
        output_size: channels, height and width of the images, 8x8 to 256x256.
        noise_size: length of a noise vector.
        width: channels of the first maps; the last stage has at most half as many.
        depth: convolutions after each upsampling; the paper has one.
        bounds: lowest and highest pixel of each channel, to stay between; the paper has none.
    """

    low: Tensor | None
    high: Tensor | None

    def __init__(
        self,
        output_size: tuple[int, int, int],
        noise_size: int = 100,
        width: int = 128,
        depth: int = 1,
        bounds: Bounds | None = None,
    ):
        super().__init__()
        channels, *sides = output_size
        if min(sides) < 8 or max(sides) > 256:
            raise UserError(
                f"the generator draws images from 8x8 to 256x256, not {sides[0]}x{sides[1]}"
            )
        stages = max(1, (max(sides) - 1).bit_length() - 3)
        first = [-(-side // 2**stages) for side in sides]
        halvings = [max(0, stage - 2, stage == stages) for stage in range(stages + 1)]
        widths = [max(width >> times, min(width // 2, 8)) if times else width for times in halvings]
        self.output_size, self.noise_size = output_size, noise_size
        self.width, self.depth, self.bounded = width, depth, bounds is not None
        for name, values in zip(("low", "high"), bounds or (None, None), strict=True):
            pixels = None if values is None else torch.tensor(values).view(-1, 1, 1)
            self.register_buffer(name, pixels, persistent=False)
        self.project = nn.Linear(noise_size, width * first[0] * first[1])
        self.unflatten = nn.Unflatten(1, (width, *first))
        self.bn = nn.BatchNorm2d(width)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Upsample(scale_factor=2),
                *convolution(inputs, outputs),
                *(layer for _ in range(depth - 1) for layer in convolution(outputs, outputs)),
            )
            for inputs, outputs in pairwise(widths)
        )
        last = nn.Conv2d(widths[-1], channels, 3, padding=1)
        norm = nn.BatchNorm2d(channels)
        self.draw = nn.Sequential(last, norm)
        if self.low is not None and self.high is not None:
            start_as_data(norm, self.low.flatten(), self.high.flatten())

    def forward(self, noise: Float[Tensor, "batch noise"]) -> Images:
        maps = self.bn(self.unflatten(self.project(noise)))
        for stage in self.stages:
            _, first, *others = stage.children()
            assert isinstance(first, nn.Conv2d)
            maps = enlarged(maps, first)
            for layer in others:
                maps = layer(maps)
        # First maps are rounded up: 28 = 2 * 2 * 7 fits, 30 is drawn as 32 and cut.
        _, height, width = self.output_size
        images = self.draw(maps[..., :height, :width])
        if self.low is None or self.high is None:
            return images
        return self.low + (self.high - self.low) * images.sigmoid()


def start_as_data(norm: nn.BatchNorm2d, low: Tensor, high: Tensor) -> None:
    """Let the first images have about the mean and the spread that a normalisation promises: 0, 1.

    Between bounds a norm that starts at zero draws mid-grey. Where nearly all of the data is black,
    as in MNIST, hundreds of steps would go into getting dark, with all images of one class.
    """
    share = (-low / (high - low)).clamp(0.02, 0.98)  # of the way up, where zero lies
    rise = share * (1 - share) * (high - low)  # of the sigmoid there
    with torch.no_grad():
        norm.bias.copy_(share.logit())
        norm.weight.copy_((1 / rise).clamp(max=4.0))


def convolution(inputs: int, outputs: int) -> list[nn.Module]:
    """Convolution, batch norm and LeakyReLU."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1)
    return [conv, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2, inplace=True)]
