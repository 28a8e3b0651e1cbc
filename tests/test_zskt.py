"""The method against the literal published loop, and its settings."""

import copy
from itertools import islice

import pytest
import torch

from literal_loop import literal_rounds
from players import SIZE, make_game
from zskt.game import stream
from zskt.methods import ZSKT
from zskt.networks import Generator
from zskt.training.compatibility import count_classes

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
    game = make_game(teacher, student, ROUNDS)
    list(islice(ZSKT(batch_size=8).play(game), ROUNDS))

    generator = game.networks["generator"]
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
        game = make_game(teacher, copy.deepcopy(student))
        next(method.play(game))
        taught = seen[1:]
        assert len(taught) == 3
        assert len({images.sum().item() for images in taught}) == different


def test_no_attention_when_nothing_matches(teacher):
    told = []
    student = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 10))
    game = make_game(teacher, student, tell=told.append)
    turn = next(ZSKT(batch_size=2, student_steps=1).play(game))
    assert turn.metrics["attention"] == 0
    assert len(told) == 1
    assert "attention" in told[0]
    assert count_classes(teacher, student, SIZE) == 10


@pytest.mark.parametrize("name", ["kl", "reverse-kl", "js", "l1"])
def test_every_discrepancy_plays(teacher, student, name):
    game = make_game(teacher, student)
    turn = next(ZSKT(batch_size=4, student_steps=1, discrepancy=name, temperature=4).play(game))
    assert all(value.isfinite() for value in turn.metrics.values())
    assert turn.metrics["generator_loss"] < 0
