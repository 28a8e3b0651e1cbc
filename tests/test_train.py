"""Training a classifier, at a tiny scale."""

import pytest
import torch

from zskt.data import ImageData, Split
from zskt.devices import make_fabric
from zskt.errors import UserError
from zskt.evaluation import Normalisation, accuracy, agreement, confusion, predict
from zskt.networks import create
from zskt.training.train import Recipe, epochs, one_cycle


@pytest.fixture
def data():
    """Dark and bright images, told apart by any network that learns at all."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(64) % 2
    pixels = torch.randint(0, 100, (64, 1, 8, 8), generator=random) + 100 * labels.view(-1, 1, 1, 1)
    split = Split(pixels.to(torch.uint8), labels)
    return ImageData(split, split, ("dark", "bright"), (0.4,), (0.2,), flips=True)


def trained(data, **changes):
    torch.manual_seed(0)
    network = create("wrn-10-1", classes=2, input_size=(1, 8, 8))
    recipe = Recipe(epochs=6, batch_size=16, padding=1, learning_rate=0.05, **changes)
    return network, list(epochs(network, data, recipe, make_fabric("cpu", "32")))


def test_a_network_learns(data):
    network, losses = trained(data)
    assert losses[-1] < losses[0] / 2
    logits = predict(network, data.test, Normalisation(data.mean, data.std))
    assert accuracy(logits, data.test.labels) > 0.9


def test_the_seed_decides(data):
    assert trained(data)[1] == trained(data)[1]
    assert trained(data)[1] != trained(data, seed=1)[1]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_trainings(data, count):
    few = Split(data.train.images[: 16 * count], data.train.labels[: 16 * count])
    recipe = Recipe(epochs=1, batch_size=16)
    network = create("wrn-10-1", classes=2, input_size=(1, 8, 8))
    short = ImageData(few, data.test, data.class_names, data.mean, data.std)
    (loss,) = epochs(network, short, recipe, make_fabric("cpu", "32"))
    assert loss > 0


def test_one_cycle_goes_up_to_one_and_down_to_zero():
    rates = [one_cycle(step, steps=100, warm_up=0.2) for step in range(101)]
    assert rates[0] == pytest.approx(1 / 25)
    assert rates.index(max(rates)) == 20
    assert rates[20] == 1
    assert rates[60] == pytest.approx(0.5)
    assert rates[100] == 0


def test_recipes_are_checked():
    for wrong in ({"epochs": 0}, {"learning_rate": -1.0}, {"padding": -1}):
        with pytest.raises(UserError, match="must be"):
            Recipe(**wrong)


def test_measures():
    logits = torch.eye(3)[[0, 1, 2, 2]]
    others = torch.eye(3)[[0, 1, 1, 2]]
    assert accuracy(logits, torch.tensor([0, 0, 2, 2])) == 0.75
    assert agreement(logits, others) == 0.75
    assert confusion(logits, others) == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]


def test_predicting_leaves_the_network_as_it_was(data):
    network = create("wrn-10-1", classes=2, input_size=(1, 8, 8)).train()
    before = network.bn.running_mean.clone()
    predict(network, data.test, Normalisation(data.mean, data.std))
    assert network.training
    assert torch.equal(network.bn.running_mean, before)
