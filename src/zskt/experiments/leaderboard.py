"""`zskt leaderboard`: methods beside each other, on your teachers, with one budget for each run.

leaderboard.py         the command: what is asked for, one run after the other, the result
leaderboard_runs.py    one run: played, gone on with, or read
leaderboard_judged.py  what is measured of it afterwards
leaderboard_order.py   all of them, as they come
leaderboard_rows.py    what is told of them: rows, means over seeds, which method suits a teacher
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from zskt.devices import resolve
from zskt.distillation.run import Run
from zskt.distillation.stopping import Stopped
from zskt.errors import UserError
from zskt.experiments.placing import Placing
from zskt.files import check_writable, safe_name
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result
from zskt.methods import METHODS, method_class
from zskt.seeds import check_seeds
from zskt.teachers.options import TeacherOptions

if TYPE_CHECKING:
    from zskt.experiments.leaderboard_runs import Entry, Terms

MINUTES = 20.0
"""Of each run, where neither minutes nor rounds are given."""


@dataclass
class Board(Result):
    """Methods beside each other."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    """One for each run, each teacher's best first: shares from 0 to 1, counts of images, seconds;
    of a run that diverged only why."""
    summary: list[dict[str, Any]] = field(default_factory=list)
    """With several seeds, means over them and standard deviations for each teacher and method."""
    advice: list[str] = field(default_factory=list)
    """For each teacher a sentence: which method suits it."""
    curves: list[dict[str, Any]] = field(default_factory=list)
    """For each run pairs of seconds and accuracy, where data was given."""
    files: list[Path] = field(default_factory=list)
    """The result as JSON, a picture for each teacher, and a page of all runs."""
    seconds: float = 0.0


@arg.job
def leaderboard(  # noqa: D417, as in `zskt.jobs`
    teachers: Annotated[arg.Networks, arg.Many],
    *,
    student: str,
    options: Annotated[TeacherOptions, arg.OfTeacher] = TeacherOptions(),
    data: str | None = None,
    data_dir: arg.DataDir = Path("data"),
    methods: Annotated[tuple[str, ...] | None, arg.Many] = None,
    seeds: Annotated[tuple[int, ...], arg.Many] = (0,),
    minutes: float | None = None,
    rounds: int | None = None,
    belief_images: int = 100,
    runs: Path = Path("runs/leaderboard"),
    out: Path = Path("results/leaderboard"),
    name: str | None = None,
    device: arg.Device = "auto",
    precision: arg.Precision = "auto",
    placing: Annotated[Placing, arg.OfPlacing] = Placing(),
    progress: arg.Progress = True,
) -> Board:
    """Put methods beside each other on your teachers, on equal terms, and tell which suits them.

    A run that is finished is read, one that was cut short goes on; one that diverged is told, and
    is tried again once its folder is gone. Methods have their defaults.

    Args:
        teachers: One or several, each whatever `zskt distill` takes.
        student: A network that `zskt list` shows.
        options: What the teachers do not tell, the same for all of them.
        data: Your own test set to judge on: a data set that `zskt list` shows, an .npz file or
            folder:PATH. Without it students are ranked by what the verdict predicts.
        methods: By name; by default all that `zskt list` shows.
        seeds: One run for each, of every method on every teacher.
        minutes: Length of each run in minutes, all included; by default 20.
        rounds: Length of each run in rounds, instead of minutes.
        belief_images: How many images the mean transition error is taken over; 0 leaves it out.
        runs: Where the runs lie, each in a folder of its own.
        out: Where the result lies, as JSON with a picture for each teacher and a page.
        name: Of the result; by default made of teachers, student and length.
        placing: Where the runs are made.

    Raises:
        UserError: for unknown names, numbers that no run can take, networks and data that do not
            fit, or a folder of runs that were made on other terms; nothing has run then.
        Stopped: after Ctrl-C; the same call goes on.
    """
    start = time.monotonic()
    teachers = (teachers,) if isinstance(teachers, str | Path) else tuple(teachers)
    methods = tuple(METHODS) if methods is None else methods
    stems = stems_of(teachers)
    _check_words(methods, seeds, belief_images)
    check_writable(out / "result.json")
    minutes = MINUTES if minutes is None and rounds is None else minutes
    Run(rounds=rounds, minutes=minutes)
    for teacher in teachers:
        options.check(teacher)
    where = resolve(device, precision)
    placing.check(where.name)
    run = Run(rounds=rounds, minutes=minutes, device=where.name, precision=where.precision)

    from zskt.experiments.leaderboard_runs import Terms, entries_of

    terms = Terms(
        options=options, run=run, data=data, data_dir=data_dir, belief_images=belief_images,
        progress=progress,
    )  # fmt: skip
    given = dict(zip(stems, teachers, strict=True))
    entries = entries_of(given, [student], [(each, ()) for each in methods], seeds, terms, runs)
    name = name or f"{'-'.join(stems)}-{safe_name(student)}-{terms.length}"
    board = Board(files=[out / f"{name}.json"])
    try:
        _play(board, entries, terms, placing, start)
    except Stopped:
        raise Stopped("stopped with everything saved; give the same command to go on") from None
    if data is not None:
        board.files += _draw(board, stems, (student, data), out / name)
    board.files += _page(entries, out / f"{name}.html")
    board.seconds = time.monotonic() - start
    return board


def stems_of(teachers: Sequence[Any]) -> list[str]:
    """What teachers are called in names of folders and in rows; raises a `UserError`."""
    if not teachers:
        raise UserError("give at least one teacher")
    stems = list[str]()
    for teacher in teachers:
        if not isinstance(teacher, str | Path):
            raise UserError(
                "give `teachers` as files, run folders or names: a run has to find its teacher "
                "again when it goes on"
            )
        path = Path(teacher)
        path = path.resolve() if path.exists() else path
        stem = safe_name(path.stem if path.is_file() else path.name)
        if stem in stems:
            raise UserError(
                f"two teachers are called {stem}; rename a file, or give the folders of their runs"
            )
        stems.append(stem)
    return stems


def _check_words(methods: Sequence[str], seeds: Sequence[int], belief_images: int) -> None:
    """Raise a `UserError` for what can be told at once."""
    for name in methods:
        method_class(name)
    if not methods or len(set(methods)) < len(methods):
        raise UserError("`methods` must be different names, at least one")
    check_seeds(seeds)
    if belief_images < 0:
        raise UserError(f"`belief_images` must be zero or above, not {belief_images}")


def _play(
    board: Board, entries: Sequence[Entry], terms: Terms, placing: Placing, start: float
) -> None:
    """Make every run; after each the board is filled and written anew."""
    from zskt.experiments.leaderboard_order import judged_in_turn
    from zskt.experiments.leaderboard_rows import advice, curve_of, ranked, row_of, summary_of
    from zskt.experiments.leaderboard_runs import finished

    tell = print if terms.progress else lambda sentence: None
    left = [entry for entry in entries if finished(entry, terms) is None]
    tell(_cost(len(left), len(entries), terms))
    rows = list[dict[str, Any]]()
    # What is there already comes first, so that the file always holds all that is known.
    for entry, came in judged_in_turn(entries, left, terms, placing):
        rows.append(row_of(entry, came))
        board.curves.append(curve_of(entry))
        several = len({each.seed for each in entries}) > 1
        means = ranked(summary_of(rows))
        board.rows, board.summary = ranked(rows), means if several else []
        board.advice = advice(means, several)
        _write(board, entries, terms, time.monotonic() - start)


def _cost(left: int, of: int, terms: Terms) -> str:
    """How long all of it will take."""
    told = f"{left} of {of} runs are left to play"
    if terms.run.minutes is None:
        return f"{told}, {terms.run.rounds:,} rounds each."
    total = left * terms.run.minutes
    whole = f"{total:.3g} minutes" if total < 120 else f"{total / 60:.1f} hours"
    return f"{told}, {terms.run.minutes:g} minutes each: {whole}, and the judging."


def _write(board: Board, entries: Sequence[Entry], terms: Terms, seconds: float) -> None:
    from zskt.results import write_result

    methods = list(dict.fromkeys(entry.method for entry in entries))
    teachers = {entry.stem: entry.teacher for entry in entries}
    settings: dict[str, Any] = {
        "teachers": {stem: str(teacher) for stem, teacher in teachers.items()},
        "teacher_sha256": {entry.stem: entry.digest for entry in entries},
        "teacher_options": terms.options.plain(),
        "student": entries[0].asked,
        "methods": {name: asdict(method_class(name)()) for name in methods},
        "data": terms.data,
        "belief_images": terms.belief_images,
        "runs": str(entries[0].folder.parent),
    }
    run = asdict(terms.run)
    del run["seed"]
    write_result(
        board.files[0], seeds=list(dict.fromkeys(entry.seed for entry in entries)),
        settings=settings | run, seconds=seconds, rows=[*board.summary, *board.rows],
        runs=board.curves, device=terms.run.device,
    )  # fmt: skip


def _draw(board: Board, stems: Sequence[str], about: tuple[str, str], place: Path) -> list[Path]:
    """A picture for each teacher whose students were looked at; `about`: the student, the data."""
    from zskt.reports.leaderboard import accuracy_over_time
    from zskt.reports.style import house_style, save_figure

    pictures = []
    for stem in stems:
        curves = [each for each in board.curves if each["teacher"] == stem and each["curve"]]
        if not curves:
            continue
        with house_style():
            figure = accuracy_over_time(curves, f"{stem} to {about[0]}, {Path(about[1]).stem}")
            end = f"-{stem}.png" if len(stems) > 1 else ".png"
            pictures.append(save_figure(place.with_name(place.name + end), figure))
    return pictures


def _page(entries: Sequence[Entry], file: Path) -> list[Path]:
    """All runs that came to their end, beside each other."""
    from zskt.reports.page import write_page
    from zskt.runs.folder import RESULT

    runs = [entry.folder for entry in entries if (entry.folder / RESULT).is_file()]
    return [write_page(file, runs)] if runs else []
