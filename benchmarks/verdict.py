"""Which signal, measured without data, ranks students as a test set ranks them?

    uv run python benchmarks/verdict.py --mnist mnist --cifar10 cifar10 --out results/verdict.json

Makes the runs that are not there yet, good and bad ones on three data sets, and writes for each its
signals and its verdict beside its accuracy on real images as a share of its teacher's. `--also`
takes folders of further finished runs, each with an evaluation.json. Beside OUT.json go
OUT-ranks.json, the rank correlations of all runs and those within each data set, and
OUT-words.json, how the runs did that were called good, doubtful and failed.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from typing import Any, get_args

import zskt
from zskt import ZSKT, Run
from zskt.cli.tables import print_table
from zskt.devices import resolve
from zskt.experiments.protocol import PROTOCOLS, shorter
from zskt.jobs.demo import STUDENT
from zskt.measure.verdict.judgement import Word
from zskt.results import write_result

WEAK: tuple[dict[str, Any], ...] = (
    {"generator_learning_rate": 1e-6},
    {"student_learning_rate": 0.1},
    {"student_learning_rate": 2e-5},
    {"student_steps": 1},
    {"discrepancy": "reverse-kl"},
    {"generator_width": 4},
)
"""Settings that hurt, one at a time."""
METHOD = ZSKT(fresh_noise=True, attention=0.0, generator_width=64)
"""The published method for 8x8 images."""
TEACHER = "src/zskt/assets/digits-teacher.safetensors"
SHORT = (10, 30, 100, 300)
CIFAR = replace(PROTOCOLS["cifar10"].method, fresh_noise=True)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", default="mnist")
    parser.add_argument("--cifar10", default="cifar10")
    parser.add_argument("--runs", type=Path, default=Path("runs/verdict"))
    parser.add_argument("--also", type=Path, nargs="*", default=[])
    parser.add_argument("--only", nargs="*", default=["digits", "mnist", "cifar10"])
    parser.add_argument("--scale", type=float, default=1.0, help="so many times the rounds")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main() -> None:
    """Make the runs, measure and write."""
    asked = arguments()
    start = time.monotonic()
    where = resolve(asked.device)
    asked.device = where.name
    if "digits" in asked.only:
        study(asked, TEACHER, STUDENT, "digits", METHOD, (*SHORT, 400), 100)
    if "mnist" in asked.only:
        protocol, teacher = PROTOCOLS["mnist"], asked.runs / "mnist-teacher"
        if not (teacher / "result.json").exists():
            recipe = shorter(protocol.teacher, asked.scale)
            zskt.train("lenet", data=asked.mnist, out=teacher, recipe=recipe, device=where.name)
        study(asked, str(teacher), "lenet", asked.mnist, protocol.method, (*SHORT, 1000), 300)
    if "cifar10" in asked.only:
        teacher = "teachers/wrn-16-2.safetensors"
        study(asked, teacher, "wrn-16-1", asked.cifar10, CIFAR, SHORT[:2], 30, weak=())
    students = [it for folder in (asked.runs, *asked.also) for it in folder.glob("*/student.*")]
    rows = [row_of(student.parent, where.name) for student in sorted(students)]
    ranks, words = correlations(rows), by_word(rows)
    print_table(ranks)
    print_table(words)
    if asked.out is not None:
        settings = {"runs": str(asked.runs), "also": [str(run) for run in asked.also]}
        settings |= {"scale": asked.scale, "device": where.name}
        about: dict[str, Any] = {"seeds": [0], "settings": settings, "device": where.name}
        about["seconds"] = time.monotonic() - start
        write_result(asked.out, rows=rows, **about)
        write_result(asked.out.with_stem(asked.out.stem + "-ranks"), rows=ranks, **about)
        write_result(asked.out.with_stem(asked.out.stem + "-words"), rows=words, **about)


def study(
    asked: argparse.Namespace,
    teacher: str,
    student: str,
    data: str,
    method: ZSKT,
    lengths: tuple[int, ...],
    weak_length: int,
    weak: tuple[dict[str, Any], ...] = WEAK,
) -> None:
    """Runs of several lengths, and of one length with settings that hurt."""
    wanted = [({}, rounds) for rounds in lengths] + [(changes, weak_length) for changes in weak]
    for changes, rounds in wanted:
        words = [f"{name.replace('_', '-')}-{value}" for name, value in changes.items()]
        out = asked.runs / "-".join([Path(data).stem, *words, f"rounds-{rounds}"])
        if not (out / "result.json").exists():
            rounds = max(1, round(rounds * asked.scale))
            zskt.distill(
                teacher, student, out=out, method=replace(method, **changes),
                run=Run(rounds=rounds, evaluate_every=rounds, device=asked.device), data=data,
                overwrite=True,
            )  # fmt: skip


def row_of(run: Path, device: str) -> dict[str, Any]:
    """The signals of a run beside how good its student is."""
    settings = json.loads((run / "settings.json").read_text())
    looked = json.loads((run / "evaluation.json").read_text())["rows"]
    teacher, student = looked[0]["accuracy"], looked[1]["accuracy"]
    rounds = settings["run"]["rounds"]
    row = {"run": run.name, "data": Path(settings["data"]).stem, "rounds": rounds}
    row |= {"test_accuracy": student, "share": student / teacher}
    judged = zskt.verdict(run, device=device)
    return {**row, "verdict": judged.word, **judged.signals}


def correlations(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Spearman's, of each signal with the share of the teacher's accuracy, best first.

    Divergences, drift and the entropy count turned round, so that more is always better.
    """
    known = {"run", "data", "rounds", "test_accuracy", "share", "verdict"}
    names = [name for name in dict.fromkeys(it for row in rows for it in row) if name not in known]
    by_data = {row["data"]: [] for row in rows}
    for row in rows:
        by_data[row["data"]].append(row)
    found = []
    for name in names:
        within = {data: spearman(name, some) for data, some in by_data.items()}
        told = [value for value in within.values() if value is not None]
        mean = fmean(told) if told else None
        found.append({"signal": name, "all": spearman(name, rows), "mean_within": mean, **within})
    return sorted(found, key=lambda row: -(row["mean_within"] or 0))


def by_word(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How the runs did that have the same verdict."""
    found = []
    for word in get_args(Word):
        shares = [row["share"] for row in rows if row["verdict"] == word]
        middle = {"lowest_share": min(shares), "median_share": median(shares)} if shares else {}
        highest = {"highest_share": max(shares)} if shares else {}
        found.append({"verdict": word, "runs": len(shares), **middle, **highest})
    return found


def spearman(name: str, rows: list[dict[str, Any]]) -> float | None:
    """The rank correlation of a signal with the share; None if it is nearly always the same."""
    from scipy.stats import spearmanr

    known = [(row[name], row["share"]) for row in rows if row.get(name) is not None]
    sign = -1 if name.endswith("divergence") or name in ("drift", "entropy") else 1
    if len({value for value, _ in known}) < 3:
        return None
    return sign * float(spearmanr(*zip(*known, strict=True)).statistic)


if __name__ == "__main__":
    main()
