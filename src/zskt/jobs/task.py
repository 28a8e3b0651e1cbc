"""What one distillation is asked to do, by its arguments or by the folder of the run it goes on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zskt.distillation.places import started_by_torchrun
from zskt.distillation.run import Run
from zskt.distillation.session import Method
from zskt.errors import UserError
from zskt.jobs.loading import (
    IN_MEMORY,
    check_code,
    data_dir_of_run,
    data_of_run,
    name_of,
    options_beside,
    teacher_of_run,
    whole_settings,
)
from zskt.methods import method_class, method_name
from zskt.networks.arguments import check_arguments
from zskt.networks.factory import parsed
from zskt.runs.folder import RunFolder
from zskt.teachers.options import TeacherOptions, Words

EARLIER: dict[str, dict[str, Any]] = {"replay": {"label_uses": 1}}
"""Settings of methods that earlier runs lack, as they were then."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What one distillation is asked to do."""

    teacher: Any
    options: TeacherOptions
    student: Any
    student_arg: Words
    init: Path | None
    out: Path | None
    method: Method
    run: Run
    data: Any
    data_dir: Path
    digest: str | None = None
    """Of the teacher's file, if it has to be a certain one."""
    resumed: bool = False
    log_to: tuple[str, ...] = ()
    """Who gets the metrics, besides the folder."""
    download: bool = True
    """Whether public data may be downloaded to `data_dir`."""
    length_given: bool = True
    """Whether the length was asked for: if not, a new run may be shortened, and one that is gone on
    with keeps its own."""
    as_recorded: Mapping[str, Any] = field(default_factory=dict)
    """What the settings of a run that is gone on with say of what is given by its place now."""

    def settings(self) -> dict[str, Any]:
        """The part of a run's settings that is neither the method's nor the run's."""
        return {
            "teacher": name_of(self.teacher),
            "teacher_options": self.options.plain(),
            "student": name_of(self.student),
            "student_arguments": parsed(self.student_arg),
            "student_init": str(self.init.resolve()) if self.init else None,
            "method": method_name(self.method),
            "data": name_of(self.data),
            **self.as_recorded,
        }


def task_of_run(
    path: Path, run: Run, teacher: Any, student: Any, data: Any, data_dir: Path, allow_code: bool
) -> Task:
    """What a run folder was started with.

    Raises:
        UserError: if it holds no distillation, or its settings name what is not allowed.
    """
    settings = RunFolder(path).settings()
    if settings.get("command_name") != "distill":
        raise UserError(f"{path} was not made by zskt distill; start it anew")
    with whole_settings(path):
        return _task(path, settings, run, teacher, student, data, data_dir, allow_code)


def _check_kinds(settings: dict[str, Any]) -> None:
    """Raise a `TypeError` for what is no number or no text and must be one."""
    numbers = {**settings["run"], "device": None, "precision": None}
    if not all(isinstance(value, int | float | None) for value in numbers.values()):
        raise TypeError(numbers)
    for name in ("data", "data_path", "teacher"):
        if not isinstance(settings.get(name), str | None):
            raise TypeError(settings[name])


def _check_there(role: str, path: Path, settings: dict[str, Any], name: str) -> None:
    """Raise a `UserError` for a network in memory that no file and no name brings back."""
    if role not in settings.get("in_memory", ()):
        return
    of_own_class = re.fullmatch(r"[A-Z]\w*", name) and not Path(name).exists()
    if of_own_class or name.startswith(IN_MEMORY):
        raise UserError(f"the {role} of {path} was in memory; give `{role}` again, from Python")


def _task(
    path: Path,
    settings: dict[str, Any],
    run: Run,
    teacher: Any,
    student: Any,
    data: Any,
    data_dir: Path,
    allow_code: bool,
) -> Task:
    options = options_beside(teacher, settings, allow_code=allow_code)
    as_recorded = {"data": settings["data"], "student_init": settings.get("student_init")}
    if data is None:
        data = data_of_run(path, settings)
    elif "data" not in settings.get("in_memory", ()):
        raise UserError(f"{path} has its own `data`, or none; leave it out")
    if teacher is None:
        _check_there("teacher", path, settings, settings["teacher_path"])
        teacher, options = teacher_of_run(settings, allow_code=allow_code)
        as_recorded["teacher"] = settings["teacher"]
    arguments = settings["student_arguments"]
    if student is None:
        student = settings["student"]
        _check_there("student", path, settings, student)
        check_code(student, allow_code=allow_code)
        if not allow_code:
            check_arguments(path, arguments)
    # Before its first checkpoint a run starts again from what it was started with.
    init = None if RunFolder(path).checkpoint_file.exists() else settings["student_init"]
    _check_kinds(settings)
    own = Run(**settings["run"])
    # What torchrun started counts for more than what the run had before.
    devices, nodes = started_by_torchrun() or (own.devices, own.nodes)
    place, download = data_dir_of_run(settings, data_dir)
    method = method_class(settings["method"])
    of_method = {**EARLIER.get(settings["method"], {}), **settings["method_settings"]}
    check_kinds(of_method, method())
    if run.has_length:
        own = replace(own, rounds=run.rounds, minutes=run.minutes)
    return Task(
        teacher=teacher, options=options, student=student,
        student_arg=tuple(f"{name}={value!r}" for name, value in arguments.items()),
        init=Path(init) if init else None, out=path, method=method(**of_method),
        run=replace(
            own, until=run.until, device=run.device, devices=run.devices or devices,
            nodes=run.nodes or nodes, micro_batch=run.micro_batch or own.micro_batch,
        ),
        data=data, data_dir=place, download=download, digest=settings["teacher_sha256"],
        resumed=True, length_given=run.has_length, as_recorded=as_recorded,
    )  # fmt: skip


def check_kinds(settings: dict[str, Any], like: object) -> None:
    """Raise a `TypeError` unless the settings are of the kinds of a method's own."""
    kinds = {bool: (bool,), int: (int,), float: (int, float), str: (str,)}
    for name, value in settings.items():
        kind = type(getattr(like, name, None))
        if kind in kinds and type(value) not in kinds[kind]:
            raise TypeError(f"{name} is {value}")
