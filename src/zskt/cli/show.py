"""What each command prints of its job's result."""

import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from zskt.cli.complaints import with_flags
from zskt.cli.tables import print_columns, print_rows, print_table
from zskt.errors import UserError
from zskt.experiments.leaderboard import Board
from zskt.experiments.reproduce import Reproduced
from zskt.experiments.sweep import Swept
from zskt.jobs.beliefs import Beliefs
from zskt.jobs.compare import Comparison
from zskt.jobs.demo import Demonstrated
from zskt.jobs.distill import Distilled
from zskt.jobs.evaluate import Evaluation
from zskt.jobs.export import Exported
from zskt.jobs.inspect import Inspection
from zskt.jobs.list import Names
from zskt.jobs.noise_predictions import NoiseCounts
from zskt.jobs.plan import EXAMPLE_MINUTES, Plan
from zskt.jobs.push import Pushed
from zskt.jobs.report import Reported
from zskt.jobs.synthesize import Synthesized
from zskt.jobs.toy import Toyed
from zskt.jobs.train import Trained
from zskt.jobs.verdict import Judged

TOP = 3
"""Classes of noise in the printed table."""


def demo(result: Demonstrated) -> None:
    """Each run as `distill` shows it, and the student before it learnt."""
    for run, row in zip(result.runs, result.rows, strict=True):
        distill(run)
        print(f"untrained: accuracy {row['untrained_accuracy']:.2%}")


def distill(result: Distilled | Plan) -> None:
    """Where the student is and how good it seems, said by the first process alone; or a plan."""
    if isinstance(result, Plan):
        print(*result.lines, sep="\n")
        return
    if result.rank:
        return
    last = result.history[-1]["round"]
    if result.folder is not None:
        print(f"student: {result.folder / 'student.safetensors'} after {last} rounds")
    print(result.verdict)
    if result.evaluation is not None:
        evaluate(result.evaluation)


def plan(result: Plan) -> None:
    """Three lines, what twenty minutes buy, and where the time goes."""
    for line in result.lines:
        print(line)
    if result.minutes is None:
        print(with_flags(result.of_minutes(EXAMPLE_MINUTES)))
    print_table(result.rows)


def report(result: Reported) -> None:
    """Where the page is."""
    print(result.file if result.finished else f"{result.file}: its run is not finished")


def train(result: Trained) -> None:
    """The file and its accuracy."""
    print(
        f"{result.file}: test accuracy {result.test_accuracy:.2%} after {result.length}, "
        f"{result.seconds:.0f} s"
    )


finetune = train


def evaluate(result: Evaluation) -> None:
    """A line for each network."""
    print_rows(result.rows)
    for picture in result.pictures:
        print(picture)


def compare(result: Comparison) -> None:
    """Kilobytes, milliseconds, median and 95th percentile in one cell."""
    print_table([_readable(row) for row in result.rows])


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    shown = {"network": Path(row["network"]).name, "parameters": row["parameters"]}
    shown["million macs"] = None if row["macs"] is None else row["macs"] / 1e6
    shown["kB"] = row["file_bytes"] // 1000 if row["file_bytes"] else None
    for batch in (1, 64):
        middle, slow = row[f"seconds_of_{batch}_p50"], row[f"seconds_of_{batch}_p95"]
        shown[f"ms for {batch} (p50, p95)"] = f"{middle * 1e3:.2f}, {slow * 1e3:.2f}"
    names = (
        "accuracy", "top_5_accuracy", "agreement", "calibration_error", "mean_transition_error",
    )  # fmt: skip
    return shown | {name: row[name] for name in names if name in row}


def beliefs(result: Beliefs) -> None:
    """The mean transition error."""
    row = result.row
    what = f"K = {row['steps']}, xi = {row['step_size']:g}"
    if result.few is not None:
        print(result.few)
    print(f"{result.folder}: {result.error}, {what}, {result.seconds:.0f} s")


def verdict(result: Judged) -> None:
    """The signals and the verdict on them."""
    print_table([{"signal": name, "value": value} for name, value in result.signals.items()])
    print(result)
    if result.kept is not None:
        kept = "say it now" if result.kept else "could not be written and are as they were"
        print(f"the run's verdict.json, card and page {kept}")


def synthesize(result: Synthesized) -> None:
    """How many images there are of each class."""
    counts = ", ".join(f"{name} {count}" for name, count in result.counts.items())
    print(f"{result.out}: {result.images} images, by the teacher's prediction: {counts}")


def export(result: Exported) -> None:
    """How close the file is to the student."""
    print(f"largest difference from the student: {result.difference:.1e} of its largest logit")
    if result.difference_8_bits is not None:
        print(f"with 8 bits: {result.difference_8_bits:.1e} of the largest logit, on random images")
    for what in ("student", "file"):
        share = getattr(result, f"{what}_accuracy")
        if share is not None:
            print(f"accuracy of the {what}: {share:.2%}")
    print(f"{result.out}: {result.bytes / 1000:,.0f} kB, takes {result.takes}, any batch")


def push(result: Pushed) -> None:
    """Where it lies."""
    print(f"{result.address}: {', '.join(result.files)}")


def inspect(result: Inspection) -> None:
    """The facts; and whether it can teach."""
    print_table([{"what": what, "found": fact} for what, fact in result.facts.items()])
    for note in result.findings.notes:
        print(f"note: {note}")
    source = result.teacher.source
    if result.findings.problems:
        raise UserError(f"{source} cannot teach: {' '.join(result.findings.problems)}")
    words = ["--teacher", source, "--student", result.advised or "wrn-16-1", "--out", "RUN"]
    print("It can teach: zskt distill", shlex.join(words), result.options.words())


def noise_predictions(result: NoiseCounts) -> None:
    """Each network's most frequent classes."""
    lines = []
    for row in result.rows:
        top = Counter(row["counts"]).most_common()
        shown = [f"{name} {count:,}" for name, count in top[:TOP] if count]
        rest = sum(count for _, count in top[TOP:])
        shown += [f"others {rest:,}"] if rest else []
        lines.append((row["network"], ", ".join(shown), f"{row['confidence']:.2%}"))
    print_columns(("network", "says, of the noise images", "confidence"), lines)
    print(result.picture)


def reproduce(result: Reproduced) -> None:
    """The table and where it lies."""
    print(result.heading)
    print_table(result.rows)
    for name, rows in result.tables.items():
        print(name)
        print_table(rows)
    for line in (*result.notes, *result.files):
        print(line)


def leaderboard(result: Board) -> None:
    """The means over seeds if there are several, every run, and which method suits a teacher."""
    for rows in (result.summary, result.rows):
        if rows:
            print_table([_on_board(row) for row in rows])
    for line in (*result.advice, *result.files):
        print(line)


def sweep(result: Swept) -> None:
    """The means over seeds if there are several, and every run."""
    for rows in (result.summary, result.rows):
        if rows:
            print_table([_of_sweep(row) for row in rows])
    for file in result.files:
        print(file)


def _of_sweep(row: dict[str, Any]) -> dict[str, Any]:
    """What is set, and then what a board has too."""
    shown = _on_board(row)
    at = [*row].index("seed")
    return {name: row[name] for name in [*row][:at]} | shown


def _on_board(row: dict[str, Any]) -> dict[str, Any]:
    """What a terminal has room for; the file has the rest."""
    names = (
        "method", "teacher", "seed", "accuracy", "accuracy_std", "average_accuracy", "agreement",
        "mean_transition_error", "verdict", "images_made", "images_seen",
    )  # fmt: skip
    shown = {name: row[name] for name in names if row.get(name) is not None}
    if (share := row.get("predicted_share")) is not None:
        shown["verdict"] += f", {share:.0%}"
    if row.get("seconds_making") is not None:
        parts = (row[f"seconds_{part}"] for part in ("making", "teaching", "rest"))
        shown["seconds making, teaching, rest"] = ", ".join(f"{part:,.0f}" for part in parts)
    return shown | ({"diverged": row["diverged"]} if "diverged" in row else {})


def toy(result: Toyed) -> None:
    """How well the student did in the plane."""
    row = result.row
    for picture in result.pictures:
        print(picture)
    print(
        f"teacher {row['teacher_accuracy']:.2%} and student {row['student_accuracy']:.2%} right "
        f"on test data (untrained {row['untrained_accuracy']:.2%}); they agree on "
        f"{row['test_agreement']:.2%} of it and on {row['plane_agreement']:.2%} of the plane; "
        f"{result.seconds:.0f} s"
    )


def list(result: Names) -> None:
    """One line for each name."""
    for title, entries in result.to_dict().items():
        print(title)
        for name, line in entries.items():
            print(f"  {name:<14} {line}")
    print("Next: zskt demo, or zskt inspect TEACHER, where TEACHER is a file or a name as above.")
