"""`zskt inspect`: what a teacher is and whether it can teach."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from zskt.commands.table import print_table
from zskt.commands.teacher_options import TeacherOptions
from zskt.errors import UserError
from zskt.files import write_atomically
from zskt.teachers.inspection import Findings, inspect_teacher

STUDENTS = ("wrn-16-1", "resnet-20", "lenet")


def inspect_command(
    teacher: str,
    *,
    options: Annotated[TeacherOptions, Parameter(name="*")] = TeacherOptions(),
    student: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = STUDENTS,
    results: Path | None = None,
) -> None:
    """Tell what a teacher is, whether it can teach, and what is advised.

    Args:
        teacher: whatever `zskt distill` takes.
        options: what the teacher does not tell.
        student: networks to look for common stages with, for attention transfer.
        results: a file for the findings as JSON.
    """
    taught = options.load(teacher)
    found = inspect_teacher(taught, student)
    card = taught.card
    facts = {
        "images": "x".join(map(str, card.input_size)) + " (channels, height, width)",
        "classes": f"{card.classes:,}",
        "returns": taught.output,
        "normalisation": f"mean {card.mean}, std {card.std}" if card.mean else "not known",
        "architecture": card.architecture or "not one of ours by name",
        "parameters": f"{found.parameters:,}",
        "multiply-accumulates": f"{found.macs:,} for one image",
        "normalisation layers": _counted(found) or "none",
        "gradient": f"{found.gradient:.3g} at most, {found.gradient_error:.2%} from finite "
        "differences",
        **{
            f"attention with {name}": ", ".join(taps) or "none" for name, taps in found.taps.items()
        },
        "sha256": taught.digest,
    }
    print_table([{"what": what, "found": fact} for what, fact in facts.items()])
    for note in found.notes:
        print(f"note: {note}")
    if results is not None:
        write_atomically(results, json.dumps({"facts": facts, **asdict(found)}, indent=2) + "\n")
    if found.problems:
        raise UserError(f"{teacher} cannot teach: {' '.join(found.problems)}")
    print(f"It can teach: zskt distill --teacher {teacher} --student {_advised(found)} --out RUN")


def _counted(found: Findings) -> str:
    return ", ".join(f"{count} {kind} norm" for kind, count in found.norms.items())


def _advised(found: Findings) -> str:
    """The first student that shares stages, or one that needs none."""
    shared = [name for name, taps in found.taps.items() if taps]
    return shared[0] if shared else "wrn-16-1 --attention 0"
