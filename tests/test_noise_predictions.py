"""What networks say about noise: the same noise for all, each with its own normalisation."""

import json

import pytest
import torch
from torch import nn

from test_cli import RESULT_KEYS, zskt
from zskt.images import Normalisation
from zskt.measure.noise import noise_predictions, uniform_noise
from zskt.model_file import Card, write_network
from zskt.networks import create

SIZE = (3, 8, 8)


class Bright(nn.Module):
    """Says 1 for images whose mean is above zero, else 0."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images):
        mean = images.mean((1, 2, 3)) * self.scale
        return torch.stack([-mean, mean], 1)


def written(folder, name, architecture, seed, **card):
    torch.manual_seed(seed)
    file = folder / f"{name}.safetensors"
    facts = {"mean": (0.5,) * 3, "std": (0.2,) * 3, "classes": 3, "class_names": ("a", "b", "c")}
    entries = Card(architecture=architecture, input_size=SIZE, **{**facts, **card})
    write_network(file, create(architecture, classes=entries.classes, input_size=SIZE), entries)
    return file


def test_the_noise_is_uniform_and_the_same_for_the_same_seed():
    images = uniform_noise(200, SIZE, 0)
    assert torch.equal(images, uniform_noise(200, SIZE, 0))
    assert not torch.equal(images, uniform_noise(200, SIZE, 1))
    shares = images.flatten().bincount(minlength=256) / images.numel()
    assert shares.min() > 0.5 / 256
    assert shares.max() < 1.5 / 256


@pytest.mark.parametrize(("mean", "counts"), [(0.1, (0, 50)), (0.9, (50, 0))])
def test_every_network_gets_its_own_normalisation(mean, counts):
    said = noise_predictions(
        Bright(), uniform_noise(50, SIZE, 0), Normalisation((mean,) * 3, (0.2,) * 3)
    )
    assert said.counts == counts
    # The mean pixel lies 0.4 from the card's, two standard deviations.
    expected = torch.tensor([-2.0, 2.0]).softmax(0)[1].item()
    assert said.confidence == pytest.approx(expected, abs=0.01)


def test_the_command(tmp_path, capsys):
    files = [
        written(tmp_path, "one", "wrn-10-1", 0),
        written(tmp_path, "dark", "wrn-10-1", 0, mean=(3.0,) * 3),
        written(tmp_path, "other", "resnet-8", 1),
    ]
    rows = []
    for number, seed in enumerate((0, 0, 1)):
        out = tmp_path / f"out-{number}"
        options = ("--images", 60, "--seed", seed, "--out", out, "--results", out / "more.json")
        assert zskt("noise-predictions", *files, *options) == 0
        assert (out / "noise.png").exists()
        result = json.loads((out / "result.json").read_text())
        assert result.keys() == RESULT_KEYS | {"seed"}
        assert result["rows"] == json.loads((out / "more.json").read_text())["rows"]
        rows.append(result["rows"])
    assert rows[0] == rows[1]
    assert rows[0] != rows[2]
    one, dark, other = rows[0]
    for row in (one, dark, other):
        assert list(row["counts"]) == ["a", "b", "c"]
        assert sum(row["counts"].values()) == 60
    assert one["network"] == f"wrn-10-1 ({files[0]})"
    assert other["network"] == "resnet-8"
    # The same weights, fed otherwise.
    assert one["confidence"] != dark["confidence"]
    assert "resnet-8" in capsys.readouterr().out


@pytest.mark.parametrize("card", [{"class_names": ("a", "b", "d")}, {"classes": 4}])
def test_networks_with_different_classes(tmp_path, capsys, card):
    if "classes" in card:
        card["class_names"] = None
    files = written(tmp_path, "one", "resnet-8", 0), written(tmp_path, "two", "resnet-8", 0, **card)
    assert zskt("noise-predictions", *files, "--out", tmp_path / "out") == 2
    assert "different classes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_folder_of_a_network_is_not_overwritten(tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    file = written(run, "model", "resnet-8", 0)
    (run / "settings.json").write_text("{}")
    assert zskt("noise-predictions", run, "--out", run, "--overwrite") == 2
    assert "which is to be written" in capsys.readouterr().err
    assert file.exists()
    (tmp_path / "mine" / "notes").mkdir(parents=True)
    assert zskt("noise-predictions", run, "--out", tmp_path / "mine", "--overwrite") == 2
    assert "holds other files" in capsys.readouterr().err
