"""Images that no generator drew and no camera took, to see whether a student agrees there too.

    noise      every pixel on its own, uniform
    fields     smooth fields of colour: 3x3 random colours, blown up
    leaves     dead leaves (Ruderman, 1997): discs of one colour that hide each other, radii by a
               power law, so that they have edges and sizes as photographs do
    blends     means of two images of the generator

All are normalised, between the lowest and the highest pixel.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from zskt.images import Bounds

Images = Float[Tensor, "count channels height width"]
Shares = Float[Tensor, "count channels height width"]
"""Images as pixels from 0 to 1."""
DISCS = 60
"""On each image of dead leaves."""
UNKNOWN: float = 2.0
"""Where the normalisation is not known, pixels are taken to lie so many spreads around zero."""


def probe(
    kind: str, count: int, input_size: tuple[int, int, int], bounds: Bounds | None, seed: int = 0
) -> Images:
    """Normalised images of a kind of `PROBES`.

    `bounds` are the lowest and the highest pixel of each channel; None if they are not known.
    """
    random = torch.Generator().manual_seed(seed)
    low, high = bounds or ((-UNKNOWN,) * input_size[0], (UNKNOWN,) * input_size[0])
    floor, top = torch.tensor(low).view(-1, 1, 1), torch.tensor(high).view(-1, 1, 1)
    return floor + (top - floor) * PROBES[kind](count, input_size, random)


def noise(count: int, input_size: tuple[int, int, int], random: torch.Generator) -> Shares:
    """Uniform."""
    return torch.rand(count, *input_size, generator=random)


def fields(count: int, input_size: tuple[int, int, int], random: torch.Generator) -> Shares:
    """Nine colours, with bicubic steps between."""
    channels, *sides = input_size
    coarse = torch.rand(count, channels, 3, 3, generator=random)
    return F.interpolate(coarse, size=sides, mode="bicubic").clamp(0, 1)


def leaves(count: int, input_size: tuple[int, int, int], random: torch.Generator) -> Shares:
    """Discs on discs; their density falls with the cube of the radius."""
    channels, height, width = input_size
    rows = torch.arange(height).view(1, -1, 1)
    columns = torch.arange(width).view(1, 1, -1)
    smallest, largest = max(height, width) / 16, max(height, width) / 2
    images = torch.rand(count, channels, 1, 1, generator=random).expand(-1, -1, height, width)
    for _ in range(DISCS):
        share, row, column = torch.rand(3, count, 1, 1, generator=random)
        # The inverse of the distribution function of a density r^-3 between the two radii.
        radius = (smallest**-2 - share * (smallest**-2 - largest**-2)) ** -0.5
        inside = (rows - row * height) ** 2 + (columns - column * width) ** 2 <= radius**2
        colour = torch.rand(count, channels, 1, 1, generator=random)
        images = torch.where(inside[:, None], colour, images)
    return images


PROBES: dict[str, Callable[[int, tuple[int, int, int], torch.Generator], Shares]] = {
    "noise": noise, "fields": fields, "leaves": leaves,
}  # fmt: skip


def blends(images: Images) -> Images:
    """Means of neighbours."""
    return (images + images.roll(1, 0)) / 2
