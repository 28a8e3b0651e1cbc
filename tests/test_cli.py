"""The command line: the main job at a tiny scale, and one sentence for everything that is wrong."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from inspect import Parameter, signature

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from players import same_weights, zskt
from zskt import Run, UserError, distill, load_teacher
from zskt.distillation.stopping import StopRequest
from zskt.methods import METHODS
from zskt.methods.zskt import ZSKT
from zskt.model_file import Card, load, read_card, write_network
from zskt.networks import create
from zskt.results import result
from zskt.runs.folder import RunFolder

SIZE = (3, 8, 8)
RESULT_KEYS = {"command", "settings", "versions", "machine", "git", "seconds", "rows"}


@pytest.fixture
def teacher(tmp_path):
    torch.manual_seed(0)
    file = tmp_path / "teacher.safetensors"
    card = Card(
        architecture="wrn-10-1", input_size=SIZE, classes=3,
        mean=(0.5,) * 3, std=(0.2,) * 3, class_names=("a", "b", "c"),
    )  # fmt: skip
    write_network(file, create("wrn-10-1", classes=3, input_size=SIZE), card)
    return file


@pytest.fixture
def data(tmp_path):
    random = np.random.default_rng(0)
    file = tmp_path / "scans.npz"
    arrays = {}
    for part, count in (("train", 32), ("test", 16)):
        arrays[f"{part}_images"] = random.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(count)[:, None] % 3
    np.savez(file, **arrays)
    return file


def few(teacher, out, *more, rounds=2, method="zskt"):
    return (
        "distill", "--method", method, "--teacher", teacher, "--student", "resnet-8", "--out", out,
        "--rounds", rounds, "--batch-size", 4, "--device", "cpu", *more,
    )  # fmt: skip


def beliefs(*more, student="T", data="D", out="b"):
    """Words for `zskt beliefs`."""
    return ["beliefs", "--student", student, "--teacher", "T", "--data", data, "--out", out, *more]


def test_train_distill_evaluate(tmp_path, data, capsys):
    runs = tmp_path / "runs"
    recipe = ("--epochs", 2, "--batch-size", 16, "--padding", 1, "--device", "cpu")
    assert zskt("train", "wrn-10-1", "--data", data, "--out", runs / "t", "--half", *recipe) == 0
    assert zskt(*few(runs / "t", runs / "s", "--data", data)) == 0
    assert zskt("evaluate", runs / "s", "--teacher", runs / "t", "--data", data) == 0
    output = capsys.readouterr().out
    assert "student resnet-8" in output
    names = {file.name for file in (runs / "s").iterdir()}
    assert names >= {
        "settings.json", "metrics.jsonl", "samples", "checkpoint", "student.safetensors",
        "source.safetensors", "result.json", "evaluation.json",
        "generated.png", "curves.png", "confusion.png",
    }  # fmt: skip
    for file in (runs / "t" / "result.json", runs / "s" / "result.json"):
        assert json.loads(file.read_text()).keys() == RESULT_KEYS | {"seed"}
    evaluation = json.loads((runs / "s" / "evaluation.json").read_text())
    assert evaluation["rows"][0]["agreement"] == 1
    assert np.array(evaluation["settings"]["confusion"]).sum() == 16
    images = load(runs / "s" / "source.safetensors")(torch.randn(2, 100))
    assert load(runs / "s")(images).shape == (2, 3)


def test_a_further_cycle_starts_from_the_weights_given(tmp_path, data):
    recipe = ("--batch-size", 16, "--device", "cpu", "--data", data)
    assert zskt("train", "resnet-8", "--epochs", 4, "--out", tmp_path / "a", *recipe) == 0
    options = ("--init", tmp_path / "a", "--epochs", 1, "--learning-rate", 1e-9)
    assert zskt("train", "resnet-8", "--out", tmp_path / "b", *options, *recipe) == 0
    one, other = (load(tmp_path / name).stem.weight for name in "ab")
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    assert zskt("train", "wrn-10-1", "--out", tmp_path / "c", *options, *recipe) == 2


def test_few_images_with_and_without_a_teacher(tmp_path, teacher, data):
    recipe = ("--epochs", 1, "--batch-size", 16, "--device", "cpu", "--data", data)
    few = ("--per-class", 2, "--schedule", "drops", "--learning-rate", 0.1)
    taught = ("--distill-from", teacher)
    assert zskt("train", "resnet-8", "--out", tmp_path / "a", *recipe, *few) == 0
    assert zskt("train", "resnet-8", "--out", tmp_path / "b", *recipe, *few, *taught) == 0
    settings = json.loads((tmp_path / "b" / "settings.json").read_text())
    assert settings["per_class"] == 2
    assert settings["distill_attention"] == 1000
    # The student takes its images as the teacher does.
    assert read_card(tmp_path / "b" / "model.safetensors").mean == (0.5,) * 3
    assert read_card(tmp_path / "a" / "model.safetensors").mean != (0.5,) * 3


def test_a_network_that_is_read_is_not_overwritten(tmp_path, data, capsys):
    recipe = ("--epochs", 1, "--batch-size", 16, "--device", "cpu", "--data", data)
    for name in ("t", "s"):
        assert zskt("train", "resnet-8", "--out", tmp_path / name, *recipe) == 0
    files = [tmp_path / name / "model.safetensors" for name in ("t", "s")]
    before = [file.read_bytes() for file in files]
    tune = ("finetune", tmp_path / "s", "--teacher", tmp_path / "t", *recipe[2:], "--per-class", 1)
    for out in ("s", "t"):
        assert zskt(*tune, "--out", tmp_path / out, "--overwrite") == 2
        assert "which is to be written" in capsys.readouterr().err
    taught = ("--distill-from", tmp_path / "t", "--overwrite")
    assert zskt("train", "resnet-8", "--out", tmp_path / "t", *recipe, *taught) == 2
    assert [file.read_bytes() for file in files] == before
    assert zskt(*tune, "--out", tmp_path / "tuned", "--steps", 3) == 0
    assert "after 3 batches" in capsys.readouterr().out


def test_another_method(tmp_path, teacher):
    assert zskt(*few(teacher, tmp_path / "run", method="noise")) == 0
    assert zskt("distill", "--resume", tmp_path / "run") == 0
    assert not (tmp_path / "run" / "source.safetensors").exists()
    (found,) = json.loads((tmp_path / "run" / "verdict.json").read_text())["rows"]
    assert found["word"] in ("good", "doubtful", "failed")
    assert "noise_agreement" in found
    assert "balance" not in found


MINE = '''
"""A method of its own."""
from dataclasses import dataclass
from typing import ClassVar

from zskt.methods.noise import Noise


@dataclass(frozen=True, kw_only=True)
class Mine(Noise):
    """Settings."""

    title: ClassVar[str] = "Mine"
    batch_size: int = 7
    """Another default than that of the published method."""
    tries: int = 3
    """A setting that no other method has."""
'''


def test_a_method_has_its_own_settings_and_defaults(tmp_path, teacher, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(METHODS, "mine", "mine:Mine")
    words = ("--teacher", teacher, "--student", "resnet-8", "--rounds", 1, "--method", "mine")
    run = tmp_path / "run"
    assert zskt("distill", *words, "--tries", 2, "--device", "cpu", "--out", run) == 0
    settings = RunFolder(run).settings()
    assert settings["method"] == "mine"
    assert settings["method_settings"]["tries"] == 2
    assert settings["method_settings"]["batch_size"] == 7
    assert zskt("distill", "--resume", run) == 0
    assert zskt("distill", *words, "--noise-size", 2, "--out", tmp_path / "other") == 2
    assert "Unknown option: --noise-size" in capsys.readouterr().err
    assert zskt("distill", "--method", "mine", "--help") == 0
    shown = capsys.readouterr().out
    assert "--tries" in shown
    assert "--generator-width" not in shown


def test_distill_without_any_data(tmp_path, teacher):
    assert zskt(*few(teacher, tmp_path / "run", "--attention", 0, "--discrepancy", "js")) == 0
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings["method_settings"]["discrepancy"] == "js"
    assert not (tmp_path / "run" / "evaluation.json").exists()


def test_a_finished_run_may_be_resumed_and_stays_the_same(tmp_path, teacher):
    run = tmp_path / "run"
    assert zskt(*few(teacher, run)) == 0
    files = [run / name for name in ("student.safetensors", "metrics.jsonl", "README.md")]
    before = [file.read_bytes() for file in files]
    (verdict,) = json.loads((run / "verdict.json").read_text())["rows"]
    assert "balance" in verdict
    assert zskt("distill", "--resume", run) == 0
    assert [file.read_bytes() for file in files] == before
    assert json.loads((run / "verdict.json").read_text())["rows"] == [verdict]


def test_a_finished_run_goes_on_to_a_greater_length(tmp_path, teacher, capsys):
    run = tmp_path / "run"
    assert zskt(*few(teacher, run, rounds=4)) == 0
    (before,) = (json.loads((run / "settings.json").read_text()),)
    for words, told in [((), ""), (("--rounds", 4), "has had 4 rounds"), (("--rounds", 3), "more")]:
        assert zskt("distill", "--resume", run, *words) == (2 if told else 0)
        assert told in capsys.readouterr().err
    assert zskt("distill", "--resume", run, "--rounds", 6) == 0
    assert "learning rates are those of a run of the new length" in capsys.readouterr().out
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["round"] == 6
    assert [row["round"] for row in rows] == sorted({row["round"] for row in rows})
    after = json.loads((run / "settings.json").read_text())
    assert after["run"] == before["run"] | {"rounds": 6}
    assert json.loads((run / "result.json").read_text())["rows"][-1]["round"] == 6
    # Now six rounds are its own length.
    assert zskt("distill", "--resume", run) == 0
    assert zskt("distill", "--resume", run, "--rounds", 6, "--minutes", 1) == 2


def test_demo_at_a_tiny_scale(tmp_path, capsys):
    results = tmp_path / "results.json"
    assert zskt("demo", "--rounds", 2, "--out", tmp_path / "demo", "--results", results) == 0
    assert "untrained" in capsys.readouterr().out
    (row,) = json.loads(results.read_text())["rows"]
    assert row["teacher_accuracy"] > 0.97
    assert (tmp_path / "demo" / "generated.png").exists()
    # It is a run like any other.
    assert zskt("distill", "--resume", tmp_path / "demo") == 0
    assert zskt("verdict", tmp_path / "demo", "--images", 8) == 0


def test_list_has_one_line_for_each(capsys):
    assert zskt("list") == 0
    output = capsys.readouterr().out
    for name in ("zskt", "wrn-40-2", "lenet", "timm:NAME", "digits", "cifar10", "folder:PATH"):
        assert f"  {name} " in output


def test_help_needs_no_torch():
    check = "import sys, zskt.cli; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


TRAIN = ["train", "resnet-8", "--data", "D", "--out", "r"]
TUNE = ["finetune", "T", "--data", "D", "--out", "r", "--teacher", "T"]
WRONG = {
    "Unknown command": ["distil"],
    "Unknown option": ["list", "--all"],
    "give --teacher, --student and --out": ["distill"],
    "there is no file no; a network by name": [
        "distill",
        "--teacher",
        "no",
        "--student",
        "lenet",
        "--out",
        "r",
    ],
    "unknown network 'wrn-16'": ["distill", "--teacher", "T", "--student", "wrn-16", "--out", "r"],
    "unknown timm network": ["distill", "--teacher", "T", "--student", "timm:x", "--out", "r"],
    "at least 16x16": ["distill", "--teacher", "T", "--student", "lenet", "--out", "r"],
    "--student-steps must be above zero": [*few("T", "r"), "--student-steps", 0],
    "--attention must be zero or above": [*few("T", "r"), "--attention", -1],
    "--seed must be zero or above": [*few("T", "r"), "--seed", -1],
    "--seed must be below": [*few("T", "r"), "--seed", 2**64],
    'unable to convert "many" into int': [*few("T", "r"), "--noise-size", "many"],
    "--clip must be above zero, not inf": [*few("T", "r"), "--clip", "inf"],
    '"l2" for --discrepancy. Choose from': [*few("T", "r"), "--discrepancy", "l2"],
    "there is no cuda:7": ["train", "lenet", "--data", "D", "--out", "r", "--device", "cuda:7"],
    "unknown device 'tpu'": ["train", "lenet", "--data", "D", "--out", "r", "--device", "tpu"],
    "is a file": few("T", "T"),
    "cannot write to": few("T", "T/run"),
    "holds no run": ["distill", "--resume", "none"],
    "there is no data file": ["train", "lenet", "--data", "none.npz", "--out", "r"],
    "unknown data 'cifar'": ["train", "lenet", "--data", "cifar", "--out", "r"],
    "must hold the folders train/": ["train", "lenet", "--data", "folder:none", "--out", "r"],
    "cannot take 3x8x8 images": ["train", "timm:vit_tiny_patch16_224", "--data", "D", "--out", "r"],
    "the data has 1x8x8 images": ["evaluate", "T", "--teacher", "T", "--data", "digits"],
    "--per-class must be 1 to 10": [*TRAIN, "--per-class", 11],
    "needs a teacher; give --distill-from": [*TRAIN, "--distill-share", 0.5],
    "there is no file no-teacher": [*TRAIN, "--distill-from", "no-teacher"],
    "holds a generator; give a classifier": [*TRAIN, "--distill-from", "G"],
    "--cutout must be zero or above": [*TRAIN, "--cutout", -1],
    "--per-class must be 1 to 10, the": [*TUNE, "--per-class", 0],
    "--steps must be above zero, not 0": [*TUNE, "--per-class", 1, "--steps", 0],
    "does not say which teacher": [*TUNE[:-2], "--per-class", 1],
    "give the name of a table or figure": ["reproduce"],
    "unknown experiment 'figure-6'": ["reproduce", "figure-6"],
    "--scale must be above zero": ["reproduce", "figure-2", "--scale", 0],
    "--seeds must be different": ["reproduce", "figure-2", "--seeds", 1, 1],
    "--per-class must be different": ["reproduce", "figure-2", "--per-class", 0],
    "unknown network 'wrn'": ["reproduce", "table-2", "--data", "digits", "--pair", "wrn", "lenet"],
    "unknown protocol 'cifar'": ["reproduce", "figure-2", "--protocol", "cifar"],
    "unknown method 'zsk'": few("T", "r", method="zsk"),
    "Unknown option: --fresh-noise": few("T", "r", "--fresh-noise", method="noise"),
    "give --rounds or --minutes, not both": [*few("T", "r"), "--minutes", 1],
    "--minutes must be above zero": [*few("T", "r")[:-6], "--minutes", 0],
    "holds neither": ["evaluate", ".", "--teacher", "T", "--data", "D"],
    "holds a generator": ["evaluate", "G", "--teacher", "T", "--data", "D"],
    "generator.safetensors holds a generator": [*few("G", "r")],
    "there is no file none": beliefs(student="none"),
    "the data has 1x8x8 images and the network takes 3x8x8": beliefs(data="digits"),
    "3 classes and the student 4": beliefs(student="F"),
    "holds a generator; give": beliefs(student="G"),
    "nothing says how a network's images are normalised": [
        word if word != "T" else "N" for word in beliefs(student="N")
    ],
    "--steps must be above zero": beliefs("--steps", 0),
    "--images must be above zero": beliefs("--images", 0),
    "--step-size must be above zero": beliefs("--step-size", "nan"),
    "--batch-size must be above zero": beliefs("--batch-size", -1),
    '"both" for --step-on. Choose from': beliefs("--step-on", "both"),
    "teacher.safetensors is a file": beliefs(out="T"),
    ". holds other files": beliefs("--overwrite", out="."),
    "there is no cuda:6": beliefs("--device", "cuda:6"),
    "--rounds must be above zero": ["toy", "--out", "r", "--rounds", 0],
    "--ascent-clamp must be above zero": ["toy", "--out", "r", "--ascent-clamp", "nan"],
    "scans.npz is a file": ["toy", "--out", "D"],
    ". holds other files; give --out": ["toy", "--out", "."],
    "there is no model file nothing": ["noise-predictions", "nothing", "--out", "r"],
    "generator.safetensors holds a generator; give": ["noise-predictions", "T", "G", "--out", "r"],
    "--images must be above zero, not 0": ["noise-predictions", "T", "--out", "r", "--images", 0],
    "give at least one network": ["noise-predictions", "--out", "r"],
    "lies in ., which is to be written": ["noise-predictions", "T", "--out", ".", "--overwrite"],
    "there is no cuda:8": ["noise-predictions", "T", "--out", "r", "--device", "cuda:8"],
}


@pytest.mark.parametrize(("sentence", "words"), WRONG.items(), ids=WRONG)
def test_what_is_wrong_is_one_sentence(
    sentence, words, tmp_path, teacher, data, capsys, monkeypatch
):
    from zskt.networks import Generator

    monkeypatch.chdir(tmp_path)
    card = Card(architecture="generator", input_size=SIZE, noise_size=100, width=128)
    generator = tmp_path / "generator.safetensors"
    write_network(generator, Generator(SIZE), card)
    four, bare = tmp_path / "four.safetensors", tmp_path / "bare.safetensors"
    scale = {"mean": (0.5,) * 3, "std": (0.2,) * 3}
    for file, classes, more in ((four, 4, scale), (bare, 3, {})):
        card = Card(architecture="resnet-8", input_size=SIZE, classes=classes, **more)
        write_network(file, create("resnet-8", classes=classes, input_size=SIZE), card)
    known = {
        "T": teacher,
        "D": data,
        "G": generator,
        "F": four,
        "N": bare,
        "T/run": teacher / "run",
    }
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    assert zskt(*(known.get(word, word) for word in words)) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("zskt: ")
    assert sentence in said
    assert "\n" not in said
    assert "Traceback" not in said
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_run_is_kept_unless_overwritten(tmp_path, teacher, capsys):
    run = tmp_path / "run"
    assert zskt(*few(teacher, run)) == 0
    assert zskt(*few(teacher, run)) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert zskt(*few(teacher, run, "--overwrite")) == 0


def test_a_damaged_teacher_and_another_teacher(tmp_path, teacher, capsys):
    run = tmp_path / "run"
    assert zskt(*few(teacher, run)) == 0
    whole = teacher.read_bytes()
    teacher.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert zskt("distill", "--resume", run) == 2
    assert "is not the teacher" in capsys.readouterr().err
    teacher.write_bytes(whole[: len(whole) // 2])
    assert zskt(*few(teacher, tmp_path / "other")) == 2
    assert "cut short" in capsys.readouterr().err


def test_a_checkpoint_of_another_architecture(tmp_path, teacher, capsys):
    run = tmp_path / "run"
    assert zskt(*few(teacher, run)) == 0
    settings = run / "settings.json"
    settings.write_text(settings.read_text().replace("resnet-8", "wrn-10-1"))
    assert zskt("distill", "--resume", run) == 2
    assert "another architecture" in capsys.readouterr().err


def test_a_run_stopped_early_goes_on_to_its_end(tmp_path, teacher):
    runs = {name: tmp_path / name for name in ("whole", "parts")}
    assert zskt(*few(teacher, runs["whole"], rounds=4)) == 0
    assert zskt(*few(teacher, runs["parts"], "--until", 2, rounds=4)) == 0
    for end in (3, 3, None):
        until = ("--until", end) if end else ()
        assert zskt("distill", "--resume", runs["parts"], *until) == 0
    assert zskt("distill", "--resume", runs["parts"], "--until", 2) == 2
    whole, parts = ((run / "student.safetensors").read_bytes() for run in runs.values())
    assert whole == parts


def test_no_end_of_an_earlier_round_stands_beside_a_later_checkpoint(
    tmp_path, teacher, monkeypatch
):
    """Stopped after two rounds of four, resumed, and stopped by a signal after the third."""
    run = tmp_path / "run"
    assert zskt(*few(teacher, run, "--until", 2, "--save-seconds", 0, rounds=4)) == 0
    final = {"student.safetensors", "source.safetensors", "result.json", "README.md", "curves.png"}
    assert final <= {file.name for file in run.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(StopRequest, "made", True)
        patch.setattr(StopRequest, "__init__", lambda self: None)
        assert zskt("distill", "--resume", run) == 130
    assert not final & {file.name for file in run.iterdir()}
    assert RunFolder(run).state()["round"] == 3
    assert zskt("distill", "--resume", run) == 0
    assert final <= {file.name for file in run.iterdir()}


def test_the_networks_of_a_finished_run_that_is_resumed(tmp_path, teacher):
    run = tmp_path / "run"
    assert zskt(*few(teacher, run)) == 0
    again = distill(resume=run, progress=False)
    assert same_weights(again.networks["generator"], load(run / "source.safetensors"))
    assert same_weights(again.student, load(run))
    assert again.source is not None
    assert again.source.images(3, seed=0).shape == (3, *SIZE)
    assert again.verdict.word in ("good", "doubtful", "failed")


def test_python_leaves_what_the_command_leaves(tmp_path, teacher, data):
    assert zskt(*few(teacher, tmp_path / "a", "--data", data)) == 0
    method = replace(ZSKT(), batch_size=4)
    result = distill(
        teacher, "resnet-8", out=tmp_path / "b", method=method,
        run=Run(rounds=2, device="cpu"), data=str(data), progress=False,
    )  # fmt: skip
    names = [{file.name for file in (tmp_path / name).iterdir()} for name in "ab"]
    assert names[0] == names[1]
    assert "README.md" in names[1]
    ours, theirs = ((tmp_path / name / "student.safetensors").read_bytes() for name in "ab")
    assert ours == theirs
    assert result.verdict.reason in (tmp_path / "b" / "README.md").read_text()
    assert result.evaluation.rows[0]["agreement"] == 1
    json.dumps(result.to_dict())


@pytest.mark.parametrize(
    "change",
    [
        {"teacher_sha256": None}, {"teacher_options": [1]}, {"teacher_options": {"colour": 1}},
        {"teacher_options": {"teacher_arg": [3]}}, {"run": {"rounds": "x"}}, [],
    ],
)  # fmt: skip
def test_settings_that_somebody_damaged(tmp_path, teacher, capsys, change):
    run = tmp_path / "run"
    assert zskt(*few(teacher, run)) == 0
    settings = RunFolder(run).settings()
    settings = {**settings, **change} if change else change
    if change == {"teacher_sha256": None}:
        del settings["teacher_sha256"]
    (run / "settings.json").write_text(json.dumps(settings))
    commands = [("distill", "--resume", run)]
    commands += [] if "run" in change else [("verdict", run), ("synthesize", run, "--out", "x.npz")]
    for command in commands:
        assert zskt(*command) == 2
        told = capsys.readouterr().err
        assert "damaged" in told
        assert "Traceback" not in told


@pytest.mark.parametrize(
    "change",
    [
        {"classes": 10**12}, {"classes": "3"}, {"input_size": [1]}, {"input_size": [3, 8, "8"]},
        {"architecture": 7}, {"arguments": [1]}, {"mean": [0.5]}, {"std": ["a", "b", "c"]},
        {"architecture": "generator"}, {"width": 10**9}, [], "no",
    ],
)  # fmt: skip
def test_cards_that_somebody_damaged(tmp_path, teacher, capsys, change):
    tensors = load_file(teacher)
    with safe_open(teacher, framework="pt") as file:
        card = json.loads(file.metadata()["zskt"])
    card = {**card, **change} if isinstance(change, dict) else change
    text = card if isinstance(card, str) else json.dumps(card)
    save_file(tensors, tmp_path / "odd.safetensors", {"zskt": text})
    assert zskt("inspect", tmp_path / "odd.safetensors") == 2
    told = capsys.readouterr().err
    assert "is damaged; make the file anew" in told
    assert "Traceback" not in told


def test_only_distillations_can_be_resumed(tmp_path, data, teacher, capsys):
    recipe = ("--epochs", 1, "--batch-size", 16, "--device", "cpu")
    assert zskt("train", "resnet-8", "--data", data, "--out", tmp_path / "train", *recipe) == 0
    assert zskt("distill", "--resume", tmp_path / "train") == 2
    assert "was not made by zskt distill" in capsys.readouterr().err
    assert zskt(*few(teacher, tmp_path / "run")) == 0
    assert zskt("distill", "--resume", tmp_path / "run", "--replays", 3) == 2
    assert "own settings" in capsys.readouterr().err


def trained(data, out, *more):
    words = ("--batch-size", 8, "--padding", 1, "--device", "cpu", "--precision", "32")
    return ("train", "resnet-8", "--data", data, "--out", out, "--epochs", 2, *words, *more)


def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path, data, monkeypatch, capsys):
    """Two epochs of four steps, stopped after the third of each part: in the middle of both."""
    whole, run = tmp_path / "whole", tmp_path / "run"
    taught = ("--optimizer", "adamw", "--learning-rate", 0.01, "--cutout", 2)
    assert zskt(*trained(data, whole, *taught)) == 0

    class Soon:
        def __init__(self):
            self.asked = 0

        @property
        def made(self):
            self.asked += 1
            return self.asked >= 3

    with monkeypatch.context() as patch:
        patch.setattr("zskt.distillation.stopping.StopRequest", Soon)
        assert zskt(*trained(data, run, *taught)) == 130
        assert f"go on with zskt train --resume {run}" in capsys.readouterr().err
        steps = [RunFolder(run).state()["step"]]
        assert not (run / "model.safetensors").exists()
        while zskt("train", "--resume", run) == 130:
            steps.append(RunFolder(run).state()["step"])
    assert steps == [3, 6]
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    rows = [[{**row, "seconds": 0} for row in RunFolder(each).metrics()] for each in (run, whole)]
    assert rows[0] == rows[1]
    # A finished one stays the same.
    assert zskt("train", "--resume", run) == 0
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert (run / "report.html").exists()


def test_a_training_with_a_teacher_goes_on_in_another_folder(tmp_path, data, teacher, monkeypatch):
    whole, run = tmp_path / "whole", tmp_path / "run"
    monkeypatch.chdir(tmp_path)
    taught = ("--distill-from", teacher.name, "--per-class", 3, "--init", "start", "--half")
    assert zskt(*trained(data, tmp_path / "start")) == 0
    assert zskt(*trained(data, whole, *taught)) == 0
    with monkeypatch.context() as patch:
        patch.setattr(StopRequest, "made", True)
        patch.setattr(StopRequest, "__init__", lambda self: None)
        assert zskt(*trained(data, run, *taught)) == 130
    (tmp_path / "start" / "model.safetensors").unlink()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert zskt("train", "--resume", run) == 0
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_a_training_that_cannot_go_on(tmp_path, data, teacher, capsys):
    """One sentence, and what was trained stays."""
    run = tmp_path / "run"
    assert zskt(*trained(data, run)) == 0
    model, settings = (run / "model.safetensors").read_bytes(), RunFolder(run).settings()
    arrays = dict(np.load(data))
    arrays["train_labels"] = arrays["train_labels"][::-1]
    np.savez(tmp_path / "other.npz", **arrays)

    def refused(sentence, *more, **changes):
        (run / "settings.json").write_text(json.dumps({**settings, **changes}))
        assert zskt("train", "--resume", run, *more) == 2
        told = capsys.readouterr().err
        assert sentence in told
        assert "Traceback" not in told
        assert (run / "model.safetensors").read_bytes() == model

    for more in (("--epochs", 9), ("--out", "x"), ("--half",), ("--precision", "bf16")):
        refused("start a further cycle with --init", *more)
    refused("are not those that", "--data", tmp_path / "other.npz")
    refused("learns from labels alone", "--distill-from", teacher)
    refused("was not made by zskt train", command_name="distill")
    refused("does not fit this training", network="wrn-10-1")
    refused("does not fit this training", optimizer="adamw", learning_rate=0.01)
    refused("was made with the code of os:getcwd", network="os:getcwd")
    refused("wants to make its network with pretrained", network_arguments={"pretrained": True})
    for change in ({"epochs": "x"}, {"optimizer": "x"}, {"per_class": "3"}, {"precision": 8},
                   {"network_arguments": [1]}, {"save_seconds": None}):  # fmt: skip
        refused("are damaged", **change)
    refused("must be zero or above", save_seconds=-1)
    state = run / "checkpoint" / "state.safetensors"
    whole = state.read_bytes()
    state.write_bytes(whole[:-9])
    refused("is damaged; start the run anew")
    state.unlink()
    refused("has no checkpoint")
    assert zskt("train", "--resume", tmp_path / "none") == 2
    assert "holds no run" in capsys.readouterr().err
    assert zskt("train", "--out", run) == 2
    assert "give a network, --data and --out, or --resume RUN" in capsys.readouterr().err
    assert zskt(*trained(data, run)) == 2
    assert "go on with --resume" in capsys.readouterr().err


def test_a_run_of_another_command_is_kept_whatever_is_asked(tmp_path, data, teacher, capsys):
    recipe = ("--epochs", 1, "--batch-size", 16, "--device", "cpu")
    assert zskt("train", "resnet-8", "--data", data, "--out", tmp_path / "t", *recipe) == 0
    before = (tmp_path / "t" / "model.safetensors").read_bytes()
    assert zskt(*few(teacher, tmp_path / "t", "--overwrite")) == 2
    assert "holds a run of zskt train" in capsys.readouterr().err
    assert zskt("toy", "--out", tmp_path / "t", "--rounds", 1, "--overwrite") == 2
    assert zskt(*beliefs("--overwrite", student=teacher, data=data, out=tmp_path / "t")) == 2
    assert (tmp_path / "t" / "model.safetensors").read_bytes() == before


def test_the_teachers_folder_is_not_overwritten(tmp_path, data, capsys):
    out = tmp_path / "run"
    recipe = ("--epochs", 1, "--batch-size", 16, "--device", "cpu")
    assert zskt("train", "resnet-8", "--data", data, "--out", out, *recipe) == 0
    assert zskt(*few(out, out, "--overwrite")) == 2
    assert "holds a run of zskt train" in capsys.readouterr().err
    assert load(out)(torch.zeros(1, *SIZE)).shape == (1, 3)


@pytest.mark.parametrize("overwrite", [False, True])
def test_images_that_the_generator_cannot_draw(tmp_path, teacher, capsys, overwrite):
    large = tmp_path / "large.safetensors"
    card = Card(architecture="resnet-8", input_size=(3, 300, 8), classes=3)
    write_network(large, create("resnet-8", classes=3, input_size=(3, 300, 8)), card)
    run = tmp_path / "run"
    assert zskt(*few(teacher, run)) == 0
    before = (run / "student.safetensors").read_bytes()
    out = (run, "--overwrite") if overwrite else (tmp_path / "other",)
    assert zskt(*few(large, *out)) == 2
    assert "from 8x8 to 256x256" in capsys.readouterr().err
    assert (run / "student.safetensors").read_bytes() == before
    assert not (tmp_path / "other").exists()


def test_different_numbers_of_classes(tmp_path, teacher, data, capsys):
    other = tmp_path / "other.safetensors"
    card = Card(
        architecture="resnet-8", input_size=SIZE, classes=4, mean=(0.5,) * 3, std=(1.0,) * 3
    )
    network = create("resnet-8", classes=4, input_size=SIZE)
    write_network(other, network, card)
    assert zskt("evaluate", other, "--teacher", teacher, "--data", data) == 2
    assert "3 classes" in capsys.readouterr().err
    with pytest.raises(UserError, match="3 classes and the student 4"):
        distill(load_teacher(load(teacher), input_size=SIZE), network, progress=False)


def test_a_damaged_checkpoint(tmp_path, teacher, capsys):
    run = tmp_path / "run"
    assert zskt(*few(teacher, run)) == 0
    state = run / "checkpoint" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    assert zskt("distill", "--resume", run) == 2
    assert "damaged" in capsys.readouterr().err


def test_labels_that_the_network_does_not_have(tmp_path, teacher, data, capsys):
    arrays = dict(np.load(data))
    arrays["test_labels"] = arrays["test_labels"] + 1
    np.savez(data, **arrays)
    assert zskt("evaluate", teacher, "--teacher", teacher, "--data", data) == 2
    assert "labels up to 3" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(
    tmp_path, teacher, capsys, monkeypatch
):
    run = tmp_path / "run"
    calls = []

    def breaks(*maps):
        calls.append(maps)
        return torch.tensor(float("nan") if len(calls) > 40 else 1.0)

    # Ten calls in a round: the metrics of round 5 are not finite.
    monkeypatch.setattr("zskt.losses.attention_transfer", breaks)
    assert zskt(*few(teacher, run, "--save-seconds", 0, rounds=9)) == 2
    assert "in round 5 student_loss is no longer finite" in capsys.readouterr().err
    assert not (run / "student.safetensors").exists()
    saved = RunFolder(run).state()
    assert saved is not None
    assert saved["round"] == 4
    monkeypatch.undo()
    assert zskt("distill", "--resume", run) == 0


@pytest.mark.parametrize("writes", range(0, 16, 3))
def test_no_space_left(tmp_path, teacher, capsys, monkeypatch, writes):
    """The disk is full after some writes: one sentence, and the run goes on when there is room."""
    run = tmp_path / "run"
    synced = []
    fsync = os.fsync

    def full(file):
        synced.append(file)
        if len(synced) > writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(file)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        assert zskt(*few(teacher, run, "--save-seconds", 0, rounds=4)) == 2
    assert "No space left" in capsys.readouterr().err
    if (run / "settings.json").exists():
        assert zskt("distill", "--resume", run) == 0
    else:
        assert zskt(*few(teacher, run)) == 0


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path, teacher):
    import signal
    import time

    run = tmp_path / "run"
    words = few(teacher, run, "--record-every", 1, rounds=5000)
    process = subprocess.Popen(
        [sys.executable, "-m", "zskt", *map(str, words)],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not RunFolder(run).metrics() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert f"--resume {run}" in said
    assert "Traceback" not in said
    assert (run / "checkpoint" / "state.safetensors").exists()


def test_results_have_one_shape():
    # Where it was computed is told by whoever computed it.
    assert signature(result).parameters["device"].default is Parameter.empty
    several = result(seeds=[0, 1], settings={}, seconds=1.0, rows=[], device="cpu")
    assert several.keys() == RESULT_KEYS | {"seeds"}
