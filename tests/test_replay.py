"""Our method through the front door: what it leaves, what it says, what it does without."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from players import SIZE, zskt
from zskt import Replay, Run, distill, load_teacher
from zskt.distillation.schedule import cosine, warm_cosine
from zskt.images import at_once
from zskt.jobs.distill import of_length
from zskt.methods.zskt import ZSKT
from zskt.model_file import Card, write_network
from zskt.networks import create
from zskt.pieces.image_loss import ImageLoss
from zskt.pieces.stage_features import StageFeatures

METHOD = Replay(batch_size=8, image_batch_size=16, generator_steps=2, replays=2, generator_width=8)
RUN = Run(rounds=2, device="cpu", precision="32", record_every=1)


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(0)
    network = create("wrn-10-1", classes=4, input_size=SIZE)
    network(torch.randn(64, *SIZE))
    card = Card(
        architecture="wrn-10-1", input_size=SIZE, classes=4, mean=(0.5,) * 3, std=(0.25,) * 3
    )
    write_network(tmp_path / "teacher.safetensors", network.eval(), card)
    return tmp_path / "teacher.safetensors"


def test_what_was_learnt_from_is_there_in_memory_and_in_the_folder(file, tmp_path, capsys):
    made = distill(file, "wrn-10-1", method=METHOD, run=RUN, out=tmp_path / "run", progress=False)
    images = made.source.images(40, seed=0)
    assert images.shape == (40, *SIZE)
    assert len(images.flatten(1).unique(dim=0)) == 32
    assert images.abs().max() <= 2.0 + 1e-6
    assert made.verdict is not None
    assert zskt("verdict", tmp_path / "run") == 0
    assert zskt("synthesize", tmp_path / "run", "--images", 8, "--out", tmp_path / "s.npz") == 0
    alone = distill(file, "wrn-10-1", method=METHOD, run=RUN, progress=False)
    assert torch.equal(alone.source.images(40, seed=0), images)


def test_the_student_keeps_nothing_of_the_lesson(file, tmp_path):
    made = distill(file, "wrn-10-1", method=METHOD, run=RUN, out=tmp_path / "run", progress=False)
    fresh = create("wrn-10-1", classes=4, input_size=SIZE)
    assert made.student.state_dict().keys() == fresh.state_dict().keys()
    assert not any(module._forward_hooks for module in made.student.modules())
    assert {"features", "prior", "generator_loss"} <= made.history[-1].keys()
    assert [row["images_made"] for row in made.history] == [16, 32]
    assert [row["images_seen"] for row in made.history] == [32, 64]


def test_without_features_the_logits_teach_alone(file):
    with_them, without = (
        distill(file, "wrn-10-1", method=replace(METHOD, features=f), run=RUN, progress=False)
        for f in (20.0, 0.0)
    )
    first, second = with_them.history[0], without.history[0]
    # The same images and the same answers in the first round, of another weight.
    assert first["prior"] == second["prior"]
    assert first["student_loss"] > second["student_loss"]


def test_a_teacher_that_shows_nothing_still_teaches(capsys):
    """As an ONNX or TorchScript file does not: no batch norm, no stages."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).eval()
    teacher = load_teacher(network, input_size=SIZE)
    made = distill(teacher, "wrn-10-1", method=METHOD, run=RUN)
    said = "".join(capsys.readouterr())
    assert "No batch norm of the teacher can be seen" in said
    assert "logits alone teach" in said
    assert made.history[-1]["prior"] == made.history[-1]["features"] == 0


@pytest.mark.parametrize(("norm", "share", "factor"), [("batch", 1.0, 1.0), ("none", 0.2, 3.0)])
def test_where_no_batch_norm_is_seen_disagreement_counts_more(norm, share, factor, monkeypatch):
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4)]
    network = nn.Sequential(*(layers if norm == "batch" else [layers[0], *layers[2:]])).eval()
    with torch.no_grad():
        network(torch.zeros(2, *SIZE))
    seen = []
    plain = ImageLoss.__call__

    def watched(loss, images, labels, weight):
        seen.append((loss.target, weight))
        return plain(loss, images, labels, weight)

    monkeypatch.setattr(ImageLoss, "__call__", watched)
    method = replace(METHOD, target=0.5, disagreement=2.0)
    distill(load_teacher(network, input_size=SIZE), "wrn-10-1", method=method, run=RUN)
    # A student that was taught nothing is not asked yet.
    assert seen == [(0.5 * share, 0.0)] * 2 + [(0.5 * share, 2.0 * factor)] * 2


def test_what_the_teacher_says_is_used_so_often(file, monkeypatch):
    asked = []
    plain = StageFeatures.answered

    def watched(stages, images):
        asked.append(images)
        return plain(stages, images)

    monkeypatch.setattr(StageFeatures, "answered", watched)
    losses = []
    for uses in (1, 2, 3):
        asked.clear()
        # 5 batches are wanted, or the next whole number of uses.
        method = replace(METHOD, replays=5, image_batch_size=8, label_uses=uses)
        made = distill(file, "wrn-10-1", method=method, run=replace(RUN, rounds=1), progress=False)
        assert len(asked) == -(-5 // uses)
        assert made.history[-1]["images_seen"] == 8 * uses * len(asked)
        losses.append(made.history[-1]["student_loss"])
    assert len(set(losses)) == 3


def test_a_run_has_the_methods_usual_length_unless_told():
    assert of_length(Run(), Replay()).rounds == Replay.usual_rounds
    assert of_length(Run(), ZSKT()).total_rounds == 80_000
    assert of_length(Run(rounds=3), Replay()).rounds == 3
    assert of_length(Run(minutes=3), Replay()).total_rounds is None


def test_it_is_the_default(file, tmp_path):
    words = ("--teacher", file, "--student", "wrn-10-1", "--rounds", 1, "--device", "cpu")
    few = ("--batch-size", 8, "--image-batch-size", 8, "--generator-width", 8)
    assert zskt("distill", *words, *few, "--out", tmp_path / "run") == 0
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["method"] == "replay"
    assert zskt("distill", "--resume", tmp_path / "run") == 0


@pytest.mark.parametrize(
    ("size", "count"),
    [((3, 32, 32), 256), ((3, 64, 64), 256), ((3, 128, 96), 85), ((1, 224, 224), 32)],
)
def test_large_images_are_made_fewer_at_once(size, count):
    assert at_once(256, size) == count
    assert at_once(8, size) == 8


def test_the_rate_rises_over_a_twentieth_and_falls_along_the_cosine():
    assert 0 < warm_cosine(0.0) < 0.05
    assert warm_cosine(0.02) < warm_cosine(0.04) < warm_cosine(0.05)
    assert all(warm_cosine(p) == cosine(p) for p in (0.05, 0.3, 0.99))
