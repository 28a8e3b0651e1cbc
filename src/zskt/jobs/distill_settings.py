"""What a distillation's folder keeps of what was asked for."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import nn

from zskt.devices import Where
from zskt.distillation.run import Run
from zskt.jobs.loading import described, name_of, resolved_data, teacher_path
from zskt.jobs.task import Task
from zskt.model_file import parameters
from zskt.teachers.teacher import Teacher


def settings_of(
    task: Task, teacher: Teacher, student: nn.Module, name: str | None, run: Run, where: Where
) -> dict[str, Any]:
    """Everything that was set, for the run folder."""
    task = replace(task, options=task.options.told_by(teacher))
    given = {"teacher": task.teacher, "student": task.student, "data": task.data}
    settings = {
        "teacher_sha256": teacher.digest,
        "teacher_path": teacher_path(teacher, task.options),
        "data_dir": str(task.data_dir.resolve()),
        "data_path": resolved_data(name_of(task.data)),
        "in_memory": [
            role for role, each in given.items() if not isinstance(each, str | Path | None)
        ],
        **task.settings(),
        "student": name or name_of(task.student),
        "student_parameters": parameters(student),
        "method_settings": asdict(task.method),  # ty: ignore
        "run": asdict(run),
        "input_size": teacher.card.input_size,
    }
    return described("distill", settings, where)
