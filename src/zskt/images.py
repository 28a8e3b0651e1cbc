"""Images as pixels and as networks want them: normalisation, pixel ranges, sheets.

Pixels are 0 to 255 in uint8, or 0 to 1 in floating point; networks take (pixel - mean) / std of
pixels from 0 to 1.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from zskt.devices import sent

Images = Float[Tensor, "batch channels height width"]
Bounds = tuple[tuple[float, ...], tuple[float, ...]]
Pixels = Literal["normalised", "0-1", "0-255"]
"""What a network takes: normalised images, or pixels because it normalises them itself."""
PIXELS_AT_ONCE = 2**20
TOPS = {"0-1": 1.0, "0-255": 255.0}
"""The highest pixel of each kind."""


@dataclass(frozen=True)
class Normalisation:
    """How a network wants its images: (pixel / 255 - mean) / std, for each channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def bounds(self) -> Bounds:
        """Lowest and highest normalised pixel of each channel."""
        low = tuple(-mean / std for mean, std in zip(self.mean, self.std, strict=True))
        return low, tuple(edge + 1 / std for edge, std in zip(low, self.std, strict=True))

    def normalised(
        self, pixels: UInt8[Tensor, "*count channels height width"]
    ) -> Float32[Tensor, "*count channels height width"]:
        """Pixels 0 to 255 to the space that the network takes, channels last in memory."""
        scale, shift = _for_channels(self.std, pixels), _for_channels(self.mean, pixels)
        normalised = (pixels.float() / 255 - shift) / scale
        return normalised.contiguous(memory_format=torch.channels_last)

    def shares(self, images: Images) -> Images:
        """Normalised images to pixels from 0 to 1, clamped to what an image can hold."""
        scale, shift = _for_channels(self.std, images), _for_channels(self.mean, images)
        return (images * scale + shift).clamp(0, 1)


class Translated(nn.Module):
    """A network that takes images in another normalisation than its own.

    Args:
        network: what is run.
        own: how the network wants its images.
        given: how the images are that it will get.
    """

    def __init__(self, network: nn.Module, own: Normalisation, given: Normalisation):
        super().__init__()
        self.scale: Tensor
        self.shift: Tensor
        self.network = network
        device = next(network.parameters()).device
        ours, theirs = (
            torch.tensor([each.mean, each.std], device=device)[..., None, None]
            for each in (own, given)
        )
        # They follow the network to its device without being weights of it.
        self.register_buffer("scale", theirs[1] / ours[1], persistent=False)
        self.register_buffer("shift", (theirs[0] - ours[0]) / ours[1], persistent=False)

    def forward(self, images: Images) -> Float[Tensor, "batch classes"]:
        """Logits."""
        return self.network(images * self.scale + self.shift)


def normalisation_of_pixels(pixels: Pixels, channels: int) -> Normalisation:
    """How images are that hold pixels up to 1 or 255, as the normalisation of pixels up to 1."""
    return Normalisation((0.0,) * channels, (1 / TOPS[pixels],) * channels)


def as_taken(images: Images, normalisation: Normalisation, takes: Pixels) -> Images:
    """Normalised images as a file wants them; pixels are clamped to what an image can hold."""
    return images if takes == "normalised" else normalisation.shares(images) * TOPS[takes]


def at_once(count: int, input_size: tuple[int, int, int]) -> int:
    """So many images, or fewer where together they would have more than a million pixels."""
    return max(1, min(count, max(32, PIXELS_AT_ONCE // (input_size[1] * input_size[2]))))


def size_in_words(size: Sequence[int]) -> str:
    """For example 3x32x32."""
    return "x".join(str(number) for number in size)


def sheet(images: Images, normalisation: Normalisation | None) -> bytes:
    """Images side by side as a PNG, eight in a row, one pixel of the image per pixel of the file.

    Args:
        images: normalised.
        normalisation: undone; without it the sheet's own range is stretched.
    """
    images = images.detach().float().cpu()
    if images.shape[1] not in (1, 3):
        images = images[:, :1]
        normalisation = normalisation and Normalisation(
            normalisation.mean[:1], normalisation.std[:1]
        )
    if normalisation is not None:
        pixels = normalisation.shares(images)
    else:
        low, high = images.flatten().quantile(torch.tensor([0.02, 0.98]))
        pixels = ((images - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)
    return png(_in_rows((pixels * 255).round().to(torch.uint8)))


def png(pixels: UInt8[Tensor, "channels height width"]) -> bytes:
    """An image of one or three channels as a PNG file."""
    from PIL import Image

    array = pixels.permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(buffer, "PNG")
    return buffer.getvalue()


def _in_rows(
    pixels: UInt8[Tensor, "count channels height width"],
) -> UInt8[Tensor, "channels rows columns"]:
    """One image of many, with a white line of one pixel around each."""
    count, channels, height, width = pixels.shape
    columns = min(8, count)
    rows = -(-count // columns)
    sides = rows * (height + 1) + 1, columns * (width + 1) + 1
    canvas = torch.full((channels, *sides), 255, dtype=torch.uint8)
    for number, image in enumerate(pixels):
        top = number // columns * (height + 1) + 1
        left = number % columns * (width + 1) + 1
        canvas[:, top : top + height, left : left + width] = image
    return canvas


def _for_channels(values: Sequence[float], like: Tensor) -> Tensor:
    return sent(torch.tensor(values), like.device).view(-1, 1, 1)
