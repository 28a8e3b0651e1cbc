"""The game in the plane: a round beside the literal loop, its data, and a short game."""

import copy
import json
from itertools import islice

import pytest
import torch
from torch import nn

from players import same_weights
from test_cli import RESULT_KEYS, zskt
from zskt.plane.data import HOLE, butterfly
from zskt.plane.experiment import FINE_SIDE, experiment, grid, logits_of, teach
from zskt.plane.game import perceptron, rounds
from zskt.plane.settings import Toy

SHORT = Toy(rounds=3, ascent_steps=5, teacher_epochs=2)


def network(seed: int) -> nn.Module:
    """In double precision, with logits far enough from zero for a divergence to see."""
    chain = perceptron(seed).double()
    with torch.no_grad():
        for parameter in chain.parameters():
            parameter.mul_(2)
    return chain


def test_one_round_is_that_of_the_literal_loop():
    """The whole of Fig. 1's loop, written again, on the same start."""
    toy = Toy(ascent_steps=3, student_steps=2, points=8, student_clip=0.05)
    teacher, student = network(1), network(2)
    there, here = copy.deepcopy(teacher), copy.deepcopy(student)
    _, last = islice(rounds(teacher, student, toy, torch.Generator().manual_seed(3)), 2)

    start = torch.randn(8, 2, generator=torch.Generator().manual_seed(3)) + 3
    latent = start.double().requires_grad_()
    ascent = torch.optim.Adam([latent], lr=toy.ascent_learning_rate)
    descent = torch.optim.Adam(here.parameters(), lr=toy.student_learning_rate)
    clipped = []
    for _ in range(2):
        for _ in range(3):
            points = 6 * latent.sigmoid() - 3
            (gradient,) = torch.autograd.grad(-literal_kl(there(points), here(points)), latent)
            latent.grad = gradient.clamp(-3, 3)
            ascent.step()
        points = (6 * latent.sigmoid() - 3).detach()
        for _ in range(2):
            descent.zero_grad()
            loss = literal_kl(there(points).detach(), here(points))
            loss.backward()
            clipped.append(nn.utils.clip_grad_norm_(here.parameters(), 0.05).item() > 0.05)
            descent.step()
    assert any(clipped)
    torch.testing.assert_close(last.points, points)
    assert last.left == pytest.approx(loss.item())
    for ours, theirs in zip(student.parameters(), here.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8)


def literal_kl(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    p, q = teacher.softmax(1), student.softmax(1)
    return (p * (p / q).log()).sum() / p.numel()


def test_the_butterfly_has_its_holes_and_its_dots():
    train, test = butterfly(4)
    points = torch.cat([train.points, test.points])
    labels = torch.cat([train.labels, test.labels])
    count = len(labels)
    assert len(train) == round(0.7 * count)
    assert labels.bincount()[1:].tolist() == [2000, 2000]
    assert 1000 < (labels == 0).sum() < 1800
    for height, dot in ((1.0, 1), (-1.0, 2)):
        inside = (points - torch.tensor([0.0, height])).norm(dim=1) < HOLE
        in_hole = labels[inside].bincount(minlength=3)
        assert in_hole[0] == 0
        assert in_hole[dot] > 990
        assert in_hole[3 - dot] < 50
    wing = points[(labels == 1) & (points[:, 1].abs() < 0.6)]
    torch.testing.assert_close(wing.mean(0), torch.tensor([-1.0, 0.0]), atol=0.05, rtol=0)
    assert not torch.equal(butterfly(5)[0].points[:9], train.points[:9])


def test_the_grid_goes_up_row_by_row():
    plane = grid(FINE_SIDE)
    assert plane[0].tolist() == [-3, -3]
    torch.testing.assert_close(plane[1], torch.tensor([-2.98, -3.0]))
    assert plane[-1].tolist() == [3, 3]


def test_a_short_game_raises_agreement():
    toy = Toy(rounds=40, ascent_steps=20, ascent_learning_rate=0.02, teacher_epochs=5)
    rows = []
    outcome = experiment(toy, rows.append)
    figures = outcome.figures
    assert figures["teacher_accuracy"] > 0.6
    assert figures["plane_agreement"] > figures["untrained_plane_agreement"] + 0.1
    assert [row["round"] for row in rows] == list(range(41))
    assert outcome.snapshots[-1].points.abs().max() <= 3
    torch.testing.assert_close(outcome.teacher_map.sum(2), torch.ones(101, 101))


def test_the_game_keeps_the_teacher_and_teaching_lowers_its_loss():
    train, _ = butterfly(4)
    teacher = perceptron(0)
    losses = []
    for _ in range(2):
        losses.append(nn.functional.cross_entropy(logits_of(teacher, train.points), train.labels))
        teach(teacher, train, SHORT)
    assert losses[1] < 0.7 * losses[0]
    before = copy.deepcopy(teacher)
    next(rounds(teacher, perceptron(1), SHORT, torch.Generator()))
    assert same_weights(teacher, before)


def test_the_same_seed_gives_the_same_result():
    again = [experiment(SHORT, lambda row: None).snapshots[-1] for _ in range(2)]
    assert torch.equal(again[0].map, again[1].map)
    assert torch.equal(again[0].points, again[1].points)
    other = experiment(Toy(rounds=3, ascent_steps=5, teacher_epochs=2, seed=5), lambda row: None)
    assert not torch.equal(other.snapshots[-1].map, again[0].map)


def test_the_toy_command(tmp_path, capsys):
    from PIL import Image

    out, results = tmp_path / "toy", tmp_path / "results.json"
    words = ("toy", "--out", out, "--rounds", 3, "--ascent-steps", 5, "--teacher-epochs", 1)
    assert zskt(*words, "--results", results) == 0
    names = {"panels.png", "toy.gif", "result.json", "metrics.jsonl", "settings.json"}
    assert {file.name for file in out.iterdir()} == names
    with Image.open(out / "toy.gif") as gif:
        assert gif.n_frames == 4
    result = json.loads(results.read_text())
    assert result.keys() == RESULT_KEYS | {"seed"}
    assert result["seed"] == result["rows"][0]["seed"] == 4
    assert result["settings"]["student_steps"] == 10
    last = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["student_accuracy"] == result["rows"][0]["student_accuracy"]

    assert zskt(*words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert zskt(*words, "--overwrite") == 0
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 4
    # What the command changed for its own sake is as before.
    assert torch.tensor([1e-39]).mul(1.0).item() > 0


def test_a_game_that_diverges_is_told(tmp_path, capsys):
    words = ("--rounds", 3, "--ascent-steps", 5, "--teacher-epochs", 1)
    assert zskt("toy", "--out", tmp_path, *words, "--student-learning-rate", 1e30) == 2
    assert "no longer finite; lower the learning rates" in capsys.readouterr().err
