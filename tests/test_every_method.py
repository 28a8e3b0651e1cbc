"""What every method must keep to; a new method is tested by being listed in METHODS."""

import copy
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import nn

from players import SIZE, TIMES, make_session, same_weights
from zskt import Run, distill
from zskt.methods import METHODS
from zskt.networks import create

RUN = Run(rounds=4, device="cpu", precision="32", record_every=1)


@pytest.fixture(params=METHODS)
def method(request):
    return replace(METHODS[request.param](), batch_size=8)


def play(method, teacher, student, **settings):
    return distill(
        teacher, student, input_size=SIZE, method=method,
        run=replace(RUN, **settings), progress=False,
    )  # fmt: skip


def test_the_teacher_is_never_changed(method, teacher, student):
    teacher.train()
    teacher.stem.weight.requires_grad_(False)
    before = copy.deepcopy(teacher)
    play(method, teacher, student)
    assert same_weights(teacher, before)
    for now, then in zip(teacher.modules(), before.modules(), strict=True):
        assert now.training == then.training
        assert not now._forward_hooks
    for now, then in zip(teacher.parameters(), before.parameters(), strict=True):
        assert now.requires_grad == then.requires_grad
        assert now.grad is None


def test_no_gradient_is_collected_for_the_teacher(method, teacher, student):
    game = make_session(teacher, student)
    next(method.play(game))
    assert all(p.grad is None and not p.requires_grad for p in game.teacher.parameters())
    assert not game.teacher.training


def test_the_student_learns_and_comes_back_ready_to_use(method, teacher, student):
    before = copy.deepcopy(student)
    result = play(method, teacher, student)
    assert result.student is student
    assert not same_weights(student, before)
    assert not student.training
    assert all(p.requires_grad for p in student.parameters())
    assert not any(module._forward_hooks for module in student.modules())
    assert [row["round"] for row in result.history] == [1, 2, 3, 4]


def test_the_same_seed_gives_the_same_bits(method, teacher, student):
    runs = [play(method, teacher, copy.deepcopy(student), seed=seed) for seed in (3, 3, 4)]
    assert same_weights(runs[0].student, runs[1].student)
    assert not same_weights(runs[0].student, runs[2].student)


def test_the_users_random_numbers_are_left_alone(method, teacher, student):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    play(method, teacher, student)
    assert torch.equal(torch.rand(3), expected)


def test_resuming_equals_never_having_stopped(method, teacher, student, tmp_path, monkeypatch):
    """Bitwise, with dropout in the student, which draws from torch's own random generator."""
    student = nn.Sequential(student, nn.Dropout(0.3))
    whole = play(method, teacher, copy.deepcopy(student))

    class Killed(Exception):
        pass

    settings = {
        "input_size": SIZE, "method": method, "out": tmp_path / "run", "progress": False,
        "run": replace(RUN, save_seconds=0.0),
    }  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr("zskt.runs.writer.Recorder.save_due", killed_at(3, Killed))
        with pytest.raises(Killed):
            distill(teacher, copy.deepcopy(student), **settings)
    resumed = distill(teacher, copy.deepcopy(student), resume=True, **settings)
    assert same_weights(resumed.student, whole.student)
    for name, network in whole.networks.items():
        assert same_weights(resumed.networks[name], network)
    for ours, theirs in zip(resumed.history, whole.history, strict=True):
        assert {**ours, **TIMES} == {**theirs, **TIMES}


def killed_at(number, error):
    """A `save_due` that saves after every round and dies before it saves after that one."""
    calls = []

    def save_due(self, every):
        calls.append(every)
        if len(calls) == number:
            raise error
        return True

    return save_due


@pytest.mark.parametrize("input_size", [(1, 8, 8), (3, 12, 10), (1, 28, 28)])
@pytest.mark.parametrize("classes", [2, 5])
def test_any_size_and_number_of_classes(method, input_size, classes):
    teacher, student = (
        create(name, classes=classes, input_size=input_size) for name in ("resnet-8", "wrn-10-1")
    )
    result = distill(
        teacher, student, input_size=input_size, method=replace(method, batch_size=4),
        run=replace(RUN, rounds=1), progress=False,
    )  # fmt: skip
    assert all(torch.tensor(value).isfinite().all() for value in result.history[-1].values())


def test_the_student_comes_nearer_to_the_teacher(method, teacher):
    """From the teacher's own weights, disturbed: after some rounds the disturbance is smaller."""
    torch.manual_seed(0)
    student = copy.deepcopy(teacher)
    with torch.no_grad():
        student.head.weight.add_(torch.randn_like(student.head.weight))
    images = torch.randn(64, *SIZE)

    def apart():
        with torch.no_grad():
            said, heard = (each.eval()(images).softmax(1) for each in (teacher, student))
            return (said - heard).abs().mean()

    before = apart()
    game = make_session(teacher, student, rounds=30)
    list(islice(method.play(game), 30))
    assert apart() < 0.9 * before


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_page_and_a_short_file(name):
    root = Path(__file__).parents[1]
    assert (root / "docs" / "methods" / f"{name}.md").is_file()
    lines = (root / "src" / "zskt" / "methods" / f"{name}.py").read_text().splitlines()
    assert len(lines) <= 130
