"""The method against a literal loop, written from the description of the authors' code."""

import copy
from itertools import islice

import pytest
import torch
import torch.nn.functional as F

from players import SIZE, make_game
from zskt.methods import ZSKT
from zskt.networks import Generator
from zskt.training.distill import count_classes

ROUNDS = 5


def activations(network, images):
    """Logits and the outputs of the three groups, by running the network part by part."""
    outputs = [network.group1(network.stem(images))]
    outputs.append(network.group2(outputs[-1]))
    outputs.append(network.group3(outputs[-1]))
    return network.head(F.relu(network.bn(outputs[-1])).mean((2, 3))), outputs


def literal_kl(student_logits, teacher_logits):
    return F.kl_div(
        F.log_softmax(student_logits, 1), F.softmax(teacher_logits, 1), reduction="none"
    ).mean()


def literal_attention(one, other):
    def attention(activation):
        return F.normalize(activation.pow(2).mean(1).view(activation.size(0), -1))

    return (attention(one) - attention(other)).pow(2).mean()


def literal_loop(teacher, student, generator, batch_size, rounds, random):
    """As the authors run it: the generator again, with autograd, at every student step."""
    teacher.eval()
    student.train()
    generator.train()
    generator_adam = torch.optim.Adam(generator.parameters(), lr=1e-3)
    student_adam = torch.optim.Adam(student.parameters(), lr=2e-3)
    schedules = [
        torch.optim.lr_scheduler.CosineAnnealingLR(adam, rounds)
        for adam in (generator_adam, student_adam)
    ]
    for _ in range(rounds):
        noise = torch.randn(batch_size, 100, generator=random, dtype=torch.float64)
        loss = -literal_kl(student(generator(noise)), teacher(generator(noise)))
        generator_adam.zero_grad()
        student_adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(generator.parameters(), 5)
        generator_adam.step()
        for step in range(10):
            images = generator(noise)
            if step == 0:
                with torch.no_grad():
                    teacher_logits, teacher_outputs = activations(teacher, images)
            student_logits, student_outputs = activations(student, images)
            loss = literal_kl(student_logits, teacher_logits)
            for ours, theirs in zip(student_outputs, teacher_outputs, strict=True):
                loss = loss + 250 * literal_attention(ours, theirs)
            student_adam.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), 5)
            student_adam.step()
        for schedule in schedules:
            schedule.step()


def test_same_weights_as_the_literal_loop(teacher, student):
    teacher, student = teacher.double(), student.double()
    literal_student = copy.deepcopy(student)
    torch.manual_seed(0)
    literal_generator = Generator(SIZE).double()
    literal_loop(
        copy.deepcopy(teacher), literal_student, literal_generator, 8, ROUNDS,
        torch.Generator().manual_seed(0),
    )  # fmt: skip

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
    game = make_game(teacher, student)
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
    assert turn.metrics["attention_loss"] == 0
    assert len(told) == 1
    assert "attention" in told[0]
    assert count_classes(teacher, student, SIZE) == 10


@pytest.mark.parametrize("name", ["kl", "reverse-kl", "js", "l1"])
def test_every_discrepancy_plays(teacher, student, name):
    game = make_game(teacher, student)
    turn = next(ZSKT(batch_size=4, student_steps=1, discrepancy=name, temperature=4).play(game))
    assert all(value.isfinite() for value in turn.metrics.values())
    assert turn.metrics["generator_loss"] < 0
