"""The documentation is true: its code runs, its tables are those of the results, its links lead."""

import re
import sys
from pathlib import Path

import pytest

from zskt.cli import COMMANDS

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

from tables import PAGES, filled  # noqa: E402


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_those_of_the_results(page):
    text = page.read_text()
    assert filled(text) == text, "run: uv run python docs/tables.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_readmes_code_runs(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    small = code.replace("rounds=8000", "rounds=1, device='cpu'").replace("32, 32", "8, 8")
    assert small.count("rounds=1") == 1
    assert len([line for line in code.splitlines() if line]) <= 12
    monkeypatch.chdir(tmp_path)
    exec(compile(small, "README.md", "exec"), {})
    assert (tmp_path / "runs" / "s" / "student.safetensors").exists()


def test_every_command_is_shown():
    pages = (ROOT / "README.md", ROOT / "docs" / "reproduce.md")
    text = "".join(page.read_text() for page in pages)
    for name in COMMANDS:
        assert f"zskt {name}" in text


def test_the_reading_path_is_short():
    source = ROOT / "src" / "zskt"
    files = [ROOT / "README.md", source / "methods" / "zskt.py"]
    files += [source / "training" / "distill.py", source / "cli.py"]
    assert sum(len(file.read_text().splitlines()) for file in files) <= 460


def test_nothing_is_pickled():
    for file in (ROOT / "src").rglob("*.py"):
        text = file.read_text()
        assert not re.search(r"torch\.save\(|import pickle", text), file
        # A state dict of somebody else's, whose code is not run.
        assert text.count("torch.load(") == text.count(", weights_only=True)"), file
