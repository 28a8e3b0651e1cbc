"""The `run.toml` of a run folder: the run's settings as a file that `zskt distill` takes again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zskt.files import write_atomically

RUN_FILE = "run.toml"
HEAD = f"""\
# Do this run again: zskt distill {RUN_FILE} --out NEW
# A line is an option of zskt distill; one on the command line wins over it.
"""


def write_run_file(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write it beside the settings of a distillation, if it says something else."""
    if "method_settings" in settings:
        file, text = folder / RUN_FILE, run_file_text(settings)
        if not file.is_file() or file.read_text(errors="replace") != text:
            write_atomically(file, text)


def run_file_text(settings: Mapping[str, Any]) -> str:
    """A run file as text, from the settings of a distillation.

    What Python gave as a network in memory has no name: it stands as a comment, to be given anew.
    """
    options = settings["teacher_options"]
    in_memory = settings.get("in_memory", ())
    named = {
        "teacher": settings["teacher_path"],
        "student": settings["student"],
        "data": settings.get("data_path", settings["data"]),
    }
    lines = [HEAD.rstrip(), f"# The teacher's SHA-256 was {settings['teacher_sha256']}."]
    for role, told in zip(named, _lines(named), strict=False):
        lines.append(f"# {told} was in memory: name another" if role in in_memory else told)
    # Of a network in memory nobody knows what it was made with.
    lines += _lines({} if "teacher" in in_memory else options)
    arguments = settings["student_arguments"].items()
    lines += _lines({
        "student_arg": [f"{name}={value!r}" for name, value in arguments],
        "student_init": settings["student_init"],
    })  # fmt: skip
    # Where a run was to stop for a while is no part of what it is.
    run = {name: value for name, value in settings["run"].items() if name != "until"}
    lines += ["", "# The run", *_lines(run)]
    lines += ["", "# The method", *_lines({"method": settings["method"]})]
    lines += _lines(settings["method_settings"])
    return "\n".join(lines) + "\n"


def _lines(values: Mapping[str, Any]) -> list[str]:
    """A line for each value; TOML has no null, and what is None or empty is so by default."""
    return [
        f"{name} = {_value(value)}"
        for name, value in values.items()
        if value is not None and value not in ((), [])
    ]


def _value(value: Any) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
    # JSON's strings are TOML's, but for one sign; no file holds half a sign.
    text = str(value).encode("utf-8", "replace").decode()
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
