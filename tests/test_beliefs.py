"""Transition curves: against the literal loop, against a case by hand, and what is left on disk."""

import copy
import json
import math
import sys

import numpy as np
import pytest
import torch
from literal_beliefs import literal_curves
from torch import nn

from players import SIZE, same_weights
from zskt import UserError
from zskt.cli import main
from zskt.data import load_data
from zskt.devices import resolve
from zskt.images import Normalisation, Translated
from zskt.measure.beliefs.curves import Curves, mean_transition_error, transition_curves
from zskt.measure.beliefs.sampling import other_classes, sample_agreed
from zskt.model_file import Card, write_network
from zskt.networks import create
from zskt.reports.beliefs import mean_curves, single_curves


@pytest.fixture
def images():
    return torch.randn(3, *SIZE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def targets():
    return other_classes(torch.tensor([0, 4, 9]), 10)[:, :5]


@pytest.fixture
def lived(teacher, student, images):
    """Batch norm has statistics and logits are far apart, as in trained networks."""
    for network in (student, teacher):
        network.head.weight.data *= 5
        for scale in (1.0, 2.0, 3.0):
            network(images * scale + scale)
    return student, teacher


def sigmoid(number):
    return 1 / (1 + math.exp(-number))


@pytest.mark.parametrize("batch_size", [1, 4, 64], ids=["single", "uneven", "all"])
def test_same_curves_as_the_literal_loop(lived, images, targets, batch_size):
    student, teacher = (network.double() for network in lived)
    images = images.double()
    expected = literal_curves(student, teacher, images, targets, steps=6, step_size=0.5)
    curves = transition_curves(
        student, teacher, images, targets, steps=6, step_size=0.5, batch_size=batch_size
    )
    assert (expected[0, :, :, -1] - expected[0, :, :, 0]).abs().min() > 1e-3
    torch.testing.assert_close(curves.stepped, expected[0], atol=1e-9, rtol=0)
    torch.testing.assert_close(curves.other, expected[1], atol=1e-9, rtol=0)


def test_batches_change_rounding_only(lived, images, targets):
    one, other = (
        transition_curves(*lived, images, targets, steps=4, batch_size=size) for size in (2, 15)
    )
    torch.testing.assert_close(one.stepped, other.stepped, atol=1e-5, rtol=0)
    torch.testing.assert_close(one.other, other.other, atol=1e-5, rtol=0)


def test_a_linear_classifier_by_hand():
    """With logits = x, a step adds 2 (1 - p) to the margin x_j - x_i; B doubles the margin."""
    networks = [nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False)) for _ in range(2)]
    for scale, network in enumerate(networks, start=1):
        network[1].weight.data = scale * torch.eye(2)
    images = torch.tensor([[0.0, 0.0], [3.0, 1.0]]).view(2, 2, 1, 1)
    curves = transition_curves(*networks, images, torch.tensor([[1], [1]]), steps=4, step_size=1.5)
    for number, margin in enumerate((0.0, -2.0)):
        for step in range(4):
            assert curves.stepped[number, 0, step].item() == pytest.approx(sigmoid(margin))
            assert curves.other[number, 0, step].item() == pytest.approx(sigmoid(2 * margin))
            margin += 1.5 * 2 * (1 - sigmoid(margin))


def test_the_error_and_its_standard_error():
    stepped = torch.zeros(2, 3, 4)
    other = torch.stack([torch.full((3, 4), 0.1), torch.full((3, 4), -0.3)])
    other[0, 0], other[0, 1] = 0.2, 0.0
    error = mean_transition_error(Curves(stepped, other))
    assert error.mean == pytest.approx(0.2)
    assert error.standard_error == pytest.approx(0.1)
    assert str(error) == ("mean transition error 0.2000 ± 0.1000 (standard error over 2 images)")
    assert mean_transition_error(Curves(stepped[:1], other[:1])).standard_error is None


def test_a_network_agrees_with_itself(lived, images, targets):
    student, teacher = lived
    same = transition_curves(student, copy.deepcopy(student), images, targets, steps=4)
    different = transition_curves(student, teacher, images, targets, steps=4)
    assert mean_transition_error(same).mean < 1e-6
    assert mean_transition_error(different).mean > 1e-2


@pytest.mark.parametrize("breaks", [False, True])
def test_networks_are_put_back(lived, images, targets, breaks):
    student, teacher = lived
    student.train()
    student.bn.eval()
    student.head.bias.requires_grad_(False)
    before = [copy.deepcopy(network) for network in lived]

    def progress(done):
        for network in lived:
            assert not any(module.training for module in network.modules())
            assert not any(parameter.requires_grad for parameter in network.parameters())
        if breaks:
            raise KeyboardInterrupt

    if breaks:
        with pytest.raises(KeyboardInterrupt):
            transition_curves(student, teacher, images, targets, steps=2, progress=progress)
    else:
        transition_curves(student, teacher, images, targets, steps=2, progress=progress)
    for network, kept in zip(lived, before, strict=True):
        assert same_weights(network, kept)
        assert [m.training for m in network.modules()] == [m.training for m in kept.modules()]
        flags = [[p.requires_grad for p in it.parameters()] for it in (network, kept)]
        assert flags[0] == flags[1]
        assert all(parameter.grad is None for parameter in network.parameters())


def test_progress_counts_every_step(lived, images, targets):
    told = []
    transition_curves(*lived, images, targets, steps=3, batch_size=10, progress=told.append)
    assert told == [10, 20, 30, 35, 40, 45]


def test_bf16_is_for_the_networks_only(lived, images, targets):
    autocast = resolve("cpu", "bf16").autocast
    exact = transition_curves(*lived, images, targets, steps=3)
    fast = transition_curves(*lived, images, targets, steps=3, autocast=autocast)
    assert not torch.equal(exact.stepped, fast.stepped)
    torch.testing.assert_close(exact.stepped, fast.stepped, atol=0.05, rtol=0)
    assert not torch.equal(fast.stepped, fast.stepped.bfloat16().float())


def test_numbers_that_are_not_finite(lived, images, targets):
    with pytest.raises(UserError, match="smaller `step_size`"):
        transition_curves(*lived, images, targets, steps=3, step_size=1e300)


LOGITS = torch.eye(3)[[0, 1, 2, 0, 1, 2]]
OTHERS = torch.eye(3)[[0, 1, 0, 0, 2, 2]]
LABELS = torch.tensor([0, 0, 2, 0, 1, 1])


def test_only_images_on_which_both_agree_are_drawn():
    starts = sample_agreed(LOGITS, OTHERS, LABELS)
    assert sorted(starts.index.tolist()) == [0, 1, 3, 5]
    assert starts.start.tolist() == LOGITS.argmax(1)[starts.index].tolist()
    draws = {tuple(sample_agreed(LOGITS, OTHERS, LABELS, images=2, seed=s).index) for s in range(9)}
    assert all(len(draw) == 2 for draw in draws)
    assert len(draws) > 1
    with pytest.raises(UserError, match="agree on no image"):
        sample_agreed(LOGITS[:1], LOGITS[1:2], LABELS[:1])


def test_relative_to_the_prediction_or_to_the_label():
    for relative_to, left in (("predicted", LOGITS.argmax(1)), ("true", LABELS)):
        starts = sample_agreed(LOGITS, OTHERS, LABELS, relative_to=relative_to)
        for index, targets in zip(starts.index, starts.targets, strict=True):
            assert targets.tolist() == [j for j in range(3) if j != left[index]]


def test_images_in_another_normalisation(teacher):
    teacher.eval()
    own, given = (
        Normalisation((0.1, 0.2, 0.3), (0.5, 0.6, 0.7)),
        Normalisation((0.4,) * 3, (0.2,) * 3),
    )
    pixels = torch.randint(0, 256, (2, *SIZE), dtype=torch.uint8)
    theirs = Translated(teacher, own, given)(given.normalised(pixels))
    torch.testing.assert_close(theirs, teacher(own.normalised(pixels)))


def test_pictures_show_what_was_measured():
    curves = {role: torch.rand(6, 2, 50) for role in ("student", "teacher")}
    (axes,) = mean_curves(curves, "a title", shown_steps=20).axes
    assert axes.get_title() == "a title"
    for line, (role, of) in zip(axes.lines, curves.items(), strict=True):
        assert line.get_label() == role
        np.testing.assert_allclose(line.get_ydata(), of.mean((0, 1))[:20], rtol=1e-5)
    half = axes.collections[0].get_paths()[0].vertices[:, 1]
    spread = 2 * curves["student"].mean(1).std(0)[:20] / 6**0.5
    low = curves["student"].mean((0, 1))[:20] - spread
    assert half.min() == pytest.approx(low.min().item(), rel=1e-5)
    pixels = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    single = single_curves(curves, pixels, torch.arange(6), shown_steps=20)
    assert len(single.axes) == 6
    assert [len(axes.lines) for axes in single.axes[3:]] == [4, 4, 4]


@pytest.fixture
def files(tmp_path):
    """Two small networks for the digits, in different normalisations."""
    data = load_data("digits")
    for number, name in enumerate(("wrn-10-1", "resnet-8")):
        torch.manual_seed(number)
        network = create(name, classes=10, input_size=data.input_size)
        card = Card(
            architecture=name, input_size=data.input_size, classes=10,
            mean=data.mean, std=(data.std[0] * (1 + number),),
        )  # fmt: skip
        write_network(tmp_path / name, network, card)
    return tmp_path / "wrn-10-1", tmp_path / "resnet-8"


def run(files, out, *more):
    words = ("--student", files[0], "--teacher", files[1], "--data", "digits", "--out", out)
    sys.argv = ["zskt", "beliefs", *map(str, words), "--device", "cpu", *map(str, more)]
    try:
        main()
    except SystemExit as stop:
        return stop.code
    return 0


def test_the_command_leaves_curves_pictures_and_a_result(tmp_path, files, capsys):
    out, further = tmp_path / "out", tmp_path / "further.json"
    more = ("--steps", 3, "--images", 5, "--batch-size", 7, "--precision", 32)
    assert run(files, out, "--results", further, *more) == 0
    said = capsys.readouterr().out
    assert "mean transition error 0." in said
    assert "(standard error over 5 images), K = 3, xi = 1" in said
    assert {file.name for file in out.iterdir()} == {
        "curves.npz", "beliefs.png", "single.png", "result.json", "settings.json"
    }  # fmt: skip
    curves = np.load(out / "curves.npz")
    assert curves["student"].shape == curves["teacher"].shape == (5, 9, 3)
    assert curves["student"].dtype == np.float32
    assert (curves["targets"] != curves["start"][:, None]).all()
    (row,) = json.loads((out / "result.json").read_text())["rows"]
    apart = np.abs(curves["student"] - curves["teacher"])
    assert row["mean_transition_error"] == pytest.approx(apart.mean(), rel=1e-5)
    assert row["pair"] == "resnet-8 to wrn-10-1"
    settings = json.loads(further.read_text())["settings"]
    assert (settings["steps"], settings["step_on"], settings["precision"]) == (3, "student", "32")


def test_either_network_is_stepped_on(tmp_path, files):
    more = ("--steps", 8, "--images", 5, "--precision", 32)
    gain = {}
    for role in ("student", "teacher"):
        assert run(files, tmp_path / role, "--step-on", role, *more) == 0
        curves = np.load(tmp_path / role / "curves.npz")
        gain[role] = {
            of: (curves[of][..., -1] - curves[of][..., 0]).mean() for of in ("student", "teacher")
        }
    assert gain["student"]["student"] > gain["student"]["teacher"]
    assert gain["teacher"]["teacher"] > gain["teacher"]["student"]


def test_fewer_images_than_asked_for(tmp_path, files, capsys):
    assert run(files, tmp_path / "out", "--steps", 1, "--batch-size", 500) == 0
    (row,) = json.loads((tmp_path / "out" / "result.json").read_text())["rows"]
    assert row["images"] == round(row["agreement"] * 450) > 0
    said = capsys.readouterr().out
    assert f"agree on {row['images']} of 450 images; all {row['images']} are used" in said


def test_curves_are_kept_unless_overwritten(tmp_path, files, capsys):
    out = tmp_path / "out"
    more = ("--steps", 2, "--images", 1)
    assert run(files, out, *more) == 0
    before = {file: file.read_bytes() for file in out.iterdir()}
    assert run(files, out, *more) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(files, out, "--overwrite", "--steps", 3, "--step-size", 1e300) == 2
    assert "smaller --step-size" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in out.iterdir()} == before
    assert run(files, out, *more, "--seed", 1, "--overwrite") == 0
    (out / "settings.json").unlink()
    assert run(files, out, *more, "--overwrite") == 2
    assert "holds other files" in capsys.readouterr().err
    assert run(files, files[0] / "below", *more) == 2
    assert "cannot write to" in capsys.readouterr().err
