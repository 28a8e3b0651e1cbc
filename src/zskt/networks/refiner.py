"""A network that turns computed images into images that a teacher takes for its data."""

import torch
import torch.nn.functional as F
from jaxtyping import Int64
from torch import Tensor, nn

from zskt.images import Bounds, Images


class Refiner(nn.Module):
    """Images and classes to images: down twice, the class added, up again.

    Args:
        channels: of the images.
        classes: how many there are.
        width: channels after the first halving.
        bounds: lowest and highest pixel of each channel.
    """

    def __init__(self, channels: int, classes: int, width: int, bounds: Bounds):
        super().__init__()
        low, high = (torch.tensor(values).view(-1, 1, 1) for values in bounds)
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("range", high - low, persistent=False)
        self.down1 = conv(channels, width, 2)
        self.down2 = conv(width, 2 * width, 2)
        self.classes = nn.Embedding(classes, 2 * width)
        self.middle = conv(2 * width, 2 * width)
        self.up1 = conv(2 * width, width)
        self.up2 = conv(width, width // 2)
        self.draw = nn.Conv2d(width // 2, channels, 3, padding=1)

    def forward(self, shares: Images, labels: Int64[Tensor, " batch"]) -> Images:
        size = shares.shape[2:]
        half = self.down1(shares * 4 - 2)
        maps = self.down2(half) + self.classes(labels)[..., None, None]
        maps = maps + self.middle(maps)
        maps = self.up1(F.interpolate(maps, size=half.shape[2:])) + half
        maps = self.up2(F.interpolate(maps, size=size))
        values = torch.logit(shares.float(), 0.02) + self.draw(maps)
        return self.low + self.range * values.sigmoid()


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm and LeakyReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)
    )
