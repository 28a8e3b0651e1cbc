"""What is measured of a run without data, and the probes it is measured on."""

import json
from math import log
from typing import Any

import pytest
import torch
from sklearn.metrics import cohen_kappa_score
from torch import nn

from players import same_weights, zskt
from zskt.measure.verdict.judgement import judged
from zskt.measure.verdict.probes import PROBES, blends, leaves, probe
from zskt.measure.verdict.signals import divergence, kappa, signals, variety
from zskt.model_file import Card, load, write_network
from zskt.networks import create
from zskt.networks.generator import Generator
from zskt.runs.folder import RunFolder
from zskt.runs.lock import FolderLock
from zskt.runs.source import DrawnImages

BOUNDS = ((-1.0, -2.0, -3.0), (1.0, 2.0, 4.0))


@pytest.mark.parametrize("kind", PROBES)
def test_probes_lie_between_the_lowest_and_the_highest_pixel(kind):
    images = probe(kind, 16, (3, 20, 28), BOUNDS, seed=1)
    assert images.shape == (16, 3, 20, 28)
    for channel, low, high in zip(images.unbind(1), *BOUNDS, strict=True):
        assert low <= channel.min() < channel.max() <= high
        # No kind keeps to a corner of what a pixel can be.
        assert channel.max() - channel.min() > 0.7 * (high - low)
    assert torch.equal(images, probe(kind, 16, (3, 20, 28), BOUNDS, seed=1))
    assert not torch.equal(images, probe(kind, 16, (3, 20, 28), BOUNDS, seed=2))
    assert probe(kind, 2, (1, 8, 8), None).abs().max() <= 2


def test_leaves_have_edges_and_flat_parts():
    """Neighbours are mostly the same colour, and where they are not, far apart."""
    images = leaves(32, (1, 32, 32), torch.Generator().manual_seed(0))
    steps = images.diff(dim=3).abs()
    assert (steps == 0).float().mean() > 0.6
    assert steps[steps > 0].mean() > 0.2


def test_blends():
    images = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2), torch.ones(1, 2, 2)])
    assert blends(images)[:, 0, 0, 0].tolist() == [0.5, 0.5, 1.0]


def test_divergence_and_variety():
    sure, unsure = torch.tensor([[50.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    assert divergence(sure, unsure) == pytest.approx(log(2))
    assert divergence(sure, sure) == pytest.approx(0)
    assert variety(unsure)["entropy"] == pytest.approx(1)
    assert variety(torch.eye(4) * 50) == pytest.approx({"entropy": 0, "balance": 1}, abs=1e-9)
    assert variety(sure.expand(9, 2))["balance"] == 0
    # Three images of three classes could not be spread more evenly over a hundred.
    assert variety(torch.eye(3, 100) * 50)["balance"] == pytest.approx(1)


def flat(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5))


def test_a_student_that_is_its_teacher():
    teacher, generator = flat(0), Generator((1, 8, 8), 10, width=8)
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    like: Any = ((1, 8, 8), None)
    source = DrawnImages(generator)
    drawing: dict[str, Any] = {"source": source, "images": 40}
    found = signals(teacher, teacher, *like, **drawing, past=source, average=teacher)
    kinds = ("stream", "past", "blends", "noise", "fields", "leaves")
    assert all(found[f"{kind}_agreement"] == 1 for kind in kinds)
    assert all(found[f"{kind}_divergence"] == pytest.approx(0, abs=1e-9) for kind in kinds)
    assert found["drift"] == 0
    assert all(torch.equal(before[name], it) for name, it in generator.state_dict().items())
    other = signals(teacher, flat(1), *like, **drawing, average=teacher)
    assert other["noise_agreement"] < 1
    assert other["drift"] > 0
    assert "past_agreement" not in other
    assert signals(teacher, flat(1), *like, **drawing).keys() == other.keys() - {"drift"}
    of_probes = signals(teacher, flat(1), *like, images=40)
    assert of_probes.items() <= other.items()
    assert "stream_agreement" not in of_probes


@pytest.mark.parametrize(
    ("agrees", "balance", "word"),
    [(0.9, 0.9, "doubtful"), (0.9, 0.3, "doubtful"), (0.04, 0.3, "failed")],
)
def test_the_verdict_without_a_predicted_share_is_never_good(agrees, balance, word):
    found = judged({"leaves_kappa": agrees, "leaves_agreement": agrees, "balance": balance})
    assert found.word == word
    assert ("classes" in found.reason) == (balance < 0.5 and word == "doubtful")


def test_a_student_that_always_says_the_same_has_failed():
    """Though its teacher says that too, of nine images in ten."""
    target, constant = torch.zeros(100, 10), torch.zeros(100, 10)
    target[:90, 3] = constant[:, 3] = 1
    target[90:, 4] = 1
    assert kappa(target, constant) == pytest.approx(0)
    assert kappa(target, target) == 1
    assert kappa(constant, constant) == 0
    # By hand: 95 of 100 agree; by chance 0.9 * 0.95 + 0.1 * 0.05 would.
    nearly = target.clone()
    nearly[90:95] = constant[:5]
    assert kappa(target, nearly) == pytest.approx((0.95 - 0.86) / 0.14)
    signals = {"leaves_kappa": 0.0, "leaves_agreement": 0.9}
    assert judged(signals).word == "failed"
    assert judged({**signals, "blends_kappa": 0.4, "blends_agreement": 0.5}).word == "failed"
    between = judged({**signals, "blends_kappa": 0.6, "blends_agreement": 0.7})
    assert between.word == "doubtful"
    assert "between images that it learnt from on 70%" in between.reason


def test_kappa_is_that_of_scikit_learn():
    one, other = torch.randn(2, 200, 5, generator=torch.Generator().manual_seed(0))
    other = one + other
    expected = cohen_kappa_score(one.argmax(1), other.argmax(1))
    assert 0.2 < expected < 0.8
    assert kappa(one, other) == pytest.approx(expected)


def test_a_run_keeps_what_its_signals_need(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    teacher = create("wrn-10-2", classes=4, input_size=(1, 8, 8))
    card = Card(architecture="wrn-10-2", input_size=(1, 8, 8), classes=4, mean=(0.5,), std=(0.2,))
    write_network(tmp_path / "teacher.safetensors", teacher, card)
    words = ("--teacher", "teacher.safetensors", "--student", "wrn-10-1", "--rounds", 16)
    words += ("--batch-size", 4, "--generator-width", 8, "--save-seconds", 1e-9)
    words += ("--method", "zskt")
    assert zskt("distill", *words, "--until", 5, "--out", "run") == 0
    kept = sorted(file.name for file in (tmp_path / "run/snapshots").iterdir())
    assert kept == ["source-000002.safetensors", "source-000004.safetensors"]
    assert zskt("distill", "--resume", "run") == 0
    assert len(list((tmp_path / "run/snapshots").iterdir())) == 8
    last = load(tmp_path / "run/snapshots/source-000016.safetensors")
    close = load(tmp_path / "run/source.safetensors")
    assert not same_weights(last, close)  # 16 bits beside 32
    torch.testing.assert_close(last.draw[0].weight, close.draw[0].weight, rtol=1e-2, atol=1e-3)
    assert zskt("verdict", "run", "--images", 8, "--results", "verdict.json") == 0
    (row,) = json.loads((tmp_path / "verdict.json").read_text())["rows"]
    assert 0 <= row["past_agreement"] <= 1
    assert "drift" in row
    assert row["word"] in capsys.readouterr().out
    (left,) = json.loads((tmp_path / "run/verdict.json").read_text())["rows"]
    assert zskt("verdict", "run", "--results", "again.json") == 0
    (again,) = json.loads((tmp_path / "again.json").read_text())["rows"]
    # A run this short makes no images from its teacher; asked for later, the verdict does.
    assert "share" not in left
    assert 0 <= again["share_low"] <= again["share"] <= again["share_high"] <= 1
    assert left.keys() <= again.keys()
    assert again["leaves_divergence"] == pytest.approx(left["leaves_divergence"], rel=0.01)
    # The run says it from now on, unless the verdict was made on fewer images.
    kept = json.loads((tmp_path / "run/verdict.json").read_text())["rows"]
    assert kept == [again]
    for file in ("README.md", "report.html"):
        text = (tmp_path / "run" / file).read_text()
        assert again["reason"] in text
        assert left["reason"] not in text
    assert "say it now" in capsys.readouterr().out
    writer = FolderLock(tmp_path / "run")
    writer.take()
    before = (tmp_path / "run/verdict.json").stat().st_mtime_ns
    assert zskt("verdict", "run") == 0
    writer.release()
    assert "could not be written" in capsys.readouterr().out
    assert (tmp_path / "run/verdict.json").stat().st_mtime_ns == before
    assert zskt("distill", *words, "--out", "run", "--overwrite", "--until", 1) == 0
    assert not list((tmp_path / "run/snapshots").iterdir())
    RunFolder(tmp_path / "trained").create({"command_name": "train"}, overwrite=False)
    capsys.readouterr()
    write_network(
        tmp_path / "teacher.safetensors", create("wrn-10-2", classes=4, input_size=(1, 8, 8)), card
    )
    for sentence, given in {
        "is not the teacher of": ("run",),
        "--images must be 2": ("run", "--images", 1),
        "none holds no run": ("none",),
        "student.safetensors holds no run": ("run/student.safetensors",),
        "was not made by zskt distill": ("trained",),
    }.items():
        assert zskt("verdict", *given) == 2
        assert sentence in capsys.readouterr().err
