"""What a teacher's batch norm tells, whatever file it comes from: its data, and what is within."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from players import zskt
from zskt import Run, distill
from zskt.images import Normalisation, Translated, normalisation_of_pixels
from zskt.model_file import load, read_classifier_card
from zskt.networks import create
from zskt.statistics import remembering, running
from zskt.taps import matching_stages, tapped
from zskt.teachers.data_statistics import data_statistics
from zskt.teachers.load import CENTRED, load_teacher

DIGITS = Path("src/zskt/assets/digits-teacher.safetensors")
quiet = pytest.mark.filterwarnings("ignore")
"""Exporters warn of their own insides."""


def taking_pixels(file, pixels="0-1"):
    """A teacher of ours as one that normalises its images itself, and its own normalisation."""
    card = read_classifier_card(file)
    own, given = card.known_normalisation(), normalisation_of_pixels(pixels, card.input_size[0])
    return Translated(load(file), own=own, given=given).eval(), own, card.input_size


@pytest.mark.parametrize(("pixels", "top"), [("0-1", 1.0), ("0-255", 255.0)])
@pytest.mark.parametrize("file", [DIGITS, Path("teachers/mnist-wrn-10-1.safetensors")])
def test_batch_norm_tells_the_mean_and_the_spread_of_the_data(file, pixels, top):
    network, own, size = taking_pixels(file, pixels)
    told = data_statistics(network, size, top)
    assert told.mean[0] == pytest.approx(own.mean[0], abs=0.01)
    assert told.std[0] == pytest.approx(own.std[0], rel=0.15)


def test_of_photographs_too_with_the_borders_that_training_added():
    network, own, size = taking_pixels(Path("teachers/wrn-16-2.safetensors"))
    told = data_statistics(network, size, 1.0)
    assert told.mean == pytest.approx(own.mean, abs=0.12)
    # Red before green before blue.
    assert list(told.mean) == sorted(told.mean, reverse=True)
    assert told.std == pytest.approx(own.std, rel=0.3)


def test_without_batch_norm_nothing_is_told():
    assert (
        data_statistics(create("lenet", classes=4, input_size=(1, 28, 28)), (1, 28, 28), 1) is None
    )


class Broken(nn.Module):
    """A network with batch norm that breaks on images of one colour, or gives no numbers there."""

    def __init__(self, breaks):
        super().__init__()
        self.norm, self.breaks = nn.BatchNorm2d(1), breaks

    def forward(self, images):
        if images.std() < 0.6:
            if self.breaks:
                raise ValueError("dull")
            images = images * torch.nan
        return self.norm(images).flatten(1)


def test_batch_norm_of_vectors_tells_nothing():
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    assert data_statistics(network.eval(), (1, 8, 8), 1.0) is None


def test_batch_norm_that_never_learnt_tells_nothing():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten()).eval()
    assert data_statistics(network, (1, 8, 8), 1.0) is None


def test_behind_layers_that_are_not_linear_nothing_is_told():
    network, _, size = taking_pixels(DIGITS)
    bent = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Tanh(), network)
    with torch.no_grad():
        bent[0].weight.fill_(3.0)
        bent[0].bias.fill_(-0.5)
    assert data_statistics(bent.eval(), size, 1.0) is None


@pytest.mark.parametrize("breaks", [True, False])
def test_a_network_that_breaks_there_tells_nothing(breaks):
    assert data_statistics(Broken(breaks).eval(), (1, 8, 8), 1.0) is None


def test_what_fits_worse_than_mid_grey_is_not_told():
    """Behind a layer that is far from linear no mean holds that its ends would tell."""

    class Bent(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm2d(1)
            self.norm.running_mean.fill_(1.0)

        def forward(self, images):
            return self.norm(1 - 2 * (images - 0.5).abs()).flatten(1)

    assert data_statistics(Bent().eval(), (1, 8, 8), 1.0) is None


def test_a_teacher_of_pixels_plays_with_what_is_told():
    network, own, size = taking_pixels(DIGITS)
    teacher = load_teacher(network, pixels="0-1", input_size=size)
    assert teacher.takes == "0-1"
    assert teacher.card.mean == pytest.approx(own.mean, abs=0.01)
    assert "by its first batch norm" in teacher.notes[-1]
    pixels = torch.rand(4, *size)
    normalised = (pixels - teacher.card.mean[0]) / teacher.card.std[0]
    assert torch.allclose(teacher.network(normalised), network(pixels), atol=1e-4)


def test_who_knows_the_data_says_so():
    network, _, size = taking_pixels(DIGITS)
    teacher = load_teacher(network, pixels="0-1", input_size=size, mean=(0.2,), std=(0.1,))
    assert teacher.normalisation == Normalisation((0.2,), (0.1,))
    assert teacher.notes == ()


@quiet
def test_a_run_keeps_what_was_told(tmp_path, monkeypatch):
    network, own, _ = taking_pixels(DIGITS.resolve())
    monkeypatch.chdir(tmp_path)
    save(network, "teacher.pt2")
    told = ("--pixels", "0-1", "--student", "wrn-10-1", "--method", "zskt", "--rounds", 2)
    assert zskt("distill", "--teacher", "teacher.pt2", *told, "--until", 1, "--out", "run") == 0
    taught = ("--distill-from", "teacher.pt2", "--pixels", "0-1", "--data", "digits")
    assert zskt("train", "wrn-10-1", *taught, "--epochs", 1, "--out", "trained") == 0
    kept = json.loads(Path("run/settings.json").read_text())["teacher_options"]
    assert kept["pixels"] == "0-1"
    assert kept["mean"] == pytest.approx(own.mean, abs=0.01)
    # Whatever batch norm would tell today, the run goes on with what it began with.
    monkeypatch.setattr("zskt.teachers.load.data_statistics", lambda *_: None)
    assert zskt("distill", "--resume", "run") == 0
    assert list(read_classifier_card(Path("run/student.safetensors")).mean) == kept["mean"]
    trained = json.loads(Path("trained/settings.json").read_text())["teacher_options"]
    assert trained["mean"] == kept["mean"]
    # A teacher that is loaded tells all itself.
    options = {"pixels": "0-1", "mean": tuple(kept["mean"]), "std": tuple(kept["std"])}
    loaded = load_teacher("teacher.pt2", **options)
    distill(resume="run", teacher=loaded, run=Run(rounds=3))


def test_a_run_of_the_first_version_goes_on_in_the_middle():
    from zskt.jobs.loading import options_of_run

    options = options_of_run({"teacher_options": {"pixels": "0-1"}}, allow_code=True)
    assert (options.mean, options.std) == tuple((each,) for each in CENTRED)


def save(network, file, decomposed=False):
    """As a program for batches of any size."""
    rows = ({0: torch.export.Dim.AUTO},)
    program = torch.export.export(network, (torch.randn(4, 1, 8, 8),), dynamic_shapes=rows)
    torch.export.save(program.run_decompositions() if decomposed else program, file)


def exported(file, decomposed):
    """A program of the digits teacher, as its graph or as plain operations."""
    save(load(DIGITS).eval(), file, decomposed)
    return load_teacher(file, mean=(0.3,), std=(0.4,)).network


@quiet
@pytest.mark.parametrize("decomposed", [False, True])
def test_an_exported_program_shows_what_is_within(decomposed, tmp_path):
    own, images = load(DIGITS).eval(), torch.randn(6, 1, 8, 8)
    program = exported(tmp_path / "program.pt2", decomposed)
    assert torch.allclose(program(images), own(images), atol=1e-5)
    inputs = []
    for network in (own, program):
        with tapped(remembering(network), inputs=True) as seen:
            network(images)
        inputs.append(list(seen.items()))
    assert len(inputs[0]) == len(inputs[1]) == 13
    for (layer, ours), (shown, theirs) in zip(*inputs, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
        assert all(map(torch.equal, running(layer), running(shown)))
    student = create("wrn-10-1", classes=10, input_size=(1, 8, 8))
    assert len(matching_stages(program, student, images)[0]) == 3


@quiet
def test_a_graph_that_cannot_be_shown_still_teaches(tmp_path, monkeypatch):
    def half_done(graph):
        graph.graph.erase_node(next(node for node in graph.graph.nodes if not node.users))
        raise IndexError

    monkeypatch.setattr("zskt.teachers.traced.show", half_done)
    program, images = exported(tmp_path / "program.pt2", False), torch.randn(6, 1, 8, 8)
    assert torch.allclose(program(images), load(DIGITS).eval()(images), atol=1e-5)
    assert not remembering(program)


class Scaled(nn.Module):
    """Batch norm by hand: its weights computed or buffers, or an operation that gives a tuple."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.convolution, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4, 3)
        for name in ("mean", "variance", "scale", "shift"):
            self.register_buffer(name, torch.rand(4) + 0.5)

    def forward(self, images):
        maps, scale = self.convolution(images), self.scale
        scale = scale + 1 if self.kind == "computed" else scale
        more = (scale, self.shift)
        if self.kind == "native":
            normed = torch.ops.aten.native_batch_norm.default
            maps = normed(maps, *more, self.mean, self.variance, False, 0.1, 1e-5)[0]
        else:
            maps = nn.functional.batch_norm(maps, self.mean, self.variance, *more)
        return self.head(maps.relu().mean((2, 3)))


@quiet
@pytest.mark.parametrize("decomposed", [False, True])
@pytest.mark.parametrize(("kind", "count"), [("buffers", 1), ("computed", 0), ("native", None)])
def test_batch_norm_of_another_form_says_the_same(kind, count, decomposed, tmp_path):
    torch.manual_seed(0)
    network, images = Scaled(kind).eval(), torch.randn(5, 1, 8, 8)
    save(network, tmp_path / "program.pt2", decomposed)
    program = load_teacher(tmp_path / "program.pt2", mean=(0.3,), std=(0.4,)).network
    assert torch.allclose(program(images), network(images), atol=1e-5)
    assert count in (None, len(remembering(program)))


@quiet
def test_an_onnx_file_that_nothing_has_simplified_shows_all_batch_norm(tmp_path):
    """It computes the biases of its convolutions, which the converter does not take."""
    own, images = load(DIGITS).eval(), torch.randn(6, 1, 8, 8)
    torch.onnx.export(
        own, (images,), tmp_path / "model.onnx", dynamic_shapes=({0: torch.export.Dim("batch")},),
        external_data=False, verbose=False, optimize=False,
    )  # fmt: skip
    network = load_teacher(tmp_path / "model.onnx", mean=(0.3,), std=(0.4,)).network
    assert len(remembering(network)) == 13
    assert torch.allclose(network(images), own(images), atol=1e-4)


@quiet
def test_batch_norm_of_an_onnx_file_is_seen(tmp_path):
    zskt("export", DIGITS, "--out", tmp_path / "model.onnx", "--pixels", "0-1")
    network = load_teacher(tmp_path / "model.onnx").network
    layers = remembering(network)
    with tapped(layers, inputs=True) as seen:
        network(torch.randn(3, 1, 8, 8))
    # The exporter has put the other seven into convolutions before them.
    assert len(layers) == len(seen) == 6
    # The names of its weights, which a run's digest of its teacher has, are the converter's.
    assert any(name.endswith(".bnu.running_mean") for name in network.state_dict())
    # It tells its pixels itself; what is said besides is of its data.
    said = load_teacher(tmp_path / "model.onnx", mean=(0.3,), std=(0.4,))
    assert (said.takes, said.card.mean) == ("0-1", (0.3,))
