"""What every method must keep to; a new method is tested by being listed in METHODS."""

import copy
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import nn

from players import SIZE, TIMES, make_session, quick, same_weights
from zskt import Run
from zskt.devices import resolve
from zskt.distillation.history import check_names
from zskt.distillation.loop import Play
from zskt.distillation.session import Round
from zskt.errors import UserError
from zskt.methods import METHODS
from zskt.model_file import Card
from zskt.networks import create
from zskt.runs.folder import RunFolder
from zskt.runs.writer import FolderWriter

RUN = Run(rounds=4, device="cpu", precision="32", record_every=1)


@pytest.fixture(params=METHODS)
def method(request):
    return quick(request.param)


def play(method, teacher, student, input_size=SIZE, classes=10, folder=None, **settings):
    run = replace(RUN, **settings)
    where = resolve(run.device, run.precision)
    part = Play(
        method=method, run=run, where=where, input_size=input_size, classes=classes, progress=False
    )
    if folder is not None:
        card = Card(architecture=None, input_size=input_size, classes=classes)
        settings = {"command_name": "distill"}
        part.writer = FolderWriter(folder, card, settings, None, resumed=folder.holds_run)
        part.memories = folder.memories
        part.saved = folder.state()
        if part.saved:
            folder.rewind(part.saved["round"])
    return part(teacher, student)


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
    session = make_session(teacher, student)
    next(method.rounds(session))
    assert all(p.grad is None and not p.requires_grad for p in session.teacher.parameters())
    assert not session.teacher.training


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

    folder = RunFolder(tmp_path / "run")
    settings = {"folder": folder, "save_seconds": 0.0}
    with monkeypatch.context() as patch:
        patch.setattr(FolderWriter, "save", killed_at(3, FolderWriter.save, Killed))
        with pytest.raises(Killed):
            play(method, teacher, copy.deepcopy(student), **settings)
    resumed = play(method, teacher, copy.deepcopy(student), **settings)
    assert same_weights(resumed.student, whole.student)
    for name, network in whole.networks.items():
        assert same_weights(resumed.networks[name], network)
    for ours, theirs in zip(resumed.history, whole.history, strict=True):
        assert {**ours, **TIMES} == {**theirs, **TIMES}


def test_no_pass_through_the_teacher_is_wasted(method, teacher, student):
    """Each answers a step of somebody, and only those that lead to images keep a graph."""
    session = make_session(teacher, student)
    steps, passes = [], []
    descend = session.descend
    session.descend = lambda *given, **named: steps.append(1) or descend(*given, **named)
    session.teacher.register_forward_hook(lambda *seen: passes.append(seen[2].requires_grad))
    rounds = method.rounds(session)
    next(rounds)
    # In the first round stages of teacher and student are matched too.
    steps.clear()
    passes.clear()
    seen = 0
    for number in (1, 2):
        session.progress = number / 3
        seen += next(rounds).seen
    assert 0 < len(passes) <= len(steps)
    assert seen % method.batch_size == 0
    assert sum(passes) <= len(steps) - seen // method.batch_size


def test_images_and_seconds_are_counted_over_a_restart(method, teacher, student, tmp_path):
    folder = RunFolder(tmp_path / "run")
    play(method, teacher, student, folder=folder, until=2)
    rows = play(method, teacher, student, folder=folder).history
    made = [row["images_made"] for row in rows]
    assert made[0] > 0
    assert made == [made[0] * number for number in (1, 2, 3, 4)]
    assert rows[-1]["images_seen"] > 0
    assert rows[-1]["seconds_teaching"] > 0


def killed_at(number, save, error):
    """A `save` that works until the process is killed before it."""
    calls = []

    def killed(self, state):
        calls.append(state)
        if len(calls) == number:
            raise error
        save(self, state)

    return killed


def test_a_finished_run_gives_its_networks_back(method, teacher, student, tmp_path):
    folder = RunFolder(tmp_path / "run")
    whole = play(method, teacher, copy.deepcopy(student), folder=folder)
    again = play(method, teacher, copy.deepcopy(student), folder=folder)
    assert again.networks.keys() == whole.networks.keys()
    assert again.source == whole.source
    for name, network in {"student": whole.student, **whole.networks}.items():
        other = again.student if name == "student" else again.networks[name]
        assert same_weights(other, network)
        assert not other.training


class Forgetful:
    """A method that wraps another and does one thing wrong."""

    def __init__(self, wrong):
        self.wrong = wrong

    def rounds(self, session):
        if self.wrong != "ready":
            session.ready()
        if self.wrong == "late":
            session.keep("late", nn.Linear(1, 1))
        images = torch.zeros(2, *SIZE)
        while True:
            if self.wrong == "noise":
                session.is_ready = False
                session.noise(1)
            yield Round(images, **({"student_accuracy": 1.0} if self.wrong == "name" else {}))


@pytest.mark.parametrize("wrong", ["ready", "late", "noise"])
def test_what_would_resume_wrongly_is_an_error(wrong, teacher, student):
    with pytest.raises(AssertionError, match="ready"):
        play(Forgetful(wrong), teacher, student)


def test_metrics_of_a_method_have_names_of_their_own(teacher, student):
    with pytest.raises(ValueError, match="student_accuracy itself"):
        play(Forgetful("name"), teacher, student)
    for name in ("round", "seconds", "teacher_confidence", "student_classes"):
        with pytest.raises(ValueError, match=name):
            check_names(Round(torch.zeros(1, *SIZE), **{name: 0.0}))
    check_names(Round(torch.zeros(1, *SIZE), student_loss=0.0))


def test_every_method_learns_at_a_rate_that_falls_with_the_progress(method, teacher, student):
    rows = play(method, teacher, student, rounds=8).history
    rates = [row["student_learning_rate"] for row in rows]
    # All end on a cosine; some begin with a warm-up.
    assert rates[-1] / rates[4] == pytest.approx(0.0380602 / 0.5, rel=1e-4)
    assert max(rates) < 28 * rates[-1]


@pytest.mark.parametrize("input_size", [(1, 8, 8), (3, 12, 10), (1, 28, 28)])
@pytest.mark.parametrize("classes", [2, 5])
def test_any_size_and_number_of_classes(method, input_size, classes):
    teacher, student = (
        create(name, classes=classes, input_size=input_size) for name in ("resnet-8", "wrn-10-1")
    )
    result = play(replace(method, batch_size=4), teacher, student, input_size, classes, rounds=1)
    assert all(torch.tensor(value).isfinite().all() for value in result.history[-1].values())


def test_the_student_comes_nearer_to_the_teacher(method, teacher):
    """From the teacher's own weights, disturbed: after some rounds the disturbance is smaller."""
    torch.manual_seed(0)
    if hasattr(method, "replays"):
        method = replace(method, replays=10)
    student = copy.deepcopy(teacher)
    with torch.no_grad():
        student.head.weight.add_(torch.randn_like(student.head.weight))
    images = torch.randn(64, *SIZE)

    def apart():
        with torch.no_grad():
            said, heard = (each.eval()(images).softmax(1) for each in (teacher, student))
            return (said - heard).abs().mean()

    before = apart()
    session = make_session(teacher, student)
    for number, _ in enumerate(islice(method.rounds(session), 60)):
        session.progress = (number + 1) / 60
    assert apart() < 0.9 * before


def test_images_of_nayer_need_a_spread():
    with pytest.raises(UserError, match="`image_batch_size` must be 2 or more"):
        quick("nayer", image_batch_size=1)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_page_and_a_short_file(name):
    root = Path(__file__).parents[1]
    assert (root / "docs" / "methods" / f"{name}.md").is_file()
    lines = (root / "src" / "zskt" / "methods" / f"{name}.py").read_text().splitlines()
    assert len(lines) <= 130
