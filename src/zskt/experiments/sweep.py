"""`zskt sweep`: a grid of distillations from a file, each run made once, wherever there is room."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from zskt.devices import resolve
from zskt.distillation.stopping import Stopped
from zskt.experiments.placing import Placing
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result
from zskt.teachers.options import TeacherOptions

if TYPE_CHECKING:
    from zskt.experiments.leaderboard_runs import Entry, Terms
    from zskt.experiments.sweep_spec import SweepSpec

    SpecLike = str | Path | Mapping[str, Any]
else:
    SpecLike = Any


@dataclass
class Swept(Result):
    """What came of a grid."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    """One for each run, in the order of the grid: shares from 0 to 1, counts, seconds; of a run
    that diverged only why."""
    summary: list[dict[str, Any]] = field(default_factory=list)
    """With several seeds, means over them and standard deviations."""
    files: list[Path] = field(default_factory=list)
    """The result as JSON."""
    seconds: float = 0.0


@arg.job
def sweep(  # noqa: D417, as in `zskt.jobs`
    spec: SpecLike,
    *,
    options: Annotated[TeacherOptions, arg.OfTeacher] = TeacherOptions(),
    out: Path | None = None,
    data_dir: arg.DataDir = Path("data"),
    device: arg.Device = "auto",
    precision: arg.Precision = "auto",
    placing: Annotated[Placing, arg.OfPlacing] = Placing(),
    progress: arg.Progress = True,
) -> Swept:
    """Distil every student from every teacher of a grid that a file tells.

    A run that is finished is read, one that was cut short goes on; one that diverged is told, and
    is tried again once its folder is gone. The result is written anew after every run.

    Args:
        spec: A TOML file with the grid: name, teachers, students, methods, seeds, settings, run,
            data. In Python also a dictionary of the same.
        options: What the teachers do not tell, the same for all of them.
        out: Where the runs and the result lie; by default the file's, or runs/sweeps.
        placing: Where the runs are made.

    Raises:
        UserError: for a file with fields that are wrong, missing or unknown, for networks and data
            that do not fit, or a folder of runs that were made on other terms; nothing has run
            then. On Ray also at the end, for runs that failed.
        Stopped: after Ctrl-C; the same call goes on.
    """
    start = time.monotonic()
    from zskt.experiments.leaderboard import stems_of
    from zskt.experiments.leaderboard_runs import Terms, entries_of
    from zskt.experiments.sweep_spec import read

    asked = read(spec)
    check_trust(asked, options)
    stems = stems_of(asked.teachers)
    for teacher in asked.teachers:
        options.check(teacher)
    where = resolve(device, precision)
    placing.check(where.name)
    terms = Terms(
        options=options, run=replace(asked.run, device=where.name, precision=where.precision),
        data=asked.data, data_dir=data_dir, belief_images=asked.belief_images, progress=progress,
    )  # fmt: skip
    place = out or asked.out
    teachers = dict(zip(stems, asked.teachers, strict=True))
    entries = entries_of(
        teachers, asked.students, asked.methods, asked.seeds, terms, place / asked.name
    )
    swept = Swept(files=[place / f"{asked.name}.json"])
    try:
        _make(swept, entries, terms, placing, start)
    except Stopped:
        raise Stopped("stopped with everything saved; give the same command to go on") from None
    swept.seconds = time.monotonic() - start
    return swept


def check_trust(asked: SweepSpec, options: TeacherOptions) -> None:
    """Raise a `UserError` if a file names code or something to fetch, and that is not allowed."""
    from zskt.jobs.loading import DOWNLOADED, check_code, check_trusted

    trusted = options.allow_code
    for name in (*asked.teachers, *asked.students):
        check_code(name, allow_code=trusted)
    for name in asked.teachers:
        local = name.startswith("hf:") and Path(name.removeprefix("hf:")).is_dir()
        if name.startswith(DOWNLOADED) and not (local or options.weights):
            check_trusted(f"fetches {name}", allow_code=trusted)


def _make(
    swept: Swept, entries: Sequence[Entry], terms: Terms, placing: Placing, start: float
) -> None:
    """Make every run; after each the result is written anew."""
    from zskt.experiments.leaderboard_order import judged_in_turn
    from zskt.experiments.leaderboard_rows import row_of, summary_of
    from zskt.experiments.leaderboard_runs import finished

    left = [entry for entry in entries if finished(entry, terms) is None]
    if terms.progress:
        print(f"{len(left)} of {len(entries)} runs are left to make.")
    rows = dict[str, dict[str, Any]]()
    for entry, came in judged_in_turn(entries, left, terms, placing):
        row = {"student": entry.asked, **dict(entry.changes)}
        rows[entry.folder.name] = row | row_of(entry, came)
        swept.rows = [rows[each.folder.name] for each in entries if each.folder.name in rows]
        if len({each.seed for each in entries}) > 1:
            sides = ["teacher", "student", "method"]
            sides += [name for each in entries for name, _ in each.changes]
            swept.summary = summary_of(swept.rows, tuple(dict.fromkeys(sides)))
        _write(swept, entries, terms, time.monotonic() - start)


def _write(swept: Swept, entries: Sequence[Entry], terms: Terms, seconds: float) -> None:
    from zskt.results import write_result

    settings: dict[str, Any] = {
        "teachers": {entry.stem: str(entry.teacher) for entry in entries},
        "teacher_sha256": {entry.stem: entry.digest for entry in entries},
        "teacher_options": terms.options.plain(),
        "students": list(dict.fromkeys(entry.asked for entry in entries)),
        "data": terms.data,
        "belief_images": terms.belief_images,
    }
    run = asdict(terms.run)
    del run["seed"]
    runs = [
        {"run": entry.folder.name, "method": entry.method, **asdict(entry.settings)}
        for entry in entries
    ]
    write_result(
        swept.files[0], seeds=list(dict.fromkeys(entry.seed for entry in entries)),
        settings=settings | run, seconds=seconds, rows=[*swept.summary, *swept.rows], runs=runs,
        device=terms.run.device,
    )  # fmt: skip
