"""A teacher that takes a batch in pieces teaches the same, and keeps less."""

import copy
from itertools import islice

import pytest
import torch
from torch import nn

from players import SIZE, make_session, quick
from zskt.chunks import InChunks
from zskt.devices import Where
from zskt.distillation.memory import estimated_bytes
from zskt.distillation.trial import tried
from zskt.methods import METHODS


def taught(name, teacher, student, micro_batch):
    session = make_session(teacher, copy.deepcopy(student), micro_batch=micro_batch)
    made = []
    # Half way, where all of a method's terms count.
    session.progress = 0.5
    for played in islice(quick(name).rounds(session), 2):
        made.append(played.images)
    return session, torch.cat(made)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_makes_and_teaches_the_same(name, teacher, student):
    teacher, student = teacher.double(), student.double()
    (whole, images), (pieces, others) = (taught(name, teacher, student, size) for size in (None, 3))
    # Adam divides gradients that are zero but for rounding by as little; its steps are 1e-3.
    near = {"rtol": 1e-5, "atol": 1e-6}
    torch.testing.assert_close(images, others, **near)
    networks = {"student": whole.student, **whole.networks}
    for role, network in networks.items():
        other = pieces.student if role == "student" else pieces.networks[role]
        for ours, theirs in zip(network.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, **near)


def test_a_piece_is_all_that_is_kept_for_the_gradient(teacher):
    teacher = teacher.eval().requires_grad_(False)
    images = torch.randn(16, *SIZE).requires_grad_()
    own = {each.data_ptr() for each in teacher.parameters()}
    kept = {}

    def keep(tensor):
        if tensor.data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        whole = teacher(images)
    before, kept = sum(kept.values()), {}
    gradient = torch.autograd.grad(whole.square().sum(), images)[0]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = InChunks(teacher, 4)(images)
    assert sum(kept.values()) < before / 10
    torch.testing.assert_close(torch.autograd.grad(logits.square().sum(), images)[0], gradient)


def test_a_trial_and_an_estimate_know_of_pieces(teacher, student):
    given = {"input_size": SIZE, "classes": 10, "seconds": 0}
    where = Where("cpu", "32")
    whole, pieces = (
        tried(quick("zskt"), teacher, student, where, micro_batch=size, **given)
        for size in (None, 2)
    )
    # Each piece goes its way a second time.
    counted = [each.phases["making"].operations for each in (whole, pieces)]
    assert counted[1] > counted[0]
    assert estimated_bytes(teacher, student, SIZE, 64, 8) < estimated_bytes(
        teacher, student, SIZE, 64
    )


def test_stages_keep_their_names_inside(teacher):
    assert InChunks(teacher, 2).stages == tuple(f"network.{name}" for name in teacher.stages)
    assert not hasattr(InChunks(nn.Flatten(), 2), "stages")
