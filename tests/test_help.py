"""The help and the completion of every command."""

import re
import subprocess
from shutil import which

import pytest

from players import zskt
from zskt.cli.app import COMMANDS, WITH_METHOD, make_app
from zskt.methods import METHODS

LINES = [[name] for name in COMMANDS] + [
    [name, "--method", method] for name in WITH_METHOD for method in METHODS
]


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_only_what_is_on_can_be_turned_off(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    options = make_app(words)[words[0]].assemble_argument_collection(parse_docstring=True)
    on = {
        f"--no-{option.name.removeprefix('--')}"
        for option in options
        if option.hint in (bool, bool | None) and option.field_info.default in (True, None)
    }
    assert zskt(*words, "--help") == 0
    shown = capsys.readouterr().out
    assert set(re.findall(r"--no-[a-z-]+", shown)) == on
    assert "--empty-" not in shown


def test_the_help_shows_what_says_something(capsys):
    assert zskt("train", "--help") == 0
    shown = capsys.readouterr().out
    words = set(re.findall(r"--[a-z-]+", shown))
    assert {"--no-progress", "--no-nesterov", "--flips", "--no-flips", "--half"} <= words
    assert not {"--progress", "--nesterov", "--no-half", "--no-overwrite"} & words


@pytest.mark.parametrize(
    "words", [("list", "--no-help"), ("export", "r", "--out", "x.onnx", "--no-int8")]
)
def test_what_is_off_has_no_twin(words, capsys):
    assert zskt(*words) == 2
    assert "Unknown option" in capsys.readouterr().err


@pytest.mark.skipif(which("bash") is None, reason="completes in bash")
def test_bash_completes_commands_and_options(tmp_path):
    script = tmp_path / "zskt.bash"
    assert zskt("--install-completion", "--shell", "bash", "--output", script) == 0
    tries = {
        ("zskt", "di"): "distill",
        ("zskt", "--ins"): "--install-completion",
        ("zskt", "distill", "--dry"): "--dry-run",
        ("zskt", "distill", "--precision", "b"): "bf16",
        ("zskt", "export", "--i"): "--int8",
        ("zskt", "train", "--no-"): "--no-progress --no-nesterov --no-flips",
    }
    lines = [f"source {script}"]
    for words, _ in tries.items():
        lines += [
            f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; COMPREPLY=()",
            f"_zskt zskt {words[-1]} {words[-2]}",
            'echo "${COMPREPLY[@]}"',
        ]
    done = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    said = [set(line.split()) for line in done.stdout.splitlines()]
    assert said == [set(expected.split()) for expected in tries.values()]


@pytest.mark.parametrize(
    ("sentence", "words"),
    {
        "Choose from": ["--shell", "tcsh"],
        "Is a directory": ["--shell", "bash", "--output", "."],
        "File exists": ["--shell", "bash", "--output", "file/x"],
        "Unused Tokens": ["bash"],
    }.items(),
)
def test_completion_that_cannot_be_installed(tmp_path, monkeypatch, capsys, sentence, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert zskt("--install-completion", *words) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1
