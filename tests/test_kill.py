"""A real run, killed with SIGKILL at random moments, ends as if nothing had happened."""

import random
import signal
import subprocess
import sys
import time

import torch
from safetensors.torch import load_file

from players import TIMES, zskt
from zskt.model_file import Card, write_network
from zskt.networks import create
from zskt.runs.folder import RunFolder

ROUNDS, KILLS = 60, 6
SIZE = (1, 8, 8)


def start(*words):
    command = [sys.executable, "-m", "zskt", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def progress(folder):
    rows = RunFolder(folder).metrics()
    return rows[-1]["round"] if rows else 0


def test_killed_at_random_moments(tmp_path):
    torch.manual_seed(0)
    teacher = tmp_path / "teacher.safetensors"
    card = Card(architecture="wrn-10-1", input_size=SIZE, classes=10)
    write_network(teacher, create("wrn-10-1", classes=10, input_size=SIZE), card)
    settings = [
        "--method", "zskt", "--teacher", teacher, "--student", "wrn-10-1", "--rounds", ROUNDS,
        "--batch-size", 16, "--record-every", 1, "--save-seconds", 0.02, "--precision", "32",
        "--device", "cpu",
    ]  # fmt: skip
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = start("distill", *settings, "--out", whole)
    output, _ = process.communicate()
    assert process.returncode == 0, output

    draw = random.Random(0)
    for kill in range(KILLS):
        begun = (killed / "settings.json").exists()
        words = ["--resume", killed] if begun else [*settings, "--out", killed]
        process = start("distill", *words)
        # Wait for this process to get on with it, then strike after a random while; every third
        # time strike at once when the folder comes into being, or while the process starts.
        goal = min(progress(killed) + draw.randrange(1, ROUNDS // KILLS), ROUNDS - 2)
        while kill % 3 and progress(killed) < goal and process.poll() is None:
            time.sleep(0.005)
        while not killed.exists() and process.poll() is None:
            time.sleep(0.001)
        time.sleep(draw.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
        assert process.returncode == -signal.SIGKILL, output
    process = start("distill", "--resume", killed)
    output, _ = process.communicate()
    assert process.returncode == 0, output

    for name in ("student.safetensors", "source.safetensors"):
        ours, theirs = load_file(killed / name), load_file(whole / name)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours), name
    rows = [RunFolder(folder).metrics() for folder in (killed, whole)]
    assert len(rows[0]) == ROUNDS
    for ours, theirs in zip(*rows, strict=True):
        assert {**ours, **TIMES} == {**theirs, **TIMES}


def test_a_training_killed_in_the_middle_of_epochs(tmp_path):
    """Within the first epoch, where no row tells of it yet, and in a later one."""
    settings = [
        "wrn-10-1", "--data", "digits", "--epochs", 3, "--batch-size", 32, "--padding", 1,
        "--save-seconds", 0.01, "--evaluate-every", 1, "--precision", "32", "--device", "cpu",
    ]  # fmt: skip
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert zskt("train", *settings, "--out", whole) == 0
    folder, steps = RunFolder(killed), [0]
    for epoch in (0, 1):
        words = ["--resume", killed] if epoch else [*settings, "--out", killed]
        process = start("train", *words)
        while process.poll() is None:
            time.sleep(0.02)
            state = folder.state()
            if state is not None and state["step"] > steps[-1] and len(folder.metrics()) >= epoch:
                break
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
        assert process.returncode == -signal.SIGKILL, output
        steps.append(folder.state()["step"])
    assert zskt("train", "--resume", killed) == 0
    assert steps == sorted(set(steps))
    assert (killed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    rows = [
        [{**row, "seconds": 0} for row in RunFolder(each).metrics()] for each in (killed, whole)
    ]
    assert rows[0] == rows[1]
    assert [row["epoch"] for row in rows[0]] == [1, 2, 3]
