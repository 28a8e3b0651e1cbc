"""The command that installs what is missing, for every way in which zskt may be installed."""

import json
import sys
from importlib import metadata

import pytest

from zskt import extras

PACKAGES = "'onnx>=1.17' 'onnx2pytorch>=0.6' 'onnxruntime>=1.20' 'onnxscript>=0.5'"


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    folder = tmp_path / "project" / ".venv"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(folder))
    monkeypatch.setattr(sys, "executable", "/venv/bin/python")
    return folder


def with_pip(monkeypatch, there):
    monkeypatch.setattr(extras, "find_spec", lambda name: object() if there else None)


def test_in_a_clone(prefix, monkeypatch):
    told = {"url": prefix.parent.as_uri(), "dir_info": {"editable": True}}
    monkeypatch.setattr(
        metadata.Distribution, "read_text", lambda self, name: json.dumps(told), raising=False
    )
    monkeypatch.setattr(metadata.PathDistribution, "read_text", lambda *_: json.dumps(told))
    assert extras.install_command("onnx") == "uv sync --extra onnx"


def test_in_a_project_of_uv(prefix):
    (prefix.parent / "uv.lock").write_text("")
    assert extras.install_command("onnx") == "uv add 'zskt[onnx]'"


def test_by_pip(prefix, monkeypatch):
    with_pip(monkeypatch, True)
    assert extras.install_command("onnx") == f"/venv/bin/python -m pip install {PACKAGES}"


def test_by_uv_tool_and_in_a_bare_environment_of_uv(prefix, monkeypatch):
    with_pip(monkeypatch, False)
    (prefix / "uv-receipt.toml").write_text("")
    command = f"uv pip install --python /venv/bin/python {PACKAGES}"
    assert extras.install_command("onnx") == command


def test_by_pipx(prefix):
    (prefix / "pipx_metadata.json").write_text("{}")
    assert extras.install_command("onnx") == f"pipx inject zskt {PACKAGES}"


@pytest.mark.parametrize("extra", ["tensorboard", "onnx", "hf", "wandb", "mlflow"])
def test_every_extra_that_is_named_is_one(extra):
    assert extras.packages_of(extra)
    assert str(extras.needs_extra("They", extra)).startswith("They need an extra; run: ")
