"""Finding stages in networks that know nothing of us."""

import copy

import torch
from torch import nn

from players import same_weights
from zskt.losses import attention_map
from zskt.networks import create
from zskt.taps import Watched, matching_stages

SIZE = (3, 32, 32)


def network(name):
    return create(name, classes=10, input_size=SIZE).train()


def stages(teacher, student):
    return matching_stages(network(teacher), network(student), torch.zeros(2, *SIZE))


def test_our_own_networks_name_their_stages():
    groups = ["group1", "group2", "group3"]
    assert stages("wrn-16-2", "wrn-10-1") == (groups, groups)
    assert stages("wrn-10-1", "resnet-8") == (groups, ["stage1", "stage2", "stage3"])
    assert stages("lenet", "lenet") == (["conv1", "conv2"], ["conv1", "conv2"])


def test_other_networks_are_matched_by_size():
    teacher, student = network("timm:resnet10t"), network("wrn-10-1")
    ours, theirs = matching_stages(teacher, student, torch.zeros(2, *SIZE))
    # Its first convolution halves 32x32, and so does its first stage.
    assert (ours, theirs) == (["act1", "layer1"], ["group2", "group3"])
    images = torch.randn(2, *SIZE)
    _, teacher_maps = Watched(teacher, ours)(images)
    _, student_maps = Watched(student, theirs)(images)
    assert [m.shape for m in teacher_maps] == [m.shape for m in student_maps]


def test_a_network_behind_a_normaliser():
    wrapped = nn.Sequential(nn.Identity(), network("wrn-10-1"))
    ours, theirs = matching_stages(wrapped, network("wrn-10-1"), torch.zeros(2, *SIZE))
    assert ours[:2] == ["1.group1", "1.group2"]
    assert theirs == ["group1", "group2", "group3"]


def test_nothing_matches_without_maps():
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))
    assert matching_stages(flat, network("wrn-10-1"), torch.zeros(2, *SIZE)) == ([], [])


def test_looking_changes_nothing():
    student = network("timm:resnet10t")
    student.layer1.eval()
    before = copy.deepcopy(student)
    names, _ = matching_stages(student, network("wrn-10-1"), torch.randn(2, *SIZE))
    assert same_weights(student, before)
    assert [m.training for m in student.modules()] == [m.training for m in before.modules()]
    Watched(student.eval(), names)(torch.randn(2, *SIZE))
    assert not any(module._forward_hooks for module in student.modules())


def test_watching_gives_the_map_of_the_modules_output():
    watched = network("wrn-10-1").eval()
    images = torch.randn(2, *SIZE)
    logits, (attention,) = Watched(watched, ["group1"])(images)
    assert torch.equal(logits, watched(images))
    assert torch.equal(attention, attention_map(watched.group1(watched.stem(images))))
    attention.sum().backward()
    assert watched.stem.weight.grad is not None
