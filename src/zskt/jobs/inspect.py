"""`zskt inspect`: what a teacher is and whether it can teach."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from zskt.devices import resolve
from zskt.jobs import arguments as arg
from zskt.teachers.options import TeacherOptions

if TYPE_CHECKING:
    from zskt.teachers.inspection import Findings
    from zskt.teachers.teacher import Teacher

STUDENTS = ("wrn-16-1", "resnet-20", "lenet")


@dataclass
class Inspection:
    """What a teacher is."""

    teacher: Teacher
    findings: Findings
    options: TeacherOptions
    """What was said of it."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without the network."""
        return {"facts": self.facts, **asdict(self.findings)}

    @property
    def facts(self) -> dict[str, str]:
        """In words."""
        card, findings = self.teacher.card, self.findings
        counted = ", ".join(f"{count} {kind} norm" for kind, count in findings.norms.items())
        sizes = "x".join(map(str, card.input_size))
        return {
            "images": f"{sizes} (channels, height, width)",
            "classes": f"{card.classes:,}",
            "returns": self.teacher.output,
            "normalisation": f"mean {card.mean}, std {card.std}" if card.mean else "not known",
            "architecture": card.architecture or "not one of ours by name",
            "parameters": f"{findings.parameters:,}",
            "multiply-accumulates": f"{findings.macs:,} for one image",
            "normalisation layers": counted or "none",
            "gradient": f"{findings.gradient:.3g} at most, {findings.gradient_error:.2%} from "
            "finite differences",
            **{
                f"attention with {name}": ", ".join(taps) or "none"
                for name, taps in findings.taps.items()
            },
            "sha256": self.teacher.digest,
        }

    @property
    def advised(self) -> str | None:
        """The first student that shares stages with the teacher; None if attention has no place."""
        return next((name for name, taps in self.findings.taps.items() if taps), None)


@arg.job
def inspect(
    teacher: arg.TeacherLike,
    *,
    options: Annotated[TeacherOptions, arg.OfTeacher] = TeacherOptions(),
    student: Annotated[tuple[str, ...], arg.Many] = STUDENTS,
    device: arg.Device = "auto",
    results: arg.Results = None,
) -> Inspection:
    """Tell what a teacher is, whether it can teach, and what is advised.

    Args:
        teacher: Whatever `zskt distill` takes.
        options: What the teacher does not tell.
        student: Networks to look for common stages with, for attention transfer.

    Returns:
        Findings, of which `problems` are reasons not to distil.

    Raises:
        UserError: if the teacher cannot be found, read or understood.
    """
    options.check(teacher)
    where = resolve(device, "32")

    from zskt.files import write_atomically
    from zskt.teachers.inspection import inspect_teacher

    taught = options.load(teacher)
    findings = inspect_teacher(taught, student, where.device)
    inspection = Inspection(taught, findings, options)
    if results is not None:
        write_atomically(results, json.dumps(inspection.to_dict(), indent=2) + "\n")
    return inspection
