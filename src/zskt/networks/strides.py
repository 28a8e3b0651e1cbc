"""Strides that are longer than the map they step over.

    a map of n pixels, a stride s > n, padding of less than half the kernel      ->  a stride of n

The convolution puts out one pixel either way, and the same one. But on CPUs in bf16 torch 2.15
leaves a part of the gradient of its weights unwritten, if images lie by channels last as ours do:
what was in memory before comes out, often no number. A network with five strides of two comes to
it with every image below 32x32.
"""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import nn

from zskt.devices import Where
from zskt.modes import evaluating
from zskt.taps import tappable, tapped


@contextmanager
def fitting_strides(
    network: nn.Module, input_size: tuple[int, int, int], where: Where
) -> Generator[None]:
    """Within it no stride is longer than its map, where that matters; the outputs are the same.

    Args:
        network: that learns, on any device.
        input_size: channels, height and width of its images.
        where: it learns.
    """
    before: dict[nn.Conv2d, tuple[int, ...]] = {}
    if where.device.type == "cpu" and where.precision == "bf16":
        for module, stride in fitting(network, input_size).items():
            before[module], module.stride = module.stride, stride
    try:
        yield
    finally:
        for module, stride in before.items():
            module.stride = stride


def fitting(
    network: nn.Module, input_size: tuple[int, int, int]
) -> dict[nn.Conv2d, tuple[int, int]]:
    """The strides of convolutions that have longer ones; by a pass of one black image."""
    strided = [
        each
        for each in tappable(network)
        if type(each) is nn.Conv2d and max(each.stride) > 1 and not isinstance(each.padding, str)
    ]
    if not strided:
        return {}
    like = next(network.parameters())
    image = torch.zeros(1, *input_size, device=like.device, dtype=like.dtype)
    with torch.no_grad(), evaluating(network), tapped(strided, inputs=True) as inputs:
        network(image)
    found = {}
    for module, seen in inputs.items():
        assert isinstance(module, nn.Conv2d)
        stride = _fitting(module, 0, seen.shape[2]), _fitting(module, 1, seen.shape[3])
        if stride != tuple(module.stride):
            found[module] = stride
    return found


def _fitting(module: nn.Conv2d, axis: int, side: int) -> int:
    """The stride along one axis of a map so long."""
    reach = module.dilation[axis] * (module.kernel_size[axis] - 1) + 1
    alone = 2 * int(module.padding[axis]) < reach
    return min(module.stride[axis], side) if alone else module.stride[axis]
