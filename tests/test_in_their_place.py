"""What lies elsewhere, is named otherwise, or was stopped too late, still comes out right."""

import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from players import SIZE, zskt
from zskt import (
    Recipe,
    Replay,
    Run,
    TeacherOptions,
    UserError,
    distill,
    inspect,
    load_data,
    load_teacher,
    train,
)
from zskt.cli.tables import print_columns, print_table
from zskt.measure.contenders import in_classes_of
from zskt.model_file import Card, load, write_network
from zskt.networks import create
from zskt.networks.arguments import check_arguments
from zskt.networks.shrink import shrunk
from zskt.runs.folder import RunFolder
from zskt.runs.image_memory import ImageMemory

DIGITS = Path(__file__).parents[1] / "src/zskt/assets/digits-teacher.safetensors"
METHOD = Replay(batch_size=8, image_batch_size=16, generator_steps=1, replays=2, generator_width=8)
SHORT = ("--batch-size", 8, "--image-batch-size", 16, "--generator-steps", 1, "--replays", 2)


@pytest.fixture
def photos(tmp_path):
    """Test scans of the digits in folders, some classes missing."""
    digits = load_data("digits")
    for part, split in {"train": digits.train, "test": digits.test}.items():
        for name in ("3", "7"):
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            chosen = split.images[split.labels == int(name)][:8]
            for number, image in enumerate(chosen):
                Image.fromarray(np.asarray(image[0])).save(folder / f"{number}.png")
    return tmp_path / "photos"


def test_classes_that_are_missing_move_no_label(photos, tmp_path):
    words = ("--teacher", DIGITS, "--data", f"folder:{photos}", "--results", tmp_path / "r.json")
    assert zskt("evaluate", DIGITS, *words) == 0
    rows = json.loads((tmp_path / "r.json").read_text())["rows"]
    assert rows[0]["accuracy"] > 0.9


def test_classes_by_name():
    digits = load_data("digits")

    def card(*names):
        return Card(
            architecture="lenet", input_size=(1, 8, 8), classes=10, class_names=names or None
        )

    turned = in_classes_of(digits, card(*"9876543210"))
    assert turned.class_names == tuple("9876543210")
    assert torch.equal(turned.test.labels, 9 - digits.test.labels)
    # Names that the network does not know at all, or a network without names: the order counts.
    assert in_classes_of(digits, card(*"abcdefghij")) is digits
    assert in_classes_of(digits, card()) is digits
    with pytest.raises(UserError, match="has the class '9', which the network does not have"):
        in_classes_of(digits, card(*"012345678x"))


def test_a_run_that_stopped_with_no_time_left_has_a_student(tmp_path):
    words = ("distill", "--teacher", DIGITS, "--student", "wrn-10-1", *SHORT, "--method", "replay")
    words += ("--data", "digits", "--record-every", 5, "--evaluate-every", 5)
    out = tmp_path / "run"
    assert zskt(*words, "--minutes", 1, "--until", 2, "--out", out) == 0
    rows = (out / "metrics.jsonl").read_text()
    # As a signal leaves it that comes a second before the end, between two looks.
    (out / "metrics.jsonl").write_text("")
    for file in (*out.glob("student*"), out / "result.json"):
        file.unlink()
    folder = RunFolder(out)
    state = folder.state()
    assert state is not None
    folder.save_state({**state, "seconds": 59.0})
    assert zskt("distill", "--resume", out) == 0
    assert (out / "student.safetensors").is_file()
    last, before = (json.loads(each.splitlines()[-1]) for each in (
        (out / "metrics.jsonl").read_text(), rows
    ))  # fmt: skip
    same = ("round", "student_accuracy", "agreement", "images_made", "images_seen")
    assert {name: last[name] for name in same} == {name: before[name] for name in same}
    assert json.loads((out / "result.json").read_text())["rows"][-1]["round"] == 2
    assert zskt("inspect", out) == 0


def test_a_run_is_gone_on_with_from_elsewhere(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("distill", "--teacher", DIGITS, "--student", "wrn-10-1", *SHORT, "--method", "replay")
    words += ("--data", "folder:photos", "--rounds", 2, "--until", 1, "--out", "run")
    assert zskt(*words) == 0
    assert "until" not in (tmp_path / "run/run.toml").read_text()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert zskt("distill", "--resume", "../run") == 0
    judged = json.loads((tmp_path / "run/evaluation.json").read_text())
    # Called as it was at the start: where it lies is nobody's business.
    assert judged["settings"]["data"] == "folder:photos"
    assert str(tmp_path) not in (tmp_path / "run/result.json").read_text()
    # Without its checkpoint nothing tells how many images are kept.
    (tmp_path / "run/checkpoint/state.safetensors").unlink()
    assert zskt("verdict", "../run", "--images", 8) == 0
    assert zskt("synthesize", "../run", "--images", 8, "--out", "s.npz") == 2


def test_data_in_memory_is_given_again(tmp_path):
    digits, run = load_data("digits"), Run(rounds=2, until=1, device="cpu")
    network, options = load(DIGITS), TeacherOptions(input_size=(1, 8, 8), mean=(0.5,), std=(0.3,))
    more = {"resume": tmp_path / "run", "progress": False}
    distill(
        network, "wrn-10-1", method=METHOD, run=run, out=tmp_path / "run", data=digits,
        options=options, progress=False,
    )  # fmt: skip
    with pytest.raises(UserError, match="was in memory; give `data` again"):
        distill(**more)
    with pytest.raises(UserError, match="was in memory; give `teacher` again"):
        distill(**more, data=digits)
    more["teacher"] = network
    made = distill(**more, data=digits)
    assert made.evaluation is not None
    assert made.history[-1]["round"] == 2
    recipe = Recipe(epochs=1, batch_size=64)
    train("wrn-10-1", data=digits, recipe=recipe, out=tmp_path / "trained", progress=False)
    (tmp_path / "trained" / "model.safetensors").unlink()
    more = {"resume": tmp_path / "trained", "progress": False}
    with pytest.raises(UserError, match="was in memory; give `data` again"):
        train(**more)
    assert train(**more, data=digits).row["test_accuracy"] > 0


def test_a_training_is_gone_on_with_from_elsewhere(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("train", "wrn-10-1", "--data", "folder:photos", "--epochs", 2, "--batch-size", 4)
    assert zskt(*words, "--out", "run") == 0
    for name in ("result.json", "model.safetensors"):
        (tmp_path / "run" / name).unlink()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert zskt("train", "--resume", "../run") == 0
    made = json.loads((tmp_path / "run/result.json").read_text())
    assert made["settings"]["data"] == "folder:photos"


@pytest.mark.parametrize("laps", range(1, 8))
def test_a_memory_that_is_written_seldom_is_read_again(laps, tmp_path):
    file = tmp_path / "images.u8"
    memory = ImageMemory(file, (1, 2, 2), most=10)
    for number in range(laps):
        memory.add(torch.full((10, 1, 2, 2), number / 10))
    state = memory.state_dict()
    again = ImageMemory(file, (1, 2, 2), most=10)
    again.read(state["count"], state["in_file"])
    everything = torch.arange(10)
    assert torch.equal(again.take(everything), memory.take(everything))


class InPlace(nn.Module):
    """Normalises its images where they lie."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))

    def forward(self, images):
        images -= 0.5
        return self.layers(images)


def test_a_teacher_that_changes_its_images_teaches():
    teacher = load_teacher(InPlace(), input_size=SIZE)
    images = torch.rand(2, *SIZE)
    before = images.clone()
    teacher.network(images)
    assert torch.equal(images, before)
    assert not inspect(teacher).findings.problems
    distill(teacher, "wrn-10-1", method=METHOD, run=Run(rounds=1, device="cpu"), progress=False)


class TwoHeads(nn.Module):
    """Returns another head besides while it learns."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, images):
        logits = self.layers(images)
        return (logits, logits) if self.training else logits


def test_a_student_with_heads_for_training_is_refused():
    with pytest.raises(UserError, match="in train mode the student does not return logits"):
        distill(DIGITS, TwoHeads(), method=METHOD, run=Run(rounds=1), progress=False)


@pytest.mark.parametrize("given", [{"mean": (float("nan"),), "std": (1.0,)}])
def test_a_mean_that_is_no_number_is_refused(given):
    with pytest.raises(UserError, match="finite"):
        load_teacher(InPlace(), input_size=SIZE, **given)


def test_sizes_below_one_are_refused():
    with pytest.raises(UserError, match="above zero"):
        load_teacher(InPlace(), input_size=(3, -8, 8))


def test_names_are_no_markup(capsys):
    print_columns(("name",), [("cat [/tabby]",), ("[v2]",)])
    print_table([{"name": "cat [/tabby]", "runs": "[v2]"}])
    assert capsys.readouterr().out.count("cat [/tabby]") == 2


def test_depths_are_bounded_together():
    check_arguments("a file", {"block_config": [6, 12, 24, 16]})
    with pytest.raises(UserError, match="no plain value"):
        check_arguments("a file", {"block_config": [256] * 16})


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, None])
def test_what_the_caller_set_does_not_matter(mode):
    """No gradients, or 64 bits by default: the same student, and both are as they were."""
    made = {"method": METHOD, "run": Run(rounds=1, device="cpu"), "progress": False}
    expected = distill(DIGITS, "wrn-10-1", **made).student.state_dict()
    if mode is None:
        torch.set_default_dtype(torch.float64)
        try:
            student = distill(load_teacher(DIGITS), "wrn-10-1", **made).student
            assert torch.get_default_dtype() == torch.float64
        finally:
            torch.set_default_dtype(torch.float32)
    else:
        with mode():
            assert not inspect(DIGITS).findings.problems
            with pytest.raises(UserError) if mode is torch.inference_mode else nullcontext():
                distill(DIGITS, create("wrn-10-1", classes=10, input_size=(1, 8, 8)), **made)
            student = distill(DIGITS, "wrn-10-1", **made).student
            assert not torch.is_grad_enabled()
    for name, tensor in student.state_dict().items():
        assert torch.equal(tensor, expected[name])


def test_a_network_that_reads_numbers_while_it_is_made_is_loaded_again(tmp_path):
    """RegNets cannot be counted on the meta device."""
    name = "torchvision:regnet_x_400mf"
    network = create(name, classes=4, input_size=SIZE)
    card = Card(architecture=name, input_size=SIZE, classes=4)
    write_network(tmp_path / "regnet.safetensors", network, card)
    loaded = load(tmp_path / "regnet.safetensors")
    assert torch.equal(loaded.fc.weight, network.fc.weight)
    with pytest.raises(UserError, match="cannot be counted before it is made; name the student"):
        shrunk(name, "shrink:0.5", partial(create, classes=4, input_size=SIZE))


def test_advice_can_be_typed(tmp_path, capsys):
    """What was said of a teacher is said again in the command that comes next."""
    network = create("timm:mobilenetv3_small_050", classes=4, input_size=(3, 32, 32))
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    words = ("--weights", tmp_path / "weights.pth", "--input-size", 3, 32, 32, "--pixels", "0-1")
    assert zskt("inspect", "timm:mobilenetv3_small_050", *words) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"--out RUN {' '.join(map(str, words))}" in told


def test_a_run_goes_on_by_its_own_method(tmp_path, capsys):
    words = ("distill", "--teacher", DIGITS, "--student", "wrn-10-1", *SHORT, "--rounds", 1)
    assert zskt(*words, "--out", tmp_path / "run") == 0
    assert zskt("distill", "--resume", tmp_path / "run", "--method", "zskt") == 2
    assert "leave --method out" in " ".join(capsys.readouterr().err.split())


def test_a_run_of_before_used_each_label_once(tmp_path):
    """Its settings do not say so, and today's default is another."""
    words = ("--teacher", DIGITS, "--student", "wrn-10-1", *SHORT, "--rounds", 3, "--device", "cpu")
    assert zskt("distill", *words, "--label-uses", 1, "--out", tmp_path / "whole") == 0
    run = tmp_path / "run"
    assert zskt("distill", *words, "--label-uses", 1, "--until", 2, "--out", run) == 0
    settings = json.loads((run / "settings.json").read_text())
    del settings["method_settings"]["label_uses"]
    (run / "settings.json").write_text(json.dumps(settings))
    assert zskt("distill", "--resume", run) == 0
    files = [folder / "student.safetensors" for folder in (run, tmp_path / "whole")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_folder_with_the_name_of_data_is_not_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("distill", "--teacher", DIGITS, "--student", "wrn-10-1", *SHORT, "--data", "digits")
    assert zskt(*words, "--rounds", 2, "--until", 1, "--out", "digits") == 0
    assert zskt(*words, "--rounds", 2, "--until", 1, "--out", "other") == 0
    assert zskt("distill", "--resume", "other") == 0
    assert zskt("distill", "--resume", "other", "--data", "digits", "--rounds", 3) == 2


def test_a_run_that_is_gone_on_with_tells_what_it_started_from(tmp_path):
    words = ("--teacher", DIGITS, "--student", "wrn-10-1", *SHORT, "--rounds", 2)
    assert zskt("distill", *words, "--out", tmp_path / "first") == 0
    init, run = tmp_path / "first/student.safetensors", tmp_path / "run"
    assert zskt("distill", *words, "--student-init", init, "--until", 1, "--out", run) == 0
    assert zskt("distill", "--resume", run) == 0
    made = json.loads((run / "result.json").read_text())["settings"]
    assert made["student_init"] == str(init)
