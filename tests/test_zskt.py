"""The method against the literal published loop, and its settings."""

import copy
import math
from itertools import islice
from typing import get_args

import pytest
import torch
from literal_loop import literal_rounds

from players import SIZE, make_session
from zskt.errors import UserError
from zskt.measure.accuracy import confidence, histograms
from zskt.methods.zskt import ZSKT
from zskt.networks import Generator
from zskt.networks.compatibility import count_classes
from zskt.pieces import generator_terms
from zskt.pieces.names import TermName
from zskt.seeds import stream
from zskt.taps import tapped

ROUNDS = 5


def test_same_weights_as_the_literal_loop(teacher, student):
    teacher, student = teacher.double(), student.double()
    literal_student = copy.deepcopy(student)
    torch.manual_seed(stream(0, "generator"))
    literal_generator = Generator(SIZE).double()
    for _ in literal_rounds(
        copy.deepcopy(teacher), literal_student, literal_generator,
        batch_size=8, rounds=ROUNDS, random=torch.Generator().manual_seed(stream(0, "noise")),
    ):  # fmt: skip
        pass

    before = copy.deepcopy(student)
    session = make_session(teacher, student)
    for number, _ in enumerate(islice(ZSKT(batch_size=8).rounds(session), ROUNDS), start=1):
        session.progress = number / ROUNDS

    generator = session.networks["generator"]
    for ours, theirs in ((student, literal_student), (generator, literal_generator)):
        for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-10, msg=name)
    # The student's statistics see every batch in both; it did learn.
    torch.testing.assert_close(student.bn.running_var, literal_student.bn.running_var)
    assert (student.stem.weight - before.stem.weight).abs().max() > 1e-3


def test_fresh_noise_gives_every_student_step_its_own_images(teacher, student):
    seen = []
    student.register_forward_pre_hook(lambda _, images: seen.append(images[0].detach().clone()))
    for fresh, different in ((False, 1), (True, 3)):
        seen.clear()
        method = ZSKT(batch_size=4, student_steps=3, attention=0, fresh_noise=fresh)
        session = make_session(teacher, copy.deepcopy(student))
        next(method.rounds(session))
        taught = seen[1:]
        assert len(taught) == 3
        assert len({images.sum().item() for images in taught}) == different


def test_no_attention_when_nothing_matches(teacher):
    told = []
    student = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 10))
    session = make_session(teacher, student, tell=told.append)
    played = next(ZSKT(batch_size=2, student_steps=1).rounds(session))
    assert played.metrics["attention"] == 0
    assert len(told) == 1
    assert "attention" in told[0]
    assert count_classes(teacher, student, SIZE) == 10


@pytest.mark.parametrize("name", ["kl", "reverse-kl", "js", "l1"])
def test_every_discrepancy_plays(teacher, student, name):
    session = make_session(teacher, student)
    played = next(
        ZSKT(batch_size=4, student_steps=1, discrepancy=name, temperature=4).rounds(session)
    )
    assert all(value.isfinite() for value in played.metrics.values())
    assert played.metrics["generator_loss"] < 0


@pytest.mark.parametrize("name", get_args(TermName))
def test_every_extra_term_moves_the_generator(teacher, student, name):
    """The student's first step is on other images than without the term; nothing else changes."""
    losses = {}
    for extra in ("none", name):
        method = ZSKT(batch_size=4, student_steps=1, extra=extra, extra_weight=50.0)
        session = make_session(teacher, copy.deepcopy(student))
        played = next(method.rounds(session))
        losses[extra] = played.metrics["generator_loss"].item(), played.images
        assert all(p.grad is None for p in session.teacher.parameters())
        assert not any(module._forward_hooks for module in session.teacher.modules())
    assert (losses[name][0] == losses["none"][0]) is (name == "none")
    assert torch.equal(losses[name][1], losses["none"][1]) is (name == "none")


def test_terms_have_the_signs_they_say(teacher, student):
    session = make_session(teacher, student)
    session.ready()
    images = torch.randn(4, *SIZE)
    says, heard = session.teacher(images), session.student(images)

    def term(name):
        return generator_terms.generator_term(name, session)(images, says, heard)

    log_p, log_q = says.log_softmax(1), heard.log_softmax(1)
    torch.testing.assert_close(term("teacher-entropy"), -(log_p.exp() * log_p).mean())
    torch.testing.assert_close(term("student-entropy"), (log_q.exp() * log_q).mean())
    smooth = session.teacher(generator_terms.blurred(images)).log_softmax(1)
    torch.testing.assert_close(term("blur"), (log_p.exp() * (log_p - smooth)).mean())
    assert term("noise") > 0
    assert term("attention") < 0
    with tapped([session.teacher.bn]) as outputs:
        session.teacher(images)
    features = outputs[session.teacher.bn].relu().mean((2, 3))
    cosines = torch.nn.functional.cosine_similarity(features[:, None], features[None], dim=2)
    apart = cosines[~torch.eye(4, dtype=torch.bool)].mean()
    torch.testing.assert_close(term("diversity"), apart)


def test_terms_are_what_they_say():
    even, sure = torch.zeros(2, 4), torch.tensor([[100.0, 0, 0, 0]] * 2)
    assert generator_terms.entropy(even).item() == pytest.approx(math.log(4) / 4)
    assert generator_terms.entropy(sure).item() == pytest.approx(0, abs=1e-6)
    assert generator_terms.alikeness(torch.eye(3)).item() == pytest.approx(0)
    assert generator_terms.alikeness(torch.ones(3, 5)).item() == pytest.approx(1)
    spot = torch.zeros(1, 2, 5, 5)
    spot[0, 1, 2, 2] = 16
    expected = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    assert torch.equal(generator_terms.blurred(spot)[0, 1, 1:4, 1:4], expected)
    assert not generator_terms.blurred(spot)[0, 0].any()


def test_what_a_term_needs_must_be_there(student):
    flat = torch.nn.Sequential(torch.nn.Conv2d(3, 10, 8), torch.nn.Flatten())
    for name, reason in (("diversity", "linear layer"), ("attention", "no stages")):
        with pytest.raises(UserError, match=reason):
            next(ZSKT(batch_size=2, extra=name).rounds(make_session(flat, student)))


def test_what_both_networks_say_is_left_for_the_record(teacher, student):
    session = make_session(teacher, student)
    played = next(ZSKT(batch_size=4, student_steps=1).rounds(session))
    with torch.no_grad():
        torch.testing.assert_close(played.logits["teacher"], session.teacher(played.images))
    assert played.logits["student"].shape == (4, 10)
    assert played.metrics["student_learning_rate"] == pytest.approx(2e-3)
    assert played.metrics["generator_learning_rate"] == pytest.approx(1e-3)


def test_histograms_count_every_image():
    logits = torch.tensor([[0.0, 9, 0], [0, 9, 0], [0, 0, 0]])
    counts = histograms(logits)
    assert counts["classes"] == [1, 2, 0]
    assert counts["confidence_histogram"] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 2]
    assert confidence(logits) == pytest.approx((2 * logits[0].softmax(0)[1].item() + 1 / 3) / 3)


def test_a_deeper_generator_has_more_convolutions():
    shallow, deep = Generator(SIZE), Generator(SIZE, depth=3)
    count = [
        sum(isinstance(m, torch.nn.Conv2d) for m in each.modules()) for each in (shallow, deep)
    ]
    assert count == [2, 4]
    assert deep(torch.randn(2, 100)).shape == (2, *SIZE)
