"""`zskt distill run.toml`: what a file says stands where the command line says nothing."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zskt.jobs.run_file import checked, hints_of
from zskt.teachers.options import TeacherOptions

Overlay = Callable[[Any, Any, Any], None]
LENGTHS = ("rounds", "minutes")


def file_in(words: Sequence[str]) -> Path | None:
    """The run file that stands first after the command, if one does."""
    return Path(words[1]) if len(words) > 1 and words[1].endswith(".toml") else None


def said_by(file: Path | None, words: Sequence[str]) -> dict[str, Any]:
    """What a run file says, checked; nothing of one that is not there, which its command tells."""
    if file is None or not file.exists():
        return {}
    return checked(file, allow_code="--allow-code" in words)


def overlay(file: Path, said: Mapping[str, Any]) -> Overlay:
    """What fills in the options that the command line leaves out.

    Whoever names another teacher, student or method says what belongs to it, too; and a length
    takes the place of a length.
    """

    def fill(app: Any, commands: Any, arguments: Any) -> None:
        from cyclopts.config import Dict

        given = {
            (argument.keys or (argument.field_info.name,))[-1]
            for argument in arguments
            if argument.tokens
        }
        left = {name: value for name, value in said.items() if name not in given}
        gone = set(LENGTHS) if given & set(LENGTHS) else set()
        if "teacher" in given:
            gone |= set(hints_of(TeacherOptions))
        if "student" in given:
            gone |= {"student_arg", "student_init"}
        kept = {name: value for name, value in left.items() if name not in gone}
        source = Dict(kept, source=str(file), use_commands_as_keys=False, allow_unknown=True)
        source(app, commands, arguments)

    return fill
