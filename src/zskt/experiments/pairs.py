"""Which teachers and students match: a question that the paper leaves to later work (section 5).

Every teacher of a grid teaches every student of it, without data. Of each pair there is the
student's accuracy, its agreement with the teacher and the mean transition error, beside what the
same student reaches with data; and of each property of a pair how well it predicts them.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, pstdev

import numpy as np

from zskt.experiments.experiment import Experiment, Report
from zskt.experiments.pairs_facts import Facts, Row, facts_of, known_of
from zskt.experiments.protocol import Protocol
from zskt.experiments.specs import RunSpec, beliefs, scratch, teacher, zero_shot
from zskt.experiments.store import FinishedRun, RunStore
from zskt.measure.ranks import RankCorrelation, rank_correlation
from zskt.reports.pairs import heat_maps
from zskt.reports.style import house_style, save_figure

OUTCOMES = ("student_accuracy", "agreement", "mean_transition_error", "to_data_accuracy_difference")
PREDICTORS = (
    "teacher_accuracy", "teacher_smoothness", "teacher_parameters", "student_parameters",
    "parameters_ratio", "layers_ratio", "same_family", "same_norm", "teacher_batch_norm",
    "student_batch_norm", "with_data_accuracy",
)  # fmt: skip
"""What is known of a pair before it is tried; ratios are the student's by the teacher's."""


def pair_runs(protocol: Protocol, pair: tuple[str, str], seeds: Sequence[int]) -> list[RunSpec]:
    """A student of a teacher without data, for each seed."""
    grid = protocol.grid
    changes = dict(grid.changes)
    return [
        zero_shot(*pair, seed, method=grid.method, rounds=grid.rounds, **changes) for seed in seeds
    ]


def specs(protocol: Protocol, seeds: Sequence[int]) -> list[RunSpec]:
    """Students with data first; then all pairs, a seed after the other, each with its curves."""
    grid = protocol.grid
    with_data = [scratch(student, seed) for student in grid.students for seed in seeds]
    found = [*map(teacher, grid.teachers), *with_data]
    for seed in seeds:
        for name in grid.teachers:
            for student in grid.students:
                (run,) = pair_runs(protocol, (name, student), [seed])
                found += [run, beliefs(run, grid.belief_images)]
    return found


def report(store: RunStore, seeds: Sequence[int], out: Path) -> Report:
    """A row for each pair; a table of what predicts a good one; heat maps."""
    grid = store.protocol.grid
    runs = [store.make(spec) for spec in specs(store.protocol, seeds) if spec.kind != "teacher"]
    teachers = {name: facts_of(store, name, taught=True) for name in grid.teachers}
    students = {name: facts_of(store, name, taught=False) for name in grid.students}
    with_data = {
        name: [store.make(scratch(name, seed)) for seed in seeds] for name in grid.students
    }
    rows = [
        _row(store, (teachers[first], students[second]), with_data[second], seeds)
        for first in grid.teachers
        for second in grid.students
    ]
    tables = {
        "predictors": predictors(rows, grid.teachers, grid.students),
        "teachers": [facts.row() for facts in teachers.values()],
        "students": [_student_row(students[name], made) for name, made in with_data.items()],
    }
    with house_style():
        figure = heat_maps(_maps(rows, grid.students), [*grid.teachers, "with data"], grid.students)
        pictures = [save_figure(out / "pairs.png", figure)]
    return Report(rows, runs, pictures, tables)


def _row(
    store: RunStore, pair: tuple[Facts, Facts], with_data: Sequence[FinishedRun],
    seeds: Sequence[int],
) -> Row:  # fmt: skip
    """A pair: what is known of it beforehand, and what came of it; means over seeds."""
    first, second = pair
    trained = [
        store.make(run) for run in pair_runs(store.protocol, (first.name, second.name), seeds)
    ]
    done = [run for run in trained if run.error is None]
    errors = _transition_errors(store, pair, seeds)
    reference = _mean([run.accuracy for run in with_data if run.error is None])
    reached = _mean([run.accuracy for run in done])
    row: Row = {
        "teacher": first.name,
        "student": second.name,
        "student_accuracy": reached,
        "accuracy_std": pstdev(run.accuracy for run in done) if len(done) > 1 else None,
        "agreement": _mean([run.row["agreement"] for run in done]),
        "mean_transition_error": _mean(errors),
        "with_data_accuracy": reference,
        "to_data_accuracy_difference": None if None in (reached, reference)
        else reached - reference,  # ty: ignore
        "seeds": len(done),
    }  # fmt: skip
    lost = [run.error for run in trained if run.error is not None]
    return row | ({"diverged": f"{len(lost)}: {lost[0]}"} if lost else {}) | known_of(*pair)


def _transition_errors(
    store: RunStore, pair: tuple[Facts, Facts], seeds: Sequence[int]
) -> list[float]:
    names = pair[0].name, pair[1].name
    images = store.protocol.grid.belief_images
    judged = [store.make(beliefs(run, images)) for run in pair_runs(store.protocol, names, seeds)]
    return [run.row["mean_transition_error"] for run in judged if run.error is None]


def predictors(rows: Sequence[Row], teachers: Sequence[str], students: Sequence[str]) -> list[Row]:
    """For each property of a pair its rank correlation with each outcome, and the interval.

    An interval that holds zero says that this grid cannot tell.
    """
    found = []
    for name in PREDICTORS:
        row: Row = {"known_of_a_pair": name.replace("_", " ")}
        for outcome in OUTCOMES:
            known = [row for row in rows if None not in (row[name], row[outcome])]
            both = [np.array([float(each[key]) for each in known]) for key in (name, outcome)]
            places = [
                np.array([names.index(each[role]) for each in known], dtype=np.int64)
                for role, names in (("teacher", list(teachers)), ("student", list(students)))
            ]
            found_of = rank_correlation(*both, *places) if len(known) > 2 else None
            told = None if found_of is None else _told(found_of)
            row[outcome.removesuffix("_difference")] = told
        found.append(row)
    return found


def _told(found: RankCorrelation) -> str:
    return f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _student_row(facts: Facts, with_data: Sequence[FinishedRun]) -> Row:
    reached = [run.accuracy for run in with_data if run.error is None]
    row = facts.row() | {"test_accuracy": _mean(reached)}
    del row["smoothness"]
    return row


def _maps(rows: Sequence[Row], students: Sequence[str]) -> dict[str, np.ndarray]:
    """Three maps of the pairs; the last line of the first is what students reach with data."""
    found = {}
    for outcome in OUTCOMES[:3]:
        numbers = np.array([row[outcome] for row in rows], dtype=float)
        last = np.full(len(students), np.nan)
        if outcome == "student_accuracy":
            last = np.array([row["with_data_accuracy"] for row in rows[: len(students)]], float)
        lines = [*numbers.reshape(-1, len(students)), last]
        found[outcome.replace("_", " ")] = np.stack(lines)
    return found


EXPERIMENT = Experiment(
    "which teachers and students match: a grid of both", specs, report, data="digits"
)
