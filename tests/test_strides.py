"""Strides longer than their map: shortened where torch gets gradients wrong, with equal outputs."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from zskt.devices import Where
from zskt.networks import create
from zskt.networks.strides import fitting, fitting_strides

BF16 = Where("cpu", "bf16")


def single(kernel, stride, padding, groups=1, dilation=1):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(8, 8, kernel, stride, padding, dilation, groups))


@pytest.mark.parametrize(
    ("layer", "side", "expected"),
    [
        (single(3, 2, 1), 1, (1, 1)), (single(5, 4, 2, groups=8), 2, (2, 2)),
        (single(1, 2, 0), 1, (1, 1)), (single(3, 2, 2, dilation=2), 1, (1, 1)),
        (single(3, 2, 1), 2, None), (single(3, 2, 1), 9, None), (single(2, 4, 1), 2, None),
        (single(3, 1, 1), 1, None),
    ],
)  # fmt: skip
def test_a_stride_is_no_longer_than_its_map(layer, side, expected):
    size = (8, side, side)
    stride = layer[0].stride
    assert fitting(layer, size).get(layer[0]) == expected
    images = torch.randn(3, *size)
    whole = layer(images)
    with fitting_strides(layer, size, BF16):
        assert layer[0].stride == (expected or stride)
        torch.testing.assert_close(layer(images), whole)
    assert layer[0].stride == stride
    for other in (Where("cpu", "32"), Where("cuda", "bf16")):
        with fitting_strides(layer, size, other):
            assert layer[0].stride == stride


def test_maps_that_are_not_square():
    layer = single(3, 2, 1)
    assert fitting(layer, (8, 1, 6)) == {layer[0]: (1, 2)}


@pytest.mark.parametrize("name", ["timm:mobilenetv3_small_050", "timm:test_efficientnet"])
def test_no_gradient_in_bf16_is_left_unwritten(name):
    """Memory is filled with what is no number, which shows where a gradient is left unwritten."""
    size = (3, 8, 8)
    torch.manual_seed(0)
    network = create(name, classes=4, input_size=size).to(memory_format=torch.channels_last)
    network.eval()
    images = torch.randn(16, *size).to(memory_format=torch.channels_last)
    assert fitting(network, size)
    gradients = []
    for where in (Where("cpu", "32"), BF16):
        learner = copy.deepcopy(network)
        with fitting_strides(learner, size, where), where.autocast():
            loss = F.cross_entropy(learner(images).float(), torch.arange(16) % 4)
            dirty = [torch.full((2**power,), torch.nan) for power in range(4, 18)]
            del dirty
            loss.backward()
        gradients.append(torch.cat([each.grad.flatten() for each in learner.parameters()]))
    assert gradients[1].isfinite().all()
    # Weights that meet nothing but padding learn nothing.
    assert (gradients[0] == 0).sum() > 1000
    assert (gradients[1][gradients[0] == 0] == 0).all()
