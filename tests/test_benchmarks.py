"""Benchmarks at a tiny scale: that they run, not what they measure."""

import json

import pytest
import torch

import beliefs
import changes
import gpu
import soak
import students
import training
from zskt import Card, create, load_data
from zskt.model_file import write_network
from zskt.networks import generator
from zskt.networks.enlarging import enlarged


@pytest.fixture
def network(tmp_path):
    """A function that writes a tiny network for the digits, with a little noise on its weights."""
    digits = load_data("digits")
    like = {"classes": digits.classes, "input_size": digits.input_size}

    def write(name, noise=0.0):
        torch.manual_seed(0)
        made = create("resnet-8", **like)
        for weights in made.parameters():
            weights.data += noise * torch.randn_like(weights)
        file = tmp_path / f"{name}.safetensors"
        card = Card(architecture="resnet-8", mean=digits.mean, std=digits.std, **like)
        write_network(file, made, card)
        return file

    return write


def test_beliefs_of_files(tmp_path, network):
    student, teacher = network("student"), network("teacher")
    file = tmp_path / "result.json"
    beliefs.main([
        "--student", str(student), "--teacher", str(teacher), "--data", "digits", "--images", "4",
        "--steps", "3", "--literal-images", "2", "--literal-targets", "2", "--chunks", "2",
        "--device", "cpu", "--out", str(file),
    ])  # fmt: skip
    result = json.loads(file.read_text())
    (row,) = result["rows"]
    assert row["pair"] == "resnet-8 to resnet-8"
    assert row["images"] == 4
    assert (row["device"], result["settings"]["device"]) == ("cpu", "cpu")
    assert row["error"] == row["float32_error"] == 0
    assert row["literal_seconds"] > 0
    assert row["our_seconds"] > 0


def test_beliefs_of_files_that_differ(tmp_path, network):
    student, teacher = network("student"), network("teacher", noise=0.01)
    asked = beliefs.arguments([
        "--student", str(student), "--teacher", str(teacher), "--data", "digits",
        "--images", "3", "--literal-images", "1", "--chunks", "1", "--steps", "2",
    ])  # fmt: skip
    where = beliefs.resolve("cpu", "32")
    case = beliefs.from_files(asked, where)
    ours = beliefs.ours(case, torch.arange(3), asked, where)
    literal = beliefs.literal_curves(
        case.student, case.teacher, case.images.contiguous(), case.targets, steps=2
    )
    torch.testing.assert_close(torch.stack([ours.stepped, ours.other]), literal)
    assert beliefs.mean_transition_error(ours).mean > 0


def test_beliefs_wants_all_files_or_none(capsys):
    with pytest.raises(SystemExit):
        beliefs.arguments(["--student", "S", "--data", "digits"])
    assert "--teacher" in capsys.readouterr().err


def test_a_short_soak(tmp_path):
    file = tmp_path / "soak.json"
    soak.main(["--rounds", "12", "--save-seconds", "0.01", "--out", str(file)])
    result = json.loads(file.read_text())
    assert [row["round"] for row in result["rows"]][-1] == 12
    assert result["settings"]["open_files_per_1000_rounds"] == 0
    assert all(row["resident_mb"] > 10 for row in result["rows"])


def test_the_growth_of_a_soak_by_hand():
    samples = [{"round": each, "resident_mb": 5 if each < 4 else each} for each in range(8)]
    assert soak.slope(samples, "resident_mb") == pytest.approx(1000)
    assert soak.slope([{**each, "resident_mb": 3} for each in samples], "resident_mb") == 0


def test_students_of_other_makers(tmp_path):
    file = tmp_path / "students.json"
    few = ("--students", "resnet-8", "--rounds", "1", "--teacher-steps", "1")
    students.main([*few, "--out", str(file)])
    rows = json.loads(file.read_text())["rows"]
    assert [(row["bits"], row["times_broken"]) for row in rows] == [(16, 0), (32, 0)]
    assert rows[0]["first_loss"] == pytest.approx(rows[1]["first_loss"], rel=0.1)


def test_a_gpu_round_step_by_step_on_the_cpu(tmp_path):
    file, names = tmp_path / "gpu.json", ["published loop, float32", "ours, float32", "ours, bf16"]
    gpu.main([
        "--device", "cpu", "--tiny", "--minutes", "0.001", "--batch-size", "2",
        "--steps", *names, "--out", str(file),
    ])  # fmt: skip
    rows = json.loads(file.read_text())["rows"]
    assert [row["operation"] for row in rows] == names
    assert all("error" not in row and row["share_of_peak"] > 0 for row in rows)


def test_a_step_that_a_machine_cannot_do_says_why(tmp_path, monkeypatch):
    def fails(*_):
        raise RuntimeError("no such graph\nand more")

    where = gpu.Where("cpu", "32")
    monkeypatch.setattr(gpu, "steps", lambda device: {"graphs": (where, fails)})
    file = tmp_path / "gpu.json"
    gpu.main(["--device", "cpu", "--tiny", "--minutes", "0.001", "--out", str(file)])
    assert json.loads(file.read_text())["rows"] == [
        {"operation": "graphs", "error": "no such graph"}
    ]


def test_changes_are_taken_out_and_come_back(tmp_path):
    file = tmp_path / "changes.json"
    changes.main(["--tiny", "--repetitions", "1", "--out", str(file)])
    rows = json.loads(file.read_text())["rows"]
    assert len(rows) == 2 * (len(changes.WITHOUT) + 1)
    assert all(row["processor_seconds_without"] > 0 for row in rows)
    with changes.taken_out(changes.ALL):
        assert generator.enlarged is changes.layer_by_layer
    assert generator.enlarged is enlarged


def test_training_takes_turns(tmp_path):
    file = tmp_path / "training.json"
    small = ["--networks", "resnet-8", "--batch-size", "4", "--steps", "2", "--repetitions", "1"]
    training.main([*small, "--out", str(file)])
    (row,) = json.loads(file.read_text())["rows"]
    assert row["network"] == "resnet-8"
    assert row["ratio"] == row["ratio_min"] == row["ratio_max"] > 0
