"""Metrics for Weights & Biases and MLflow, which stand-ins play: both are heavy to install."""

import json
import sys
from types import SimpleNamespace

import pytest
import torch

import zskt
from players import zskt as command
from zskt.distillation import loop
from zskt.errors import DivergedError
from zskt.model_file import Card, write_network
from zskt.networks import create

SIZE = (3, 8, 8)


@pytest.fixture
def words(tmp_path):
    torch.manual_seed(0)
    file = tmp_path / "t.safetensors"
    card = Card(architecture="resnet-8", input_size=SIZE, classes=3)
    write_network(file, create("resnet-8", classes=3, input_size=SIZE), card)
    return (
        "distill", "--teacher", file, "--student", "resnet-8", "--method", "noise", "--rounds", 2,
        "--batch-size", 4, "--student-steps", 1, "--record-every", 1, "--device", "cpu",
        "--no-progress",
    )  # fmt: skip


@pytest.fixture
def wandb(monkeypatch):
    kept = SimpleNamespace(rows=[], ended=0)

    def init(**how):
        kept.how = how
        return SimpleNamespace(
            log=lambda numbers, step: kept.rows.append((step, dict(numbers))),
            finish=lambda: setattr(kept, "ended", kept.ended + 1),
        )

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    return kept


@pytest.fixture
def mlflow(monkeypatch):
    kept = SimpleNamespace(rows=[], ended=0)
    module = SimpleNamespace(
        start_run=lambda run_name: setattr(kept, "name", run_name) or kept,
        log_params=lambda settings: setattr(kept, "settings", settings),
        log_metrics=lambda numbers, step: kept.rows.append((step, dict(numbers))),
        end_run=lambda: setattr(kept, "ended", kept.ended + 1),
        get_tracking_uri=lambda: "http://127.0.0.1:5000",
    )
    monkeypatch.setitem(sys.modules, "mlflow", module)
    return kept


def test_both_get_the_numbers_of_every_row(words, tmp_path, wandb, mlflow):
    assert command(*words, "--out", tmp_path / "run", "--log-to", "wandb", "mlflow") == 0
    rows = [
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    numbers = [
        (row["round"], {name: each for name, each in row.items()
                        if name != "round" and not isinstance(each, list)})
        for row in rows
    ]  # fmt: skip
    assert [step for step, _ in numbers] == [1, 2]
    assert wandb.rows == mlflow.rows == numbers
    assert wandb.how["name"] == mlflow.name == "run"
    assert wandb.how["config"]["method"] == mlflow.settings["method"] == "noise"
    assert wandb.ended == mlflow.ended == 1
    # A run folder sends nothing by itself.
    assert "log_to" not in (tmp_path / "run" / "run.toml").read_text()
    assert "log_to" not in (tmp_path / "run" / "settings.json").read_text().replace("--log-to", "")


def test_a_run_that_goes_back_begins_another_there(words, tmp_path, wandb, mlflow, monkeypatch):
    # Rows of rounds that it has heard of are lost on Weights & Biases.
    checked, numbers = loop.check_finite, []

    def breaking(number, *of_round, weights):
        numbers.append(number)
        if numbers == [1, 2]:
            raise DivergedError("it broke")
        checked(number, *of_round, weights=weights)

    monkeypatch.setattr(loop, "check_finite", breaking)
    out = tmp_path / "run"
    assert command(*words, "--save-seconds", 1e-9, "--out", out, "--log-to", "wandb", "mlflow") == 0
    assert [step for step, _ in wandb.rows] == [1, 2]
    assert wandb.ended == mlflow.ended == 2


def failing(fails):
    """Either library, when nothing answers."""
    return SimpleNamespace(
        init=fails, start_run=fails, get_tracking_uri=lambda: "http://127.0.0.1:5000"
    )


@pytest.mark.parametrize("whole", [True, False])
def test_mlflows_client_alone_needs_a_server(words, tmp_path, monkeypatch, capsys, mlflow, whole):
    """The extra is the client; its default place is a database, which the whole package has."""
    sys.modules["mlflow"].get_tracking_uri = lambda: "sqlite:///mlflow.db"
    monkeypatch.setattr("zskt.runs.mlflow_board.find_spec", lambda name: whole or None)
    code = command(*words, "--out", tmp_path / "run", "--log-to", "mlflow")
    assert code == (0 if whole else 2)
    if not whole:
        assert "set MLFLOW_TRACKING_URI" in capsys.readouterr().err
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_what_is_missing_or_fails_is_one_sentence(words, tmp_path, monkeypatch, capsys, name):
    def fails(**_):
        raise ConnectionError("no way there\nand more")

    out = ("--out", tmp_path / "run", "--log-to", name)
    monkeypatch.setitem(sys.modules, name, None)
    assert command(*words, *out) == 2
    assert "need an extra; run: " in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    monkeypatch.setitem(sys.modules, name, failing(fails))
    assert command(*words, *out) == 2
    told = capsys.readouterr().err
    assert "takes no metrics: ConnectionError: no way there" in told
    assert "--resume" in told
    assert told.count("\n") == 1
    assert command("distill", "--resume", tmp_path / "run") == 0


def test_wrong_names_and_no_folder(words, tmp_path, capsys):
    assert command(*words, "--out", tmp_path / "run", "--log-to", "comet") == 2
    assert 'Choose from: "wandb", "mlflow"' in capsys.readouterr().err
    with pytest.raises(zskt.UserError, match="give `out`"):
        zskt.distill("t", "resnet-8", log_to=("wandb",))
