"""The documentation is true: code runs, commands parse, tables are the results', links lead.

And the sources keep the sizes that CONTRIBUTING promises.
"""

import ast
import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch
from cyclopts import CycloptsError

from zskt import Run, TeacherOptions, UserError, distill
from zskt.cli.app import COMMANDS, make_app
from zskt.cli.examples import EXAMPLES
from zskt.experiments import published

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "zskt"
SOURCES = sorted(SOURCE.rglob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.py"))
sys.path.insert(0, str(ROOT / "docs"))

from tables import PAGES, PUBLISHED, TABLE, filled  # noqa: E402

# The changelog names options without what belongs to them.
PRINTING = [page for page in PAGES if page.name != "CHANGELOG.md"]
FENCED = re.compile(r"^ *```.*?\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:uv run )?(?:zskt [^`]*\s-|python benchmarks/[a-z])[^`]*)`")
PROGRAM = r"(?:(zskt)|python benchmarks/([a-z_]+)\.py)"
COMMAND = re.compile(rf"\s*(?:\$ )?(?:uv run )?{PROGRAM}(?:\s+(.*))?$")


def commands_of(text: str) -> list[tuple[str, list[str]]]:
    """What a page prints as commands: `zskt` or a benchmark's name, and the words after it."""
    blocks = [re.sub(r"\\\n\s*", "", block) for block in FENCED.findall(text)]
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [found.replace("\n", " ") for found in INLINE.findall(FENCED.sub("", text))]
    found = [match for line in lines if (match := COMMAND.match(line))]
    return [(each[1] or each[2], shlex.split(each[3] or "", comments=True)) for each in found]


def complaint(program: str, words: list[str]) -> str | None:
    """What a command line has against words; None if it takes them. Nothing is run."""
    if program != "zskt":
        try:
            importlib.import_module(program).arguments(words)
        except SystemExit:
            return "its parser says no"
        return None
    # A method's settings are options: the placeholder stands for any. So does a shell's variable.
    words = ["zskt" if word == "NAME" else "1" if word[:1] == "$" else word for word in words]
    try:
        make_app(words).parse_args(words, exit_on_error=False, print_error=False)
    except (CycloptsError, UserError) as error:
        return " ".join(str(error).split())
    return None


def complaints(commands: list[tuple[str, list[str]]]) -> list[str]:
    """The same of many, one line each."""
    found = [(program, words, complaint(program, words)) for program, words in commands]
    return [f"{program} {shlex.join(words)}: {wrong}" for program, words, wrong in found if wrong]


@pytest.mark.parametrize("page", PRINTING, ids=lambda page: page.name)
def test_printed_commands_are_ones(page):
    wrong = complaints(commands_of(page.read_text()))
    assert not wrong, "\n".join([str(page), *wrong])


@pytest.mark.parametrize("file", BENCHMARKS, ids=lambda file: file.name)
def test_benchmarks_tell_how_to_run_them(file):
    text = ast.get_docstring(ast.parse(file.read_text())) or ""
    commands = commands_of(f"```\n{text}\n```")
    assert file.stem in [program for program, _ in commands]
    assert not complaints(commands)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_the_help_are_commands(name):
    assert complaint("zskt", [name, *shlex.split(EXAMPLES[name])]) is None


def test_wrong_commands_are_found():
    text = """
```
zskt distill --teacher T --student wrn-16-1 \\
    --rouns 3 --out RUN
uv run zskt list   # what there is
```
1. And in a list, and in backticks: `zskt export RUN --out FILE
   --half 16`, `zskt verdict RUN --images three`, `zskt anything`, `--no-command`.

   ```
   zskt train lenet --data digits --out RUN
   uv run python benchmarks/cycle.py --pears 3
   uv run python benchmarks/cycle.py --pairs-of-rounds 3
   ```
"""
    found = commands_of(text)
    assert [" ".join([program, *words[:2]]) for program, words in found] == [
        "zskt distill --teacher", "zskt list", "zskt train lenet", "cycle --pears 3",
        "cycle --pairs-of-rounds 3", "zskt export RUN", "zskt verdict RUN",
    ]  # fmt: skip
    taken = [complaint(*each) is None for each in found]
    assert taken == [False, True, True, False, True, False, False]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_those_of_the_results_and_of_the_paper(page):
    text = page.read_text()
    assert filled(text) == text, "run: uv run python docs/tables.py"


def test_published_numbers_stand_in_generated_tables_alone():
    numbers = {f"{100 * share:.4g}" for share in shares_of(vars(published))}
    numbers = {number for number in numbers if "." in number} | {"frog 949", "bird 998"}
    assert {"83.69", "82.44", "94.06", "84.26", "96.83", "91.04"} <= numbers
    for page in PRINTING:
        prose = TABLE.sub("", page.read_text())
        assert not [each for each in numbers if re.search(rf"(?<![\d.]){each}(?!\d)", prose)], page
    shown = "".join(page.read_text() for page in PRINTING)
    assert all(f"<!-- published {name} -->" in shown for name in PUBLISHED)


def shares_of(value: object) -> list[float]:
    """Every share among numbers in dictionaries, however deep."""
    if isinstance(value, dict):
        return [share for each in value.values() for share in shares_of(each)]
    return [value] if isinstance(value, float) else []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_links_within_pages_lead_to_headings():
    headings = {page.resolve(): anchors_of(page.read_text()) for page in PAGES}
    for page in PAGES:
        for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", page.read_text()):
            assert anchor in headings[(page.parent / target if target else page).resolve()], anchor


def anchors_of(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readmes_code_runs(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    small = code.replace("minutes=20", "rounds=1, device='cpu'").replace("32, 32", "8, 8")
    assert small.count("rounds=1") == 1
    assert len([line for line in code.splitlines() if line]) <= 12
    monkeypatch.chdir(tmp_path)
    exec(compile(small, "README.md", "exec"), {})
    assert (tmp_path / "runs" / "s" / "student.safetensors").exists()


def test_contributings_method_runs(tmp_path, monkeypatch, teacher, student):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "mine_of_contributing.py").write_text(re.sub(r"^   ", "", code, flags=re.M))
    monkeypatch.syspath_prepend(tmp_path)
    mine = importlib.import_module("mine_of_contributing").Mine(batch_size=4)
    before = student.head.weight.detach().clone()
    options, run = TeacherOptions(input_size=(3, 8, 8)), Run(rounds=2, device="cpu")
    result = distill(teacher, student, options=options, method=mine, run=run, progress=False)
    assert result.history[-1]["round"] == 2
    assert not torch.equal(student.head.weight, before)


def test_every_command_is_shown():
    pages = (ROOT / "README.md", ROOT / "docs" / "reproduce.md")
    text = "".join(page.read_text() for page in pages)
    for name in COMMANDS:
        assert f"zskt {name}" in text


def test_the_reading_path_is_short():
    files = [ROOT / "README.md", SOURCE / "methods" / "zskt.py"]
    files += [SOURCE / "distillation" / name for name in ("session.py", "loop.py")]
    files += [SOURCE / "cli" / "app.py"]
    assert sum(len(file.read_text().splitlines()) for file in files) <= 805


def test_files_are_short():
    lines = {str(file): len(file.read_text().splitlines()) for file in SOURCES}
    assert not {name: count for name, count in lines.items() if count > 250}


def test_functions_are_short():
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    lengths = {
        f"{file.relative_to(SOURCE)}:{node.lineno} {node.name}": body_lines(node)
        for file in SOURCES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, kinds)
    }
    assert not {name: count for name, count in lengths.items() if count > 40}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's statements, without its signature, docstring and own imports.

    A function imports what is heavy, so that the command line need not; elsewhere such lines would
    stand at the top of the file.
    """
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    imports = [each for each in body if isinstance(each, ast.Import | ast.ImportFrom)]
    if len(imports) == len(body):
        return 0
    groups = 0
    for before, each in zip([None, *body], body, strict=False):
        groups += each in imports and before not in imports
    taken = sum(each.end_lineno - each.lineno + 1 for each in imports)
    # A blank line ends each group of them.
    return body[-1].end_lineno - body[0].lineno + 1 - taken - groups


def test_nothing_is_pickled():
    for file in SOURCES:
        text = file.read_text()
        assert not re.search(r"torch\.save\(|import pickle", text), file
        # A state dict of somebody else's, whose code is not run.
        assert text.count("torch.load(") == text.count(", weights_only=True)"), file
