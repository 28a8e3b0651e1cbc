"""The losses against formulas written another way, and their mathematics."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from zskt import losses

shapes = st.tuples(st.integers(1, 6), st.integers(2, 12))
seeds = st.integers(0, 1000)
temperatures = st.floats(0.5, 20)


def logits(shape, seed, *, scale=3.0):
    random = torch.Generator().manual_seed(seed)
    return (torch.randn(2, *shape, generator=random, dtype=torch.float64) * scale).unbind()


@given(shapes, seeds, temperatures)
def test_kl_is_batchmean_over_classes(shape, seed, temperature):
    teacher, student = logits(shape, seed)
    batchmean = F.kl_div(
        F.log_softmax(student / temperature, 1),
        F.softmax(teacher / temperature, 1),
        reduction="batchmean",
    )
    ours = losses.kl(teacher, student, temperature)
    torch.testing.assert_close(ours, batchmean / shape[1], rtol=1e-10, atol=1e-14)


@given(shapes, seeds, temperatures)
def test_js_is_symmetric_and_bounded(shape, seed, temperature):
    teacher, student = logits(shape, seed)
    one, other = losses.js(teacher, student, temperature), losses.js(student, teacher, temperature)
    torch.testing.assert_close(one, other)
    assert 0 <= one <= math.log(2) / shape[1] + 1e-12


@pytest.mark.parametrize("name", losses.DISCREPANCIES)
def test_discrepancies_vanish_only_between_equals(name):
    discrepancy = losses.DISCREPANCIES[name]
    teacher, student = logits((4, 5), 0)
    assert discrepancy(teacher, teacher, 1.0) == pytest.approx(0, abs=1e-12)
    assert discrepancy(teacher, student, 1.0) > 0.01


def test_reverse_kl_changes_sides():
    teacher, student = logits((4, 5), 3)
    assert losses.reverse_kl(teacher, student) == losses.kl(student, teacher)
    assert losses.reverse_kl(teacher, student) != losses.kl(teacher, student)


def test_l1_is_the_mean_absolute_difference_of_logits():
    teacher = torch.tensor([[1.0, 2.0], [0.0, 4.0]])
    student = torch.tensor([[2.0, 0.0], [0.0, 5.0]])
    assert losses.l1(teacher, student, 2.0).item() == pytest.approx((1 + 2 + 0 + 1) / 4 / 2)


def test_half_precision_logits_are_lifted_first():
    teacher, student = (x.bfloat16() for x in logits((4, 5), 0))
    assert losses.kl(teacher, student).dtype is torch.float32
    assert losses.kl(teacher, student) == losses.kl(teacher.float(), student.float())


@given(seeds)
def test_attention_map_has_unit_length_and_ignores_scale(seed):
    random = torch.Generator().manual_seed(seed)
    activation = torch.randn(3, 4, 5, 6, generator=random, dtype=torch.float64)
    maps = losses.attention_map(activation)
    assert maps.shape == (3, 30)
    torch.testing.assert_close(maps.norm(dim=1), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(losses.attention_map(7 * activation), maps)


def test_the_gradient_of_an_attention_map():
    activation = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(losses.attention_map, activation)
    channels_last = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    leaf = channels_last.bfloat16().requires_grad_()
    (gradient,) = torch.autograd.grad(losses.attention_map(leaf).square().sum(), leaf)
    assert gradient.stride() == leaf.stride()
    assert gradient.dtype is torch.bfloat16


def test_attention_transfer_is_the_squared_distance_averaged_over_images_and_pixels():
    random = torch.Generator().manual_seed(0)
    sizes = ((2, 9), (2, 4))
    teacher, student = (
        [torch.rand(size, generator=random, dtype=torch.float64) for size in sizes] for _ in "TS"
    )
    by_hand = sum(
        sum(float(a - b) ** 2 for a, b in zip(t.flatten(), s.flatten(), strict=True)) / t.numel()
        for t, s in zip(teacher, student, strict=True)
    )
    assert losses.attention_transfer(teacher, student).item() == pytest.approx(by_hand, rel=1e-12)
