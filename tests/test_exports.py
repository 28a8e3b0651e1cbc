"""Students out: every format is run and held beside the student; images out with their labels."""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from players import zskt
from zskt.data import load_data
from zskt.exports.formats import RUNNERS, WRITERS, largest_difference
from zskt.exports.names import ENDS
from zskt.images import Normalisation, Translated, as_taken
from zskt.measure.accuracy import qualities
from zskt.measure.cost import latencies, multiply_accumulates
from zskt.model_file import Card, load, read_card, write_network
from zskt.networks import create
from zskt.teachers.load import load_teacher
from zskt.teachers.onnx_file import run_by_onnxruntime

SIZE = (3, 8, 8)
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two rounds, and its teacher beside it."""
    place = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    teacher = create("resnet-8", classes=4, input_size=SIZE)
    teacher(torch.randn(64, *SIZE))
    names = ("cat", "dog", "a/b", "owl")
    card = Card(
        architecture="resnet-8", input_size=SIZE, classes=4, mean=MEAN, std=STD, class_names=names
    )
    write_network(place / "teacher.safetensors", teacher.eval(), card)
    words = ("--teacher", place / "teacher.safetensors", "--student", "wrn-10-1", "--rounds", 2)
    words += ("--method", "zskt", "--batch-size", 8, "--generator-width", 8, "--device", "cpu")
    words += ("--precision", 32)
    assert zskt("distill", *words, "--out", place / "run") == 0
    return place / "run"


@pytest.fixture
def data(tmp_path):
    random = np.random.default_rng(0)
    arrays = {}
    for part in ("train", "test"):
        arrays[f"{part}_images"] = random.integers(0, 256, (40, 8, 8, 3)).astype(np.uint8)
        arrays[f"{part}_labels"] = np.arange(40) % 4
    np.savez(tmp_path / "data.npz", **arrays)
    return tmp_path / "data.npz"


@pytest.mark.parametrize("form", ENDS)
@pytest.mark.parametrize("pixels", ["normalised", "0-255"])
def test_every_format_says_what_the_student_says(run, tmp_path, data, capsys, form, pixels):
    file = tmp_path / f"student{ENDS[form]}"
    folded = () if form == "safetensors" else ("--pixels", pixels)
    assert zskt("export", run, "--out", file, *folded, "--data", data) == 0
    said = capsys.readouterr().out
    assert "largest difference from the student" in said
    assert [it.name for it in tmp_path.iterdir() if it.suffix != ".npz"] == [file.name]
    student, images = load(run), torch.randn(5, *SIZE)
    if form == "safetensors":
        torch.testing.assert_close(load(file)(images), student(images))
        return
    shares = [line.split()[-1] for line in said.splitlines() if line.startswith("accuracy")]
    assert shares[0] == shares[1]
    if pixels == "0-255":
        wanted = as_taken(images, Normalisation(MEAN, STD), pixels)
        back = (wanted / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        torch.testing.assert_close(
            RUNNERS[form](file, wanted), student(back).detach(), rtol=1e-3, atol=1e-4
        )
    # And it can teach in turn.
    options = {"input_size": SIZE} if form == "torchscript" else {}
    again = load_teacher(file, **options, pixels=pixels)
    assert again.card.classes == 4


def test_8_bits_are_calibrated_on_generated_images(run, tmp_path, data, capsys):
    small, full = tmp_path / "small.onnx", tmp_path / "full.onnx"
    words = ("--calibration-images", 32, "--pixels", "0-1", "--data", data)
    assert zskt("export", run, "--out", full) == 0
    assert zskt("export", run, "--out", small, "--int8", *words) == 0
    said = capsys.readouterr().out
    assert said.count("accuracy of the") == 2
    assert "with 8 bits" in said
    import onnx

    kinds = {node.op_type for node in onnx.load(small).graph.node}
    assert "QuantizeLinear" in kinds
    drawn = load(run / "source.safetensors")(torch.randn(6, 100)).detach()
    images = as_taken(drawn, Normalisation(MEAN, STD), "0-1")
    wanted = Translated(load(run), Normalisation(MEAN, STD), Normalisation((0.0,) * 3, (1.0,) * 3))(
        images
    )
    apart = (RUNNERS["onnx"](small, images) - wanted).abs().max() / wanted.abs().max()
    assert 0 < apart < 0.2


def test_the_model_card(run, data, tmp_path, capsys):
    """The front matter is what the hub reads; no path of the machine is told."""
    import yaml

    text = (run / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front)["pipeline_tag"] == "image-classification"
    assert str(run.parent) not in text
    assert "has not been tested on real images" in body
    for said in ("| rounds | 2 |", "not private", "SHA-256", "mean [0.5, 0.4, 0.3]", "4 classes"):
        assert said in body
    words = ("--teacher", run.parent / "teacher.safetensors", "--student", "wrn-10-1")
    words += ("--method", "noise", "--rounds", 1, "--batch-size", 8, "--data", data)
    assert zskt("distill", *words, "--out", tmp_path / "judged") == 0
    judged = (tmp_path / "judged" / "README.md").read_text()
    assert "| teacher resnet-8 |" in judged
    assert "has not been tested" not in judged
    assert "random noise" in judged


def test_16_bits(run, tmp_path):
    file = tmp_path / "half.safetensors"
    assert zskt("export", run, "--out", file, "--half") == 0
    assert file.stat().st_size < 0.6 * (run / "student.safetensors").stat().st_size


class Doubled(nn.Module):
    def forward(self, images):
        return 2 * images.flatten(1)


@pytest.mark.parametrize("form", WRITERS)
def test_another_network_is_noticed(tmp_path, form):
    images = torch.randn(3, *SIZE)
    WRITERS[form](tmp_path / "file", Doubled(), images)
    assert largest_difference(tmp_path / "file", form, Doubled(), images) < 1e-6
    assert largest_difference(tmp_path / "file", form, nn.Flatten(), images) > 0.5


def test_a_file_that_says_something_else_is_refused(run, tmp_path, capsys, monkeypatch):
    """And what was there before stays."""
    file = tmp_path / "student.onnx"
    file.write_text("before")
    monkeypatch.setattr("zskt.exports.formats.largest_difference", lambda *given: 0.5)
    assert zskt("export", run, "--out", file, "--overwrite") == 2
    assert "above the tolerance" in capsys.readouterr().err
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


WRONG = {
    "does not tell a format": ("student",),
    "cannot make the folder": ("there.onnx/student.onnx",),
    "leave --pixels and --int8 out": ("student.safetensors", "--pixels", "0-1"),
    "--half is for": ("student.onnx", "--half"),
    "--int8 is for": ("student.pt2", "--int8"),
    "must be above zero": ("student.onnx", "--int8", "--calibration-images", 0),
    "exists; replace it": ("there.onnx",),
    "there is no data file": ("student.onnx", "--data", "none.npz"),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_is_wrong_is_one_sentence(run, tmp_path, monkeypatch, capsys, sentence):
    monkeypatch.chdir(tmp_path)
    Path("there.onnx").write_text("before")
    name, *words = WRONG[sentence]
    assert zskt("export", run, "--out", name, *words) == 2
    assert sentence in capsys.readouterr().err
    assert [it.name for it in tmp_path.iterdir()] == ["there.onnx"]


def test_images_out(run, tmp_path, capsys, monkeypatch):
    """In three forms the same images, with what the teacher says of them."""
    monkeypatch.chdir(tmp_path)
    for name in ("images.npz", "images.tar", "images"):
        assert zskt("synthesize", run, "-n", 20, "--seed", 3, "--out", name) == 0
    assert zskt("synthesize", run, "-n", 20, "--seed", 3, "--out", "new/one/images.npz") == 0
    assert Path("new/one/images.npz").is_file()
    said = capsys.readouterr().out
    assert "20 images, by the teacher's prediction: cat" in said
    with np.load("images.npz") as file:
        images, labels, shares = (
            file[f"train_{name}"] for name in ("images", "labels", "probabilities")
        )
    assert images.shape == (20, 8, 8, 3)
    assert images.dtype == np.uint8
    teacher = load(run.parent / "teacher.safetensors")
    given = (torch.tensor(images).permute(0, 3, 1, 2) / 255 - torch.tensor(MEAN).view(3, 1, 1)) / (
        torch.tensor(STD).view(3, 1, 1)
    )
    # Rounded to 256 values and clamped to what a pixel can be, the images are not quite the same.
    near = teacher(given).softmax(1).detach().numpy()
    assert np.abs(near - shares).mean() < 0.2
    assert (labels[:, 0] == shares.argmax(1)).all()
    with tarfile.open("images.tar") as tar:
        assert len(tar.getnames()) == 60
        first = np.asarray(Image.open(tar.extractfile("000000.png")))
        told = json.load(tar.extractfile("000000.json"))
        assert int(tar.extractfile("000000.cls").read()) == labels[0, 0]
    assert (first == images[0]).all()
    np.testing.assert_allclose(told["probabilities"], shares[0], rtol=1e-6)
    files = sorted(Path("images/train").glob("*/*.png"), key=lambda file: file.name)
    assert len(files) == 20
    assert all((np.asarray(Image.open(file)) == images[n]).all() for n, file in enumerate(files))
    assert not Path("images/train/a").exists()
    assert len(json.loads(Path("images/probabilities.json").read_text())["images"]) == 20
    # The file is data like any other; so is the folder for `--data folder:`.
    for name in ("images.npz", "images.tar", "images"):
        before = Path(name).stat().st_mtime_ns
        assert zskt("synthesize", run, "-n", 2, "--out", name) == 2
        assert "exists; give another --out" in capsys.readouterr().err
        assert Path(name).stat().st_mtime_ns == before


def test_networks_beside_each_other(run, tmp_path, data, capsys):
    teacher = run.parent / "teacher.safetensors"
    onnx, small = tmp_path / "student.onnx", tmp_path / "small.onnx"
    assert zskt("export", run, "--out", onnx, "--pixels", "0-255") == 0
    assert zskt("export", run, "--out", small, "--int8", "--calibration-images", 64) == 0
    file = tmp_path / "rows.json"
    words = ("--data", data, "--belief-images", 4, "--results", file)
    assert zskt("compare", run, onnx, teacher, small, "--teacher", teacher, *words) == 0
    rows = json.loads(file.read_text())["rows"]
    assert len(rows) == 5
    assert rows[0]["agreement"] == rows[3]["agreement"] == 1
    # Of 8 bits what is judged is the file, by onnxruntime.
    images = np.load(data)["test_images"].transpose(0, 3, 1, 2)
    card = read_card(run / "student.safetensors")
    given = card.known_normalisation().normalised(torch.as_tensor(images))
    said = run_by_onnxruntime(small, given)[0].argmax(1).numpy()
    labels = np.load(data)["test_labels"].reshape(-1)
    assert rows[4]["accuracy"] == pytest.approx((said == labels).mean())
    assert rows[4]["file_bytes"] == small.stat().st_size < rows[2]["file_bytes"]
    assert rows[4]["macs"] is rows[2]["macs"] is None
    assert "mean_transition_error" not in rows[4].keys() | rows[2].keys()
    assert rows[3]["mean_transition_error"] == 0
    for name in ("accuracy", "agreement", "top_5_accuracy"):
        assert rows[1][name] == rows[2][name]
    assert rows[1]["mean_transition_error"] > 0
    assert rows[1]["macs"] > 0
    assert rows[1]["seconds_of_64_p50"] <= rows[1]["seconds_of_64_p95"]
    assert zskt("compare", run, "--teacher", teacher) == 0
    assert "million macs" in capsys.readouterr().out
    assert zskt("evaluate", small, "--teacher", teacher, "--data", data) == 0
    (tmp_path / "cut.onnx").write_bytes(small.read_bytes()[:1000])
    for bad, told in (("cut.onnx", "onnxruntime cannot read"), ("no.onnx", "there is no file")):
        assert zskt("compare", tmp_path / bad, "--teacher", teacher) == 2
        assert told in capsys.readouterr().err
    assert zskt("compare", "--teacher", teacher) == 2
    assert zskt("compare", run, "--teacher", teacher, "--belief-images", -1) == 2


def test_qualities():
    certain = torch.eye(8) * 100
    labels = torch.arange(8)
    assert qualities(certain, certain, labels) == {
        "accuracy": 1, "top_5_accuracy": 1, "agreement": 1, "calibration_error": 0
    }  # fmt: skip
    wrong = qualities(certain, -certain, (labels + 1) % 8)
    assert wrong["accuracy"] == 0
    assert wrong["calibration_error"] == pytest.approx(1)
    assert wrong["agreement"] < 0.2


def test_multiply_accumulates_and_latencies():
    network = nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(320, 7)
    )
    network.train()
    assert multiply_accumulates(network, SIZE) == 3 * 5 * 9 * 64 + 320 * 7
    middle, slow = latencies(network, SIZE, 2)
    assert 0 < middle <= slow
    assert network.training


def test_synthetic_images_are_data(run, tmp_path):
    """For tools that read MedMNIST's files: those of ours want a test split besides."""
    out = tmp_path / "images.npz"
    assert zskt("synthesize", run, "-n", 12, "--out", out) == 0
    with np.load(out) as file:
        arrays = dict(file)
    arrays |= {f"test_{name}": arrays[f"train_{name}"] for name in ("images", "labels")}
    np.savez(tmp_path / "both.npz", **arrays)
    data = load_data(str(tmp_path / "both.npz"), tmp_path)
    assert data.input_size == SIZE
    assert len(data.train) == 12
