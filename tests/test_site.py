"""The site of the documentation: nothing is missing in it, and its notebooks run.

That its links lead somewhere is checked when it is built: `.ci/run`.
"""

import importlib.util
import re
from pathlib import Path

import matplotlib
import pytest
import yaml

import zskt
from zskt.cli.app import COMMANDS
from zskt.methods import METHODS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.py"))
SHORT = {
    "quick-start.py": 'ROUNDS, OUT = 2, Path("quick")',
    "your-own-model.py": "EPOCHS, ROUNDS = 1, 2",
}
"""Settings with which a notebook takes a moment."""


def loaded(name):
    """A script of the documentation, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def site():
    """The hooks of the site."""
    return loaded("pages")


def named_in(nav):
    """Every page of a navigation, however deep."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in named_in(part)]


def test_every_page_is_in_the_navigation_once():
    nav = named_in(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    files = [*DOCS.rglob("*.md"), *NOTEBOOKS, *(ROOT / name for name in site().ROOT_PAGES)]
    assert sorted(nav) == sorted(site().place(file) for file in files), "tell `nav` in mkdocs.yml"


def test_every_public_name_is_in_the_reference_once():
    told = re.findall(r"^::: zskt\.(\w+)$", (DOCS / "reference/api.md").read_text(), re.MULTILINE)
    assert sorted(told) == zskt.__all__, "tell it in docs/reference/api.md"


def test_every_command_option_and_method_is_in_the_reference():
    text = site().command_line()
    assert re.findall(r"^## zskt (\S+)$", text, re.MULTILINE) == list(COMMANDS)
    assert re.findall(r"^### --method (\S+)$", text, re.MULTILINE) == list(METHODS)
    assert "`--generator-steps INT`" in text  # of a method
    assert "zskt export runs/student --out student.onnx --int8" in text  # an example
    assert "None." not in text
    assert "empty-" not in text


def test_links_lead_to_the_places_in_the_site():
    pages = site()
    page = type("Page", (), {"file": type("File", (), {"src_uri": "methods/zskt.md"})})
    text = (
        "[a](../../src/zskt/methods/zskt.py) [b](../verdict.md#the-rule) [c](https://a.b/c) [d](e)"
    )
    assert pages.on_page_markdown(text, page, None, None) == (
        "[a](../repository/src/zskt/methods/zskt.py.md) [b](../verdict.md#the-rule) "
        "[c](https://a.b/c) [d](e)"
    )
    page.file.src_uri = "repository/CONTRIBUTING.md"
    text = "[a](docs/architecture.md) [b](README.md) [c](docs/notebooks/quick-start.py)"
    assert pages.on_page_markdown(text, page, None, None) == (
        "[a](../architecture.md) [b](../index.md) [c](../notebooks/quick-start.md)"
    )


def test_a_page_is_recorded_command_by_command(tmp_path):
    page = tmp_path / "page.md"
    before = "```console\n$ echo 1\nold\n$ echo \\\n  2\n```\n$ no\n```console\n$ echo 3\n```\n"
    page.write_text(before)
    loaded("record").record(page, tmp_path, missing_only=True)
    assert page.read_text() == before.replace("  2\n", "  2\n2\n").replace("3\n", "3\n3\n")
    loaded("record").record(page, tmp_path, missing_only=False)
    assert "$ echo 1\n1\n$" in page.read_text()


def test_a_notebook_is_a_page():
    text = site().notebook(NOTEBOOKS[0])
    assert text.startswith("# Quick start\n")
    assert "```python\nstudent = zskt.load(" in text
    assert "# %%" not in text


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.name)
def test_notebooks_run(file, tmp_path, monkeypatch, capsys):
    text = file.read_text()
    name, _, _ = SHORT[file.name].partition(" = ")
    short = re.sub(rf"^{name} = .*$", SHORT[file.name], text, flags=re.MULTILINE)
    assert short != text
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    exec(compile(short, str(file), "exec"), {})
    matplotlib.pyplot.close("all")
    assert re.search(r"\d weights|% of \d+ real scans", capsys.readouterr().out)
