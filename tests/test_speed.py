"""What makes rounds fast changes no number beyond rounding, and waits for no device."""

import copy
from itertools import islice

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from players import SIZE, make_session, quick
from zskt.allocation import memory_kept
from zskt.losses import attention_map
from zskt.methods.replay import Replay
from zskt.methods.zskt import ZSKT
from zskt.networks import create
from zskt.networks.enlarging import enlarged
from zskt.networks.inference_form import foldable, inference_form
from zskt.taps import Operations, tapped

IMAGES = torch.zeros(1, *SIZE, dtype=torch.float64)
SYNCHRONISING = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "equal")
"""Operations of aten for which a host waits for its device, or whose shape depends on numbers."""


@pytest.mark.parametrize("bias", [True, False])
def test_an_enlarged_map_is_that_of_upsampling_and_convolving(bias):
    torch.manual_seed(0)
    conv = nn.Conv2d(5, 4, 3, padding=1, bias=bias).double()
    maps = torch.randn(2, 5, 7, 6, dtype=torch.float64, requires_grad=True)
    plain = conv(F.interpolate(maps, scale_factor=2.0))
    toward = torch.randn_like(plain)
    players = [maps, *conv.parameters()]
    torch.testing.assert_close(enlarged(maps, conv), plain, rtol=0, atol=1e-12)
    ours = torch.autograd.grad((enlarged(maps, conv) * toward).sum(), players)
    for one, other in zip(ours, torch.autograd.grad((plain * toward).sum(), players), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


def lively(name):
    """A network in float64 whose batch norm has seen images and has scales of its own."""
    torch.manual_seed(0)
    network = create(name, classes=10, input_size=SIZE).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    network(torch.randn(16, *SIZE, dtype=torch.float64))
    return network.eval()


@pytest.mark.parametrize(
    ("name", "pairs"),
    [("wrn-10-1", 3), ("resnet-8", 7), ("torchvision:resnet18", 20)],
)
def test_the_inference_form_is_the_network(name, pairs):
    network = lively(name)
    before = copy.deepcopy(network.state_dict())
    folded = inference_form(network, IMAGES)
    assert len(foldable(network, IMAGES)) == pairs
    assert folded is not network
    left = [each for each in folded.modules() if isinstance(each, nn.BatchNorm2d)]
    all_of_them = [each for each in network.modules() if isinstance(each, nn.BatchNorm2d)]
    assert len(left) == len(all_of_them) - pairs
    images = torch.randn(3, *SIZE, dtype=torch.float64, requires_grad=True)
    answers = [each(images) for each in (network, folded)]
    torch.testing.assert_close(*answers, rtol=1e-10, atol=1e-10)
    gradients = [torch.autograd.grad(each.sum(), images)[0] for each in answers]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-10)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])


def test_stages_of_the_inference_form_are_those_of_the_network():
    network, images = lively("wrn-10-1"), torch.randn(3, *SIZE, dtype=torch.float64)
    maps = []
    for each in (network, inference_form(network, IMAGES)):
        with tapped([each.get_submodule(name) for name in network.stages]) as outputs:
            each(images)
        maps.append(list(outputs.values()))
    assert len(maps[0]) == 3
    torch.testing.assert_close(*maps, rtol=1e-10, atol=1e-10)


class Shared(nn.Module):
    """What a convolution puts out is taken twice."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, images):
        hidden = self.conv(images)
        return hidden + self.norm(hidden)


class Tied(nn.Module):
    """One convolution before two of batch norm."""

    def __init__(self):
        super().__init__()
        self.conv, self.one, self.two = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, images):
        return self.two(self.conv(self.one(self.conv(images))))


@pytest.mark.parametrize("kind", [Shared, Tied])
def test_what_cannot_be_folded_stays_as_it_is(kind):
    network = kind().double().eval()
    assert inference_form(network, IMAGES) is network


def test_watched_batch_norm_is_not_folded():
    network = lively("wrn-10-1")
    network.group1[0].bn2.register_forward_hook(lambda *_: None)
    assert len(foldable(network, IMAGES)) == 2


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_the_gradient_of_an_attention_map(layout):
    activation = torch.randn(3, 4, 5, 5, dtype=torch.float64).to(memory_format=layout)
    plain = activation.clone().requires_grad_(True)
    ours = activation.clone().requires_grad_(True)
    toward = torch.randn(3, 25, dtype=torch.float64)
    (F.normalize(plain.square().sum(1).flatten(1)) * toward).sum().backward()
    (attention_map(ours) * toward).sum().backward()
    torch.testing.assert_close(ours.grad, plain.grad, rtol=0, atol=1e-12)
    assert ours.grad.stride() == activation.stride()


def test_memory_kept_lets_numbers_alone():
    with memory_kept():
        inside = torch.ones(2**20).cumsum(0)[-1]
    assert inside == torch.ones(2**20).cumsum(0)[-1] == 2**20


@pytest.mark.parametrize(
    "method",
    [quick("zskt"), quick("replay"), ZSKT(batch_size=4, student_steps=2, fresh_noise=True)],
    ids=["zskt", "replay", "fresh"],
)
def test_no_round_waits_for_its_device(method, teacher, student):
    """A round reads no number back, and no shape depends on one: it could be one CUDA graph."""
    found = []

    def see(operation, arguments, named, output):
        name = operation.overloadpacket.__name__
        tensors = [each for each in arguments if isinstance(each, torch.Tensor)]
        # Random decisions are made on the CPU, from int64; labels and places are no logits.
        if name in SYNCHRONISING and any(each.is_floating_point() for each in tensors):
            found.append(name)

    assert isinstance(method, (ZSKT, Replay))
    rounds = method.rounds(make_session(teacher, student))
    list(islice(rounds, 2))
    with Operations(see):
        played = next(rounds)
        assert found == []
        assert played.metrics["student_loss"].item() > 0
    assert found == ["_local_scalar_dense"]
