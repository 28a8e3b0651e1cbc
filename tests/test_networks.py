"""Networks: the paper's parameter counts, the sizes they take, names that do not exist."""

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zskt.errors import UserError
from zskt.images import Normalisation
from zskt.model_file import parameters
from zskt.networks import NETWORKS, Generator, create
from zskt.networks.shrink import shrunk


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


@pytest.mark.parametrize("size", [(3, 7, 8), (3, 32, 257), (1, 4, 4)])
def test_the_generator_refuses_other_sizes(size):
    with pytest.raises(ValueError, match="from 8x8 to 256x256"):
        Generator(size)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name.islower()])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_network_maps_images_to_logits(name, channels):
    network = create(name, classes=7, input_size=(channels, 28, 28))
    assert network(torch.randn(2, channels, 28, 28)).shape == (2, 7)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["timm:resnet10t", "timm:test_vit", "torchvision:squeezenet1_1"])
def test_networks_of_libraries(name, channels):
    network = create(name, classes=5, input_size=(channels, 32, 32))
    assert network(torch.randn(2, channels, 32, 32)).shape == (2, 5)


def test_large_images_are_drawn_with_few_channels():
    generator = Generator((3, 224, 224), 10, width=64)
    channels = [stage[1].out_channels for stage in generator.stages]
    assert channels == [64, 64, 32, 16, 8]
    assert generator(torch.randn(2, 10)).shape == (2, 3, 224, 224)


@pytest.mark.parametrize(("mean", "std"), [(0.1307, 0.3081), (0.5, 0.25), (0.9, 0.2)])
def test_a_bounded_generator_starts_at_the_mean_of_the_data(mean, std):
    """Of MNIST, of colour photographs, of ink on white; in normalised space it is zero."""
    torch.manual_seed(0)
    bounds = Normalisation((mean,), (std,)).bounds
    images = Generator((1, 16, 16), 10, width=8, bounds=bounds)(torch.randn(64, 10))
    # Half way between the bounds would be 1.2, 0 and -2 standard deviations off.
    assert images.mean().abs() < 0.7
    assert 0.4 < images.std() < 1.3


def test_bounded_images_stay_between_the_lowest_and_the_highest_pixel():
    low, high = (-2.0, -1.0, 0.0), (2.0, 3.0, 1.0)
    generator = Generator((3, 8, 8), 10, width=8, bounds=(low, high))
    torch.nn.init.constant_(generator.draw[1].weight, 50.0)
    images = generator(torch.randn(64, 10)).transpose(0, 1).flatten(1)
    torch.testing.assert_close(images.amin(1), torch.tensor(low))
    torch.testing.assert_close(images.amax(1), torch.tensor(high))
    # It follows the generator to other devices without being one of its weights.
    assert not {"low", "high"} & generator.state_dict().keys()


@pytest.mark.parametrize(
    ("teacher", "factor", "size", "expected"),
    [
        ("wrn-40-2", 0.5, (3, 32, 32), "wrn-22-2"),
        ("wrn-16-2", 0.25, (1, 8, 8), "wrn-16-1"),
        ("resnet-56", 0.5, (3, 32, 32), "resnet-32"),
        ("timm:resnet50", 0.5, (3, 32, 32), "timm:resnet18"),
        ("torchvision:resnet50", 0.5, (3, 32, 32), "torchvision:resnet18"),
    ],
)
def test_a_smaller_relative(teacher, factor, size, expected):
    make = partial(create, classes=10, input_size=size)
    assert shrunk(teacher, f"shrink:{factor}", make) == expected


@pytest.mark.parametrize(
    ("teacher", "wanted", "said"),
    [
        ("wrn-10-1", "shrink:0.5", "no smaller relative"),
        ("lenet", "shrink:0.5", "no family that we know"),
        (None, "shrink:0.5", "no architecture by name"),
        ("wrn-16-2", "shrink:2", "above 0 and below 1"),
        ("wrn-16-2", "shrink:half", "above 0 and below 1"),
    ],
)
def test_no_smaller_relative(teacher, wanted, said):
    with pytest.raises(UserError, match=said):
        shrunk(teacher, wanted, partial(create, classes=10, input_size=(1, 8, 8)))


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
