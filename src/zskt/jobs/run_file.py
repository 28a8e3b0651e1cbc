"""`zskt distill run.toml`: what a file says of a run, which a stranger may have written.

It may say what is distilled and how, with files to read among it. It cannot say where to write,
whom to trust or what to fetch, and it names code only for those who give `allow_code`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from zskt.distillation.run import Run
from zskt.errors import UserError, unknown
from zskt.jobs import arguments as arg
from zskt.methods import DEFAULT, METHODS, method_class
from zskt.teachers.options import TeacherOptions, Words

MOST_BYTES, LONGEST = 100_000, 1000
"""No run file is longer, and no text in it."""
WIDEST = 4096
"""No width or length of noise in a run file is larger: either takes memory at once."""
OWN: dict[str, Any] = {
    "teacher": str, "student": str, "student_arg": Words, "student_init": Path | None,
    "data": str | None, "method": str,
}  # fmt: skip
"""What a run file may say besides the settings of teacher, run and method."""
OF_THE_COMMAND = (
    "out", "resume", "overwrite", "results", "progress", "dry_run", "log_to", "data_dir",
    "allow_code",
)  # fmt: skip
"""What it may not: where to write, what to send and whom to trust."""
PROGRAMS = (".pt", ".pth", ".ts", ".pt2")
"""How teachers' files end that can run code."""


@arg.job
def read_run_file(path: Path, *, allow_code: bool = False) -> dict[str, Any]:
    """What a run file says, as arguments of `zskt.distill`: `zskt.distill(**read, out=...)`.

    Args:
        path: A `run.toml`, as every run folder of `zskt distill` has one.
        allow_code: Whether the file may name code, a teacher to fetch, or arguments of a network
            beyond its shape.

    Returns:
        `teacher`, `student`, `student_arg`, `student_init` and `data` as far as the file says them,
        and `options`, `run` and `method`.

    Raises:
        UserError: if there is no such file, it says what no run file says, or it needs
            `allow_code`.
    """
    return arguments_of(checked(path, allow_code=allow_code))


def checked(path: Path, *, allow_code: bool = False) -> dict[str, Any]:
    """What a run file says, by the names of the options; or a `UserError`."""
    said = _said(path)
    method = said.get("method", DEFAULT)
    if not isinstance(method, str) or method not in METHODS:
        raise unknown(f"method in {path}", _shown(method), METHODS)
    hints = OWN | hints_of(TeacherOptions) | hints_of(Run) | hints_of(method_class(method))
    for name, value in said.items():
        if name in OF_THE_COMMAND:
            raise UserError(f"{path} may not say {name}; give `{name}` beside it")
        if name not in hints:
            raise unknown(f"setting in {path}", _shown(name), hints)
        if not _fits(value, hints[name]):
            raise UserError(f"{path} says {name} = {_shown(value)}; give {_kind(hints[name])}")
        if name.endswith(("width", "noise_size")) and value > WIDEST:
            raise UserError(f"{path} says {name} = {value}; give at most {WIDEST}")
    # Numbers that no run takes are told before anything heavy is imported.
    read = arguments_of(said)
    if not allow_code:
        _check_harmless(path, read)
    return said


def arguments_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """Checked settings as arguments of `zskt.distill`."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in said.items()
    }
    for name in ("weights", "student_init"):
        if name in values:
            values[name] = Path(values[name])
    kinds: dict[str, Any] = {"options": TeacherOptions, "run": Run}
    kinds["method"] = method_class(values.pop("method", DEFAULT))
    groups = {
        group: kind(**{name: values.pop(name) for name in hints_of(kind) if name in values})
        for group, kind in kinds.items()
    }
    return values | groups


def hints_of(kind: Any) -> dict[str, Any]:
    """The type of each setting of a group that a file may have."""
    hints = get_type_hints(kind, include_extras=True)
    return {each.name: hints[each.name] for each in fields(kind) if each.name != "allow_code"}


def _said(path: Path) -> dict[str, Any]:
    """What stands in a file, unchecked."""
    if not path.is_file():
        raise UserError(f"there is no file {path}; check the path")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UserError(f"{path} is too long for a run file; write one anew")
    try:
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        # A line is told as TOML's reader tells it, which shows nothing of the file but a sign.
        raise UserError(f"{path} is no TOML file: {_shown(error)}; write it anew") from error


def _check_harmless(path: Path, read: Mapping[str, Any]) -> None:
    """Raise a `UserError` for what only a trusted file may say."""
    from zskt.jobs.loading import DOWNLOADED, check_code, check_trusted
    from zskt.networks.arguments import check_arguments
    from zskt.networks.factory import parsed

    teacher, options = read.get("teacher", ""), read["options"]
    for name in (teacher, read.get("student", "")):
        check_code(name, allow_code=False)
    if options.weights is None:
        local = teacher.startswith("hf:") and Path(teacher.removeprefix("hf:")).is_dir()
        if teacher.startswith(DOWNLOADED) and not local:
            check_trusted(f"fetches {_shown(teacher)}", allow_code=False)
        if teacher.lower().endswith(PROGRAMS):
            check_trusted(f"has the teacher {_shown(teacher)}, a program", allow_code=False)
    for words in (options.teacher_arg, read.get("student_arg", ())):
        check_arguments(path, parsed(words))


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of TOML is one of a type."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _fits(value, inner[0])
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is Literal:
        return type(value) is str and value in inner
    if origin is tuple:
        kinds = inner[:1] * len(value) if inner[-1] is ... and isinstance(value, list) else inner
        return (
            isinstance(value, list)
            and len(value) == len(kinds)
            and all(map(_fits, value, kinds))
        )  # fmt: skip
    if hint in (str, Path):
        return isinstance(value, str) and value.isprintable() and len(value) <= LONGEST
    return type(value) in ((int, float) if hint is float else (hint,))


def _kind(hint: Any) -> str:
    """A type in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _kind(inner[0])
    if origin in (Union, UnionType):
        return " or ".join(_kind(each) for each in inner if each is not type(None))
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    if origin is tuple:
        return f"a list, each {_kind(inner[0])}"
    words = {int: "a whole number", float: "a number", bool: "true or false"}
    return words.get(hint, "a plain text in quotes")


def _shown(value: Any) -> str:
    """What a stranger wrote, short and without signs that a terminal obeys."""
    return ascii(str(value))[1:-1][:60]
