"""What methods are made of, each piece against its formula or against finite differences."""

import copy
import math

import pytest
import torch
from torch import nn

from players import SIZE, make_session
from zskt.losses import js
from zskt.networks import create
from zskt.networks.noisy_generator import NoisyGenerator
from zskt.pieces.batch_norm import BatchNormPrior, gaussian
from zskt.pieces.best_images import BestImages
from zskt.pieces.generator_losses import (
    balanced_labels,
    certainty,
    disagreement,
    divergence,
    imbalance,
)
from zskt.pieces.image_loss import ImageLoss
from zskt.pieces.last_layer import LastLayer
from zskt.pieces.lesson import lesson
from zskt.pieces.meta_step import MetaStep
from zskt.pieces.pixels import total_variation
from zskt.pieces.stage_features import StageFeatures
from zskt.pieces.views import shifted
from zskt.statistics import channel_statistics, norms


def drawn(*size, seed=0, dtype=torch.float64):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def exact(name="wrn-10-1", seed=0):
    """A small network in float64 with statistics that are not those of a new one."""
    torch.manual_seed(seed)
    network = create(name, classes=10, input_size=SIZE).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def tell(sentence):
    raise AssertionError(sentence)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_statistics_of_channels_and_their_gradients(layout):
    images = drawn(3, 4, 5, 2).to(memory_format=layout).requires_grad_()
    mean, variance = channel_statistics(images)
    torch.testing.assert_close(mean, images.mean((0, 2, 3)))
    torch.testing.assert_close(variance, images.var((0, 2, 3), correction=0))
    assert torch.autograd.gradcheck(channel_statistics, images)


def test_statistics_of_half_precision_are_float32():
    images = drawn(64, 4, 5, 5).to(torch.bfloat16)
    for ours, theirs in zip(
        channel_statistics(images),
        (images.double().mean((0, 2, 3)), images.double().var((0, 2, 3), correction=0)),
        strict=True,
    ):
        assert ours.dtype == torch.float32
        assert (ours - theirs).abs().max() < 1e-5


def test_the_prior_is_the_distance_of_statistics_in_every_layer():
    session = make_session(exact(), exact(seed=1))
    prior = BatchNormPrior(session)
    images = drawn(6, *SIZE)
    seen = []
    layers = [m for m in session.teacher.modules() if isinstance(m, nn.BatchNorm2d)]
    hooks = [
        layer.register_forward_hook(lambda m, x, y: seen.append((m, x[0]))) for layer in layers
    ]
    logits, distance = prior(images)
    torch.testing.assert_close(logits, session.teacher(images))
    expected = sum(
        (x.mean((0, 2, 3)) - m.running_mean).norm()
        + (x.var((0, 2, 3), correction=0) - m.running_var).norm()
        for m, x in seen[: len(layers)]
    )
    torch.testing.assert_close(distance, expected)
    for hook in hooks:
        hook.remove()
    assert not any(layer._forward_hooks for layer in layers)


def test_earlier_batches_count_by_the_memory_of_the_prior():
    session = make_session(exact(), exact(seed=1))
    prior = BatchNormPrior(session, memory=0.75)
    first, second = drawn(6, *SIZE), drawn(6, *SIZE, seed=1)
    prior(first)
    prior.remember()
    remembered = copy.deepcopy(prior.state_dict())
    prior(second)
    alone = BatchNormPrior(make_session(exact(), exact(seed=1)))
    alone(first)
    ours = alone._last[0][0]
    alone(second)
    expected = 0.75 * ours + 0.25 * alone._last[0][0]
    torch.testing.assert_close(prior._last[0][0], expected)
    again = BatchNormPrior(make_session(exact(), exact(seed=1)), memory=0.75)
    again.load_state_dict(remembered)
    assert torch.equal(again(second)[1], prior(second)[1])


def test_a_teacher_without_batch_norm_has_no_prior_and_says_so():
    told = []
    plain = nn.Sequential(nn.Conv2d(3, 10, 8), nn.Flatten())
    session = make_session(plain, plain, tell=told.append)
    logits, distance = BatchNormPrior(session)(torch.randn(2, *SIZE))
    assert logits.shape == (2, 10)
    assert distance == 0
    assert "No batch norm" in told[0]


def test_distances_of_normal_distributions():
    mean, variance, ours, spread = (drawn(5, seed=seed).square() + 0.5 for seed in range(4))
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (variance + 1e-5).sqrt()),
        torch.distributions.Normal(ours, (spread + 1e-5).sqrt()),
    ).mean()
    torch.testing.assert_close(gaussian(mean, variance, ours, spread), expected)
    assert gaussian(mean, variance, mean, variance) == pytest.approx(0, abs=1e-12)
    assert norms(mean, variance, mean, variance) == 0


@pytest.mark.parametrize("weight", [0.0, 1.3])
def test_gradients_to_images_are_those_of_finite_differences(weight):
    session = make_session(exact(), exact(seed=1))
    session.student.train()
    loss = ImageLoss(session, 0.3, 0.5)
    labels = torch.tensor([1, 4])
    images = drawn(2, *SIZE).requires_grad_()
    value = loss(images, labels, weight)[0]
    (gradient,) = torch.autograd.grad(value, images)
    assert session.student.training
    assert all(parameter.requires_grad for parameter in session.student.parameters())
    for seed in range(3):
        step = 1e-6 * drawn(2, *SIZE, seed=seed + 5)
        with torch.no_grad():
            ahead, behind = (loss(images + s, labels, weight)[0] for s in (step, -step))
        assert (gradient * step).sum() == pytest.approx((ahead - behind).item() / 2, rel=1e-4)


@pytest.mark.parametrize(
    "of", [total_variation, lambda x: js(x.flatten(1), x.flatten(1).roll(1, 0))]
)
def test_other_terms_on_images_have_the_right_gradient(of):
    assert torch.autograd.gradcheck(of, drawn(2, 3, 4, 4).requires_grad_())


def test_total_variation_of_a_slope():
    slope = torch.arange(4.0).expand(1, 1, 4, 4)
    assert total_variation(slope).item() == pytest.approx(math.sqrt(12) + 2 * 3)
    assert total_variation(torch.ones(2, 3, 5, 5)) == 0


def test_generator_losses_by_hand():
    sure = torch.tensor([[9.0, 0, 0], [0, 9, 0], [0, 0, 9]])
    assert certainty(sure) < certainty(sure / 9)
    assert imbalance(sure).item() == pytest.approx(-math.log(3), abs=1e-3)
    assert imbalance(sure[:1]) > imbalance(sure)
    other = torch.tensor([[8.0, 0, 1], [0, 0, 5], [0, 2, 9]])
    apart = divergence(sure, other)
    torch.testing.assert_close(
        apart, nn.functional.kl_div(other.log_softmax(1), sure.softmax(1), reduction="none").sum(1)
    )
    # The second row's predictions differ.
    torch.testing.assert_close(disagreement(sure, other), (apart[0] + apart[2]) / 3)
    small = divergence(sure / 1000, other / 1000, temperature=1.0)
    torch.testing.assert_close(divergence(sure, other, 1000.0), 1e6 * small)


@pytest.mark.parametrize(("count", "classes"), [(20, 10), (23, 10), (3, 10), (7, 2)])
def test_balanced_labels(count, classes):
    random = torch.Generator().manual_seed(0)
    counts = torch.stack(
        [balanced_labels(count, classes, random).bincount(minlength=classes) for _ in range(40)]
    )
    assert (counts.amax(1) - counts.amin(1)).max() <= 1
    # Which classes come once more is drawn, so that none is preferred.
    assert (counts.sum(0) > 0).all()


def test_views_are_made_of_the_same_pixels():
    random = torch.Generator().manual_seed(0)
    images = torch.arange(2 * 64.0).view(2, 1, 8, 8)
    moved = shifted(images, random)
    assert moved.shape == images.shape
    assert all(
        set(m.flatten().tolist()) <= set(i.flatten().tolist())
        for m, i in zip(moved, images, strict=True)
    )
    assert not torch.equal(moved, images)


def test_features_of_stages_are_zero_apart_from_themselves():
    teacher = create("wrn-10-1", classes=10, input_size=SIZE)
    session = make_session(teacher, copy.deepcopy(teacher))
    stages = StageFeatures(session)
    assert len(stages.projections) == 3
    with torch.no_grad():
        for project in stages.projections:
            nn.init.dirac_(project.weight)
            nn.init.zeros_(project.bias)
    images = torch.randn(4, *SIZE)
    session.student.eval()
    (logits, theirs), (answer, ours) = stages.of_teacher(images), stages.of_student(images)
    torch.testing.assert_close(logits, answer)
    assert stages.distance(theirs, ours) < 1e-10
    zero = [torch.zeros_like(each) for each in ours]
    assert stages.distance(theirs, zero).item() == pytest.approx(3, abs=1e-5)


def test_networks_without_matching_stages_teach_by_logits_alone():
    told = []
    student = create("wrn-10-1", classes=10, input_size=SIZE)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 10))
    session = make_session(flat, student, tell=told.append)
    stages = StageFeatures(session)
    assert "logits alone" in told[0]
    taught, features = stages.lesson(*stages.answered(torch.randn(2, *SIZE)), 4.0)
    assert features == 0
    assert taught.loss > 0


def test_a_lesson_leads_to_the_student_alone(teacher, student):
    session = make_session(teacher, student)
    session.student.train()
    images = torch.randn(4, *SIZE, requires_grad=True)
    taught = lesson(session, images, 4.0)
    taught.loss.backward()
    assert images.grad is None
    assert all(parameter.grad is not None for parameter in session.student.parameters())
    expected = divergence(session.teacher(images), taught.answer, 4.0).mean()
    torch.testing.assert_close(taught.loss, expected)


def test_the_last_layer_is_what_makes_the_logits(teacher):
    logits, features = LastLayer(teacher.eval(), tell)(torch.randn(2, *SIZE))
    torch.testing.assert_close(teacher.head(features), logits)
    told = []
    bare = nn.Sequential(nn.Conv2d(3, 10, 8), nn.Flatten())
    assert (LastLayer(bare, told.append)(torch.randn(2, *SIZE))[1] == 0).all()
    assert "No linear layer" in told[0]


def test_the_best_images_are_those_of_the_smallest_loss():
    best = BestImages()
    for value in (3.0, 1.0, 2.0):
        best.offer(torch.full((2, 1, 2, 2), value), torch.tensor(value))
    assert (best.images == 1).all()


def test_a_meta_step_follows_all_steps_of_the_copy():
    network = nn.Linear(3, 1)
    meta = MetaStep(network)
    total = torch.zeros(1, 3)
    for seed in range(3):
        meta.copy.zero_grad()
        meta.copy(drawn(2, 3, seed=seed, dtype=torch.float32)).square().sum().backward()
        total += meta.copy.weight.grad
        meta.gather()
        with torch.no_grad():
            meta.copy.weight -= 0.1 * meta.copy.weight.grad
    (gradient,) = torch.autograd.grad(meta.loss(), network.weight)
    torch.testing.assert_close(gradient, total)


@pytest.mark.parametrize(("classes", "batch"), [(3, 7), (10, 20), (200, 12)])
def test_a_noisy_generator_draws_every_class_by_its_layers(classes, batch):
    network = NoisyGenerator(SIZE, classes, batch, hidden=16, width=8)
    labels = torch.arange(batch) % classes
    images = network(labels)
    assert images.shape == (batch, *SIZE)
    with torch.no_grad():
        network.noisy.normal_()
    assert not torch.equal(network(labels), images)
