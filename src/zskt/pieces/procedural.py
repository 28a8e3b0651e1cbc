"""Images that are computed, not learnt: dead leaves, random functions, 1/f noise, gratings.

    leaves      shapes that hide each other, sizes by a power law (Ruderman, 1997)
    functions   a random network of (x, y, r), for each image another (Stanley, 2007)
    clouds      noise whose spectrum falls as 1 / f^a
    gratings    two crossing waves
    collages    leaves that are filled with the other three

Frank & Davis (2025, arXiv:2411.12817) teach students on images of this kind. Everything is drawn
for a whole batch at once; only the numbers that decide are drawn on the CPU, so that the same seed
gives the same images on every device.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

Shares = Float[Tensor, "count channels height width"]
"""Images as pixels from 0 to 1."""
SHAPES = 48
"""On each image of leaves."""
HIDDEN = 16
"""Units of a random function in each of two layers."""


def procedural(
    count: int, input_size: tuple[int, int, int], random: torch.Generator, device: torch.device
) -> Shares:
    """So many images, a fifth of each kind, in random order."""
    parts = [count // 5 + (kind < count % 5) for kind in range(5)]
    size = input_size
    plain = [
        make(part, size, random, device)
        for make, part in zip((leaves, functions, clouds, gratings), parts, strict=False)
    ]
    fillings = [make(parts[-1], size, random, device) for make in (functions, clouds, gratings)]
    collages = _leaves(fillings, parts[-1], size, random, device)
    images = _contrast(torch.cat([*plain, collages]), random)
    return images[torch.randperm(count, generator=random).to(device)]


def leaves(
    count: int, input_size: tuple[int, int, int], random: torch.Generator, device: torch.device
) -> Shares:
    """Flat shapes on flat shapes."""
    return _leaves([], count, input_size, random, device)


def functions(
    count: int, input_size: tuple[int, int, int], random: torch.Generator, device: torch.device
) -> Shares:
    """A random network of two layers of sines and bells, for every image another."""
    channels, height, width = input_size
    y, x = _grid(height, width, device)
    inputs = torch.stack([x, y, (x.square() + y.square()).sqrt(), torch.ones_like(x)], -1)
    values = inputs.view(1, -1, 4).expand(count, -1, -1)
    for units, scale in ((HIDDEN, 3.0), (HIDDEN, 1.5)):
        weights = torch.randn(count, values.shape[-1], units, generator=random).to(device)
        sums = values @ (weights * scale / values.shape[-1] ** 0.5)
        half = units // 2
        values = torch.cat([sums[..., :half].sin(), (-sums[..., half:].square()).exp()], -1)
    weights = torch.randn(count, HIDDEN, channels, generator=random).to(device)
    images = (values @ weights).transpose(1, 2).reshape(count, channels, height, width)
    return _squashed(images)


def clouds(
    count: int, input_size: tuple[int, int, int], random: torch.Generator, device: torch.device
) -> Shares:
    """Noise with a spectrum between white and smooth, its channels mixed at random."""
    channels, height, width = input_size
    noise = torch.randn(count, channels, height, width, generator=random).to(device)
    falls = torch.rand(count, 1, 1, 1, generator=random).to(device) * 2.5 + 0.5
    rows = torch.fft.fftfreq(height, device=device).view(-1, 1)
    columns = torch.fft.rfftfreq(width, device=device).view(1, -1)
    frequency = (rows.square() + columns.square()).sqrt().clamp_min(1 / max(height, width))
    images = torch.fft.irfft2(torch.fft.rfft2(noise) * frequency ** (-falls), s=(height, width))
    mixing = torch.randn(count, channels, channels, generator=random).to(device)
    return _squashed(torch.einsum("nij,njhw->nihw", mixing, images))


def gratings(
    count: int, input_size: tuple[int, int, int], random: torch.Generator, device: torch.device
) -> Shares:
    """Two waves of any direction and up to eight periods, in two colours."""
    channels, height, width = input_size
    y, x = _grid(height, width, device)
    drawn = torch.rand(6, count, 1, 1, generator=random).to(device)
    waves = [
        torch.sin(math.pi * (1 + 7 * period) * (turn.cos() * x + turn.sin() * y) + phase)
        for period, turn, phase in (
            (drawn[0], drawn[1] * math.pi, drawn[2] * 6.3),
            (drawn[3], drawn[4] * math.pi, drawn[5] * 6.3),
        )
    ]
    colours = torch.randn(2, count, channels, 1, 1, generator=random).to(device)
    return _squashed(waves[0].unsqueeze(1) * colours[0] + waves[1].unsqueeze(1) * colours[1])


def _leaves(
    fillings: list[Shares], count: int, input_size: tuple[int, int, int],
    random: torch.Generator, device: torch.device,
) -> Shares:  # fmt: skip
    """Which shape is on top decides the colour, or the filling."""
    channels, height, width = input_size
    y, x = _grid(height, width, device)
    drawn = torch.rand(SHAPES, 6, count, 1, 1, generator=random).to(device)
    top = torch.zeros(count, height, width, dtype=torch.long, device=device)
    smallest, largest = 0.06, 1.2
    for number, (share, row, column, turn, squeeze, kind) in enumerate(drawn, 1):
        # The inverse of the distribution function of a density r^-3 between the two radii.
        radius = (smallest**-2 - share * (smallest**-2 - largest**-2)) ** -0.5
        down, right = y - (2 * row - 1), x - (2 * column - 1)
        cos, sin = (turn * math.pi).cos(), (turn * math.pi).sin()
        one = (cos * right + sin * down).abs() / radius
        other = (cos * down - sin * right).abs() / (radius * (0.3 + 0.7 * squeeze))
        round_ = one.square() + other.square()
        inside = torch.where(kind < 0.5, round_, torch.maximum(one, other)) <= 1
        top = torch.where(inside, number, top)
    colours = torch.rand(count, channels, SHAPES + 1, generator=random).to(device)
    index = top.view(count, 1, -1).expand(-1, channels, -1)
    images = colours.gather(2, index).view(count, channels, height, width)
    for number, filling in enumerate(fillings):
        images = torch.where((top % 4 == number).unsqueeze(1), filling, images)
    return images


def _grid(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows and columns from -1 to 1."""
    rows = torch.linspace(-1, 1, height, device=device)
    columns = torch.linspace(-1, 1, width, device=device)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return y, x


def _squashed(images: Tensor) -> Shares:
    """Any values to 0 to 1, by each image's own mean and spread."""
    spread, mean = torch.std_mean(images, dim=(1, 2, 3), keepdim=True)
    return torch.sigmoid(2 * (images - mean) / spread.clamp_min(1e-6))


def _contrast(images: Shares, random: torch.Generator) -> Shares:
    """Each image with a contrast and a brightness of its own."""
    drawn = torch.rand(2, len(images), 1, 1, 1, generator=random).to(images.device)
    contrast = 0.4 + 0.8 * drawn[0]
    return (0.5 + contrast * (images - 0.5) + 0.5 * (drawn[1] - 0.5)).clamp(0, 1)
