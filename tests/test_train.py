"""Training a classifier, at a tiny scale."""

import copy
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from zskt import train
from zskt.data import ImageData, Split, balanced_subset
from zskt.devices import resolve, settled
from zskt.errors import UserError
from zskt.images import Normalisation
from zskt.measure.accuracy import accuracy, agreement, calibration_error, confusion, predict
from zskt.networks import create
from zskt.supervised.loop import drops, epochs, one_cycle
from zskt.supervised.losses import with_teacher
from zskt.supervised.recipe import KnowledgeDistillation, Recipe


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
    return network, list(epochs(network, data, recipe, resolve("cpu", "32")))


def test_a_network_learns(data):
    network, losses = trained(data)
    assert losses[-1] < losses[0] / 2
    logits = predict(network, data.test, Normalisation(data.mean, data.std))
    assert accuracy(logits, data.test.labels) > 0.9


def test_freed_memory_is_given_back_once(data, monkeypatch, tmp_path):
    """After an epoch or a run, not after each step: every page would have to be fetched anew."""
    entered = []
    monkeypatch.setattr("zskt.devices.memory_kept", lambda: nullcontext(entered.append(1)))
    _, losses = trained(data)
    assert len(entered) == len(losses) == 6
    recipe = Recipe(epochs=2, batch_size=16)
    train("wrn-10-1", data=data, recipe=recipe, out=tmp_path / "run", progress=False)
    assert len(entered) == 7


def test_the_seed_decides(data):
    assert trained(data)[1] == trained(data)[1]
    assert trained(data)[1] != trained(data, seed=1)[1]


def test_the_first_step_of_adamw_has_the_length_of_the_rate(data):
    torch.manual_seed(0)
    network = create("wrn-10-1", classes=2, input_size=(1, 8, 8))
    before = network.head.weight.detach().clone()
    recipe = Recipe(
        optimizer="adamw", learning_rate=0.01, schedule="drops", steps=1, weight_decay=0
    )
    list(epochs(network, data, recipe, resolve("cpu", "32")))
    moved = (network.head.weight.detach() - before).abs()
    assert moved.median() == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_trainings(data, count):
    few = Split(data.train.images[: 16 * count], data.train.labels[: 16 * count])
    recipe = Recipe(epochs=1, batch_size=16)
    network = create("wrn-10-1", classes=2, input_size=(1, 8, 8))
    short = ImageData(few, data.test, data.class_names, data.mean, data.std)
    (loss,) = epochs(network, short, recipe, resolve("cpu", "32"))
    assert loss > 0


def test_one_cycle_goes_up_to_one_and_down_to_zero():
    rates = [one_cycle(step, steps=100, warm_up=0.2) for step in range(101)]
    assert rates[0] == pytest.approx(1 / 25)
    assert rates.index(max(rates)) == 20
    assert rates[20] == 1
    assert rates[60] == pytest.approx(0.5)
    assert rates[100] == 0


def test_recipes_are_checked():
    with pytest.raises(UserError, match="give adamw about"):
        Recipe(optimizer="adamw")
    for wrong in ({"epochs": 0}, {"learning_rate": -1.0}, {"padding": -1}):
        with pytest.raises(UserError, match="must be"):
            Recipe(**wrong)


def test_measures():
    logits = torch.eye(3)[[0, 1, 2, 2]]
    others = torch.eye(3)[[0, 1, 1, 2]]
    assert accuracy(logits, torch.tensor([0, 0, 2, 2])) == 0.75
    assert agreement(logits, others) == 0.75
    assert confusion(logits, others) == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]


def test_the_calibration_error_by_hand():
    """Two bins: five images at 90 % of which three are right, five at 60 % of which all are."""
    shares = torch.tensor([[0.9, 0.1]] * 5 + [[0.6, 0.4]] * 5)
    labels = torch.tensor([0, 0, 0, 1, 1] + [0] * 5)
    assert calibration_error(shares.log(), labels) == pytest.approx((0.3 + 0.4) / 2)
    assert calibration_error(100 * torch.eye(2), torch.tensor([0, 1])) == pytest.approx(0)
    # Some classes are predicted by nobody.
    assert confusion(torch.eye(4)[[0, 0]], torch.eye(4)[[0, 2]])[0] == [1, 0, 1, 0]


def test_the_calibration_error_is_of_bins_and_not_of_images():
    """In one bin, from 9/15 to 10/15: one right and one wrong, sure by 0.61 and 0.65."""
    shares = torch.tensor([[0.61, 0.39], [0.35, 0.65]])
    error = calibration_error(shares.log(), torch.tensor([0, 0]))
    assert error == pytest.approx(abs(0.5 - 0.63))
    # A bin each; and with one bin for all, the mean confidence beside the accuracy.
    shares, labels = torch.tensor([[0.99, 0.01], [0.49, 0.51]]), torch.tensor([0, 0])
    assert calibration_error(shares.log(), labels) == pytest.approx((0.01 + 0.51) / 2)
    assert calibration_error(shares.log(), labels, bins=1) == pytest.approx(0.75 - 0.5)


def test_the_confusion_matrix_by_hand():
    """Rows are the teacher's, as in the docstring: it says 0, 0, 1, 2, 2 and the student others."""
    teacher, student = torch.eye(3)[[0, 0, 1, 2, 2]], torch.eye(3)[[0, 2, 1, 0, 0]]
    assert confusion(teacher, student) == [[1, 0, 1], [0, 1, 0], [2, 0, 0]]


def test_process_wide_flags_are_put_back(monkeypatch):
    monkeypatch.setattr("torch.backends.cudnn.allow_tf32", True)
    for precision, allowed in {"32": False, "bf16": True}.items():
        with settled(resolve("cpu", precision)):
            assert torch.backends.cudnn.allow_tf32 is allowed
        assert torch.backends.cudnn.allow_tf32
    with pytest.raises(KeyError), settled(resolve("cpu", "32")):
        raise KeyError
    assert torch.backends.cudnn.allow_tf32


def test_flags_under_their_newer_names_are_put_back():
    """Once a caller has set one of these, torch refuses to read the older one."""
    cudnn = torch.backends.cudnn
    cudnn.rnn.fp32_precision, cudnn.conv.fp32_precision = "ieee", "tf32"
    try:
        with pytest.raises(RuntimeError, match="allow_tf32"):
            _ = cudnn.allow_tf32
        with settled(resolve("cpu", "32")):
            assert cudnn.conv.fp32_precision == "ieee"
        assert cudnn.conv.fp32_precision == "tf32"
    finally:
        cudnn.allow_tf32 = True


def test_predicting_leaves_the_network_as_it_was(data):
    network = create("wrn-10-1", classes=2, input_size=(1, 8, 8)).train()
    before = network.bn.running_mean.clone()
    predict(network, data.test, Normalisation(data.mean, data.std))
    assert network.training
    assert torch.equal(network.bn.running_mean, before)


def test_transformers_attend_by_matrix_products_in_bf16_on_a_cpu_only():
    fused = torch.backends.cuda.flash_sdp_enabled  # said of every device
    for precision, kept in {"bf16": False, "32": True}.items():
        with settled(resolve("cpu", precision)):
            assert fused() is kept
        assert fused()


def test_they_do_in_training(data):
    torch.manual_seed(0)
    network = create("wrn-10-1", classes=2, input_size=(1, 8, 8))
    seen = []

    def loss_of(images, labels):
        seen.append(torch.backends.cuda.flash_sdp_enabled())
        return F.cross_entropy(network(images), labels)

    recipe = Recipe(steps=2, batch_size=16, learning_rate=0.01)
    list(epochs(network, data, recipe, resolve("cpu", "bf16"), loss_of=loss_of))
    assert seen == [False, False]


def test_rates_drop_to_a_fifth_three_times():
    rates = [drops(step, steps=100) for step in range(100)]
    assert rates[29] == 1
    assert rates[30] == rates[59] == pytest.approx(0.2)
    assert rates[60] == pytest.approx(0.04)
    assert rates[80] == rates[99] == pytest.approx(0.008)


def test_a_subset_is_balanced_and_drawn_by_its_seed():
    labels = torch.arange(30) % 3
    split = Split(torch.arange(30, dtype=torch.uint8).view(-1, 1, 1, 1), labels)
    one, same, other = (balanced_subset(split, 4, seed) for seed in (0, 0, 1))
    assert one.labels.bincount().tolist() == [4, 4, 4]
    assert len(set(one.images.flatten().tolist())) == 12
    assert torch.equal(one.images.flatten() % 3, one.labels.to(torch.uint8))
    assert torch.equal(one.images, same.images)
    assert not torch.equal(one.images, other.images)
    for count in (0, 11):
        with pytest.raises(UserError, match="1 to 10"):
            balanced_subset(split, count, 0)


def test_few_images_are_seen_as_long_as_many(data, monkeypatch):
    """The baseline's number of steps does not depend on how many images there are."""
    seen = []
    few = balanced_subset(data.train, 2, 0)

    def loss_of(images, labels):
        seen.append(len(images))
        return network(images).sum() * 0

    network = create("wrn-10-1", classes=2, input_size=(1, 8, 8))
    recipe = Recipe(epochs=3, batch_size=16)
    where = resolve("cpu", "32")
    list(epochs(network, data, recipe, where, few=few, loss_of=loss_of))
    assert seen == [4] * (3 * 4)
    seen.clear()
    list(epochs(network, data, replace(recipe, steps=5), where, few=few, loss_of=loss_of))
    assert len(seen) == 5


@pytest.mark.parametrize("attention", [0.0, 1000.0])
def test_the_lesson_with_a_teacher_is_the_authors_loss(attention):
    torch.manual_seed(0)
    teacher, student = (
        create(name, classes=5, input_size=(3, 8, 8)).eval() for name in ("wrn-10-2", "wrn-10-1")
    )
    images, labels = torch.randn(6, 3, 8, 8), torch.arange(6) % 5
    where = resolve("cpu", "32")
    guidance = KnowledgeDistillation(distill_attention=attention)
    loss = with_teacher(guidance, teacher, student, (3, 8, 8), where)(images, labels)

    says, heard = teacher(images), student(images)
    expected = 0.1 * F.cross_entropy(heard, labels)
    soft = F.kl_div((heard / 4).log_softmax(1), (says / 4).softmax(1), reduction="sum") / (6 * 5)
    expected += 2 * 0.9 * 16 * soft
    one, other = images, images
    theirs, ours = teacher.stem(one), student.stem(other)
    for name in ("group1", "group2", "group3"):
        theirs, ours = getattr(teacher, name)(theirs), getattr(student, name)(ours)
        maps = [F.normalize(each.square().mean(1).flatten(1)) for each in (theirs, ours)]
        expected += attention * (maps[0] - maps[1]).square().mean()
    torch.testing.assert_close(loss, expected)


def test_a_teacher_helps_where_images_are_few(data):
    """With the teacher alone, the student comes nearer to what the teacher says."""
    teacher, _ = trained(data)
    teacher.eval().requires_grad_(False)
    before = copy.deepcopy(teacher.state_dict())
    where = resolve("cpu", "32")
    recipe = Recipe(epochs=6, batch_size=16, padding=1, learning_rate=0.05)
    student = create("wrn-10-1", classes=2, input_size=(1, 8, 8))
    loss_of = with_teacher(
        KnowledgeDistillation(distill_share=1.0), teacher, student, (1, 8, 8), where
    )
    losses = list(epochs(student, data, recipe, where, loss_of=loss_of))
    assert losses[-1] < losses[0] / 2
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())


def test_a_share_is_at_most_one():
    with pytest.raises(UserError, match="`distill_share` must be at most 1"):
        KnowledgeDistillation(distill_share=1.5)


@pytest.mark.parametrize("keep", [True, False])
def test_statistics_are_kept_if_asked(data, keep):
    torch.manual_seed(0)
    network = create("wrn-10-1", classes=2, input_size=(1, 8, 8))
    before = copy.deepcopy(network)
    recipe = Recipe(epochs=1, batch_size=16, learning_rate=0.01, keep_statistics=keep)
    list(epochs(network, data, recipe, resolve("cpu", "32")))
    assert torch.equal(network.bn.running_mean, before.bn.running_mean) is keep
    assert not torch.equal(network.bn.weight, before.bn.weight)
