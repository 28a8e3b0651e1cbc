"""What goes to the hub, and what does not; the hub itself is played by a stand-in."""

import json
from pathlib import Path

import huggingface_hub
import pytest
import torch

import zskt
from players import zskt as command
from zskt.model_file import Card, write_network
from zskt.networks import create

SIZE = (3, 8, 8)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    torch.manual_seed(0)
    card = Card(architecture="resnet-8", input_size=SIZE, classes=3)
    write_network(folder / "t.safetensors", create("resnet-8", classes=3, input_size=SIZE), card)
    zskt.distill(
        folder / "t.safetensors", "resnet-8", method=zskt.Noise(batch_size=4, student_steps=1),
        run=zskt.Run(rounds=1, device="cpu"), out=folder / "run", progress=False,
    )  # fmt: skip
    return folder / "run"


class Address(str):
    repo_id = "me/student"


class Hub:
    """Stands for `huggingface_hub.HfApi`, and keeps what it is given."""

    calls: dict

    def __init__(self, **_):
        pass

    def create_repo(self, repo, **how):
        Hub.calls["repo"] = (repo, how)
        return Address("https://huggingface.co/me/student")

    def create_branch(self, repo, **how):
        Hub.calls["branch"] = (repo, how)

    def create_commit(self, repo, operations, **how):
        Hub.calls["commit"] = (repo, how["revision"])
        Hub.calls["files"] = {each.path_in_repo: each.path_or_fileobj for each in operations}


@pytest.fixture(autouse=True)
def hub(monkeypatch):
    Hub.calls = {}
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    return Hub


def test_student_card_page_and_settings_go_and_nothing_else(run, capsys):
    assert command("push", run, "student") == 0
    assert "https://huggingface.co/me/student: student.safetensors" in capsys.readouterr().out
    files = Hub.calls["files"]
    assert set(files) == {"student.safetensors", "README.md", "report.html", "settings.json"}
    assert Path(files["student.safetensors"]) == run / "student.safetensors"
    settings = json.loads(files["settings.json"])
    assert settings["method"] == "noise"
    assert settings["teacher"] == "t.safetensors"
    del settings["command"]
    assert str(run.parent) not in json.dumps(settings)
    assert Hub.calls["repo"] == ("student", {"private": None, "exist_ok": True})
    assert Hub.calls["commit"] == ("me/student", None)
    assert "branch" not in Hub.calls


def test_a_private_branch_with_the_checkpoint(run):
    pushed = zskt.push(run, "me/student", private=True, revision="try", checkpoint=True)
    assert "checkpoint/state.safetensors" in pushed.files
    assert Hub.calls["repo"][1]["private"] is True
    assert Hub.calls["branch"] == ("me/student", {"branch": "try", "exist_ok": True})
    assert Hub.calls["commit"] == ("me/student", "try")


def test_a_file_that_leads_elsewhere_is_not_sent(run, tmp_path, capsys):
    for file in run.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "settings.json").unlink()
    (tmp_path / "settings.json").write_bytes((run / "settings.json").read_bytes())
    assert command("push", tmp_path, "student") == 2
    assert "leads elsewhere" in capsys.readouterr().err
    assert Hub.calls == {}


@pytest.mark.parametrize(
    ("sentence", "words"),
    {
        "holds no run": ["nothing", "me/student"],
        "is no name on the hub": ["RUN", "a b"],
        "'../student' is no name": ["RUN", "../student"],
        "'a/b/c' is no name": ["RUN", "a/b/c"],
        "'https://x.y/z' is no name": ["RUN", "https://x.y/z"],
        "requires an argument": ["RUN"],
        "Unknown option: --publc": ["RUN", "a/b", "--publc"],
    }.items(),
)
def test_what_cannot_be_pushed(run, capsys, sentence, words):
    assert command("push", *(run if word == "RUN" else word for word in words)) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


def test_without_the_network_it_is_one_sentence(run, monkeypatch, capsys):
    def fails(*_, **__):
        raise ConnectionError("no way to huggingface.co\nmore of it")

    monkeypatch.setattr(Hub, "create_repo", fails)
    assert command("push", run, "student") == 2
    told = capsys.readouterr().err
    assert "cannot push to student: ConnectionError: no way to huggingface.co" in told
    assert told.count("\n") == 1
