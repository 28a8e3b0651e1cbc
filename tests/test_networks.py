"""Networks: the paper's parameter counts, the sizes they take, names that do not exist."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zskt.errors import UserError
from zskt.model_file import parameters
from zskt.networks import NETWORKS, Generator, create


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("wrn-16-1", 175_066),
        ("wrn-16-2", 691_674),
        ("wrn-40-1", 563_930),
        ("wrn-40-2", 2_243_546),
        ("lenet", 62_006),
        ("resnet-20", 269_722),
    ],
)
def test_parameter_counts(name, count):
    assert parameters(create(name, classes=10, input_size=(3, 32, 32))) == count


def test_the_papers_generator():
    generator = Generator((3, 32, 32))
    assert parameters(generator) == 1_051_145
    images = generator(torch.randn(64, 100))
    # The last layer is an affine batch norm: nothing is squashed.
    torch.testing.assert_close(images.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(images.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)


@given(
    st.sampled_from([1, 2, 3, 4]), st.integers(8, 64), st.integers(8, 64), st.sampled_from([1, 7])
)
def test_the_generator_draws_any_size(channels, height, width, noise_size):
    generator = Generator((channels, height, width), noise_size, width=4)
    assert generator(torch.randn(2, noise_size)).shape == (2, channels, height, width)


@pytest.mark.parametrize("size", [(3, 7, 8), (3, 32, 65), (1, 4, 4)])
def test_the_generator_refuses_other_sizes(size):
    with pytest.raises(ValueError, match="from 8x8 to 64x64"):
        Generator(size)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "timm:NAME"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_network_maps_images_to_logits(name, channels):
    network = create(name, classes=7, input_size=(channels, 28, 28))
    assert network(torch.randn(2, channels, 28, 28)).shape == (2, 7)


def test_timm_networks():
    network = create("timm:resnet10t", classes=5, input_size=(1, 32, 32))
    assert network(torch.randn(2, 1, 32, 32)).shape == (2, 5)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wrn-16", "wrn-16-1"),
        ("lenett", "lenet"),
        ("timm:resnet18x", "resnet18"),
        ("wrn-17-1", "depth 6n"),
        ("resnet-21", "depth 6n"),
    ],
)
def test_names_that_do_not_exist(name, said):
    with pytest.raises(UserError, match=said):
        create(name, classes=10, input_size=(3, 32, 32))


def test_images_that_are_too_small():
    with pytest.raises(UserError, match="at least 16x16"):
        create("lenet", classes=10, input_size=(1, 8, 8))
