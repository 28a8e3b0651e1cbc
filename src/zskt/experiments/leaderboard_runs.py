"""One run of a leaderboard or a sweep: played, gone on with, or read; all on the same terms."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from zskt.devices import resolve
from zskt.distillation.run import Run
from zskt.errors import DivergedError, UserError
from zskt.experiments.store import DIVERGED, FinishedRun
from zskt.files import safe_name, write_atomically
from zskt.jobs.distill import distill
from zskt.jobs.loading import data_of
from zskt.measure.contenders import check_fits, in_classes_of
from zskt.methods import method_class
from zskt.model_file import Card
from zskt.networks import create
from zskt.networks.shrink import shrunk
from zskt.runs.folder import RESULT, RunFolder
from zskt.teachers.inspection import check_teacher
from zskt.teachers.options import TeacherOptions


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is the same for every run of a board."""

    options: TeacherOptions
    run: Run
    """Its device and precision are not `auto`; each run has a seed of its own."""
    data: str | None
    data_dir: Path
    belief_images: int
    progress: bool

    @property
    def length(self) -> str:
        """Of each run, as names of folders tell it."""
        run = self.run
        return f"{run.rounds}rounds" if run.minutes is None else f"{run.minutes:g}min"

    def of_every_run(self) -> dict[str, Any]:
        """What a job takes besides networks, folder and settings."""
        return {"data": self.data, "data_dir": self.data_dir, "progress": self.progress}


Changes = tuple[tuple[str, Any], ...]
"""Settings of a method that differ from its defaults."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One run: a method on a teacher with a student and a seed."""

    teacher: str | Path
    """Where it comes from."""
    stem: str
    """What it is called."""
    digest: str
    asked: str
    """The student as it was asked for, as in `shrink:0.5`."""
    student: str
    """The network's name."""
    method: str
    changes: Changes = ()
    seed: int
    folder: Path

    @property
    def settings(self) -> Any:
        """The method with its settings."""
        return replace(method_class(self.method)(), **dict(self.changes))


def entries_of(
    teachers: Mapping[str, Any], students: Sequence[str], methods: Sequence[tuple[str, Changes]],
    seeds: Sequence[int], terms: Terms, runs: Path,
) -> list[Entry]:  # fmt: skip
    """Every run, one seed of all methods after the other.

    Raises:
        UserError: if teachers, students and data do not fit each other, or a run on other terms
            lies where one of these is to lie.
    """
    images = None if terms.data is None else data_of(terms.data, terms.data_dir)
    digests, names = dict[str, str](), dict[tuple[str, str], str]()
    for stem, source in teachers.items():
        teacher = terms.options.load(source)
        check_teacher(teacher, resolve(terms.run.device).device)
        if images is not None:
            check_fits(in_classes_of(images, teacher.card).test, teacher.card)
            teacher.card.known_normalisation()
        digests[stem] = teacher.digest
        names |= {(stem, student): _student(student, teacher.card) for student in students}
    entries = [
        Entry(
            teacher=source, stem=stem, digest=digests[stem], asked=student,
            student=names[stem, student], method=method, changes=changes, seed=seed,
            folder=runs / _folder(stem, student, terms.length, method, changes, seed),
        )
        for seed in seeds
        for stem, source in teachers.items()
        for student in students
        for method, changes in methods
    ]  # fmt: skip
    if len({entry.folder for entry in entries}) < len(entries):
        raise UserError("two runs would have one folder; rename a teacher, or ask for less at once")
    for entry in entries:
        _check_same(entry, terms)
    return entries


def _folder(stem: str, student: str, length: str, method: str, changes: Changes, seed: int) -> str:
    """The name of a run's folder: whatever sets it apart."""
    changed = "".join(f"-{name.replace('_', '-')}-{value}" for name, value in changes)
    # 1e+30 and 1e-30 are two.
    changed = changed.replace("+", "")
    return safe_name(f"{stem}-{student}-{length}-{method}{changed}-seed-{seed}")


def finished(entry: Entry, terms: Terms) -> FinishedRun | None:
    """A run that needs no playing: it has its result, or it diverged."""
    path = entry.folder
    if (path / DIVERGED).is_file():
        return FinishedRun(path, {}, 0.0, json.loads((path / DIVERGED).read_text())["error"])
    if (path / RESULT).is_file():
        result = json.loads((path / RESULT).read_text())
        row = result["rows"][-1]
        # A run that was asked to stop early leaves a result too.
        if row["round"] >= (terms.run.rounds or 0):
            return FinishedRun(path, row, result["seconds"])
    return None


def made(entry: Entry, terms: Terms) -> FinishedRun:
    """A finished run, played first if need be; one that diverges says so."""
    if (run := finished(entry, terms)) is not None:
        return run
    try:
        _play(entry, terms)
    except DivergedError as error:
        text = json.dumps({"error": str(error)}) + "\n"
        entry.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(entry.folder / DIVERGED, text)
    run = finished(entry, terms)
    assert run is not None, entry.folder
    return run


def _play(entry: Entry, terms: Terms) -> None:
    if RunFolder(entry.folder).checkpoint_file.exists():
        distill(
            entry.teacher, resume=entry.folder, run=Run(device=terms.run.device),
            options=TeacherOptions(allow_code=terms.options.allow_code), data_dir=terms.data_dir,
            progress=terms.progress,
        )  # fmt: skip
        return
    distill(
        entry.teacher, entry.asked, options=terms.options, out=entry.folder,
        method=entry.settings, run=replace(terms.run, seed=entry.seed),
        overwrite=True, **terms.of_every_run(),
    )  # fmt: skip


def _student(name: str, teacher: Card) -> str:
    """The network's name, once it was made for this teacher's images."""
    assert teacher.classes is not None
    make = partial(create, classes=teacher.classes, input_size=teacher.input_size)
    with torch.random.fork_rng(devices=()):
        if name.startswith("shrink:"):
            name = shrunk(teacher.architecture, name, make)
        make(name)
    return name


def _check_same(entry: Entry, terms: Terms) -> None:
    """Runs on other terms must not meet on one board."""
    folder = RunFolder(entry.folder)
    if not (entry.folder / DIVERGED).exists():
        folder.check("distill", overwrite=True)
    if not folder.holds_run:
        return
    asked = {
        "teacher_sha256": entry.digest,
        "teacher_options": terms.options.plain(),
        "student": entry.student,
        "method": entry.method,
        "method_settings": asdict(entry.settings),
        "run": asdict(replace(terms.run, seed=entry.seed)),
        "data": terms.data,
    }
    found, asked = folder.settings(), json.loads(json.dumps(asked))
    # A run of an earlier version lacks settings that came later; it had their defaults.
    found["run"] = {**asdict(Run()), **found.get("run", {})}
    other = [name.replace("_", " ") for name in asked if found.get(name) != asked[name]]
    if other:
        raise UserError(
            f"{entry.folder} holds a run of another {' and '.join(other)}; give another `runs`"
        )
