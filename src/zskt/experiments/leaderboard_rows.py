"""What is told of a leaderboard's runs: rows, means over seeds, which method suits a teacher."""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from zskt.experiments.leaderboard_judged import BoardRun
from zskt.experiments.leaderboard_runs import Entry
from zskt.runs.facts import RunFacts
from zskt.runs.folder import RunFolder

Row = dict[str, Any]
SHARES = ("accuracy", "average_accuracy", "agreement", "predicted_share")
COUNTS = ("images_made", "images_seen")
SECONDS = ("seconds", "seconds_making", "seconds_teaching", "seconds_rest")


def row_of(entry: Entry, came: BoardRun) -> Row:
    """A finished run, or one that diverged, which only says so."""
    run = came.run
    about = {"method": entry.method, "teacher": entry.stem, "seed": entry.seed}
    if run.error is not None:
        return {**about, "diverged": run.error}
    facts = RunFacts.read(run.path)
    judged = facts.evaluation["rows"] if facts.evaluation else []
    averages = [each for each in judged if each["network"].startswith("moving average")]
    row: Row = {
        **about,
        "accuracy": run.row.get("student_accuracy"),
        "average_accuracy": averages[0]["accuracy"] if averages else None,
        "agreement": run.row.get("agreement"),
        "mean_transition_error": came.transition_error,
        "verdict": came.verdict["word"],
        "predicted_share": came.verdict.get("share"),
        **{name: run.row[name] for name in (*COUNTS, *SECONDS[:-1])},
    }
    spent = row["seconds_making"] + row["seconds_teaching"]
    return {**row, "seconds_rest": round(row["seconds"] - spent, 2)}


def curve_of(entry: Entry) -> Row:
    """A run's accuracy over time, as far as it came, and the machine that it ran on."""
    folder = RunFolder(entry.folder)
    seen = [row for row in folder.metrics() if "student_accuracy" in row]
    return {
        "run": entry.folder.name,
        "method": entry.method,
        "teacher": entry.stem,
        "seed": entry.seed,
        "machine": folder.settings().get("machine") if folder.holds_run else None,
        "curve": [[row["seconds"], row["student_accuracy"]] for row in seen],
    }


def score(row: Row) -> float | None:
    """What methods are ranked by: the accuracy; without data the share of it that is predicted."""
    accuracy = row.get("accuracy")
    return row.get("predicted_share") if accuracy is None else accuracy


def ranked(rows: Sequence[Row]) -> list[Row]:
    """Each teacher's rows together, best first, those that diverged last."""
    teachers = list(dict.fromkeys(row["teacher"] for row in rows))

    def place(row: Row) -> tuple[int, float]:
        reached = score(row)
        return teachers.index(row["teacher"]), 1.0 if reached is None else -reached

    return sorted(rows, key=place)


def summary_of(rows: Sequence[Row], by: Sequence[str] = ("method", "teacher")) -> list[Row]:
    """Means over the seeds of runs that did not diverge, for each group that `by` sets apart.

    Standard deviations are of a sample (n - 1); None where a single run is left.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(name) for name in by), []).append(row)
    return [
        _mean({name: group[0][name] for name in by if name in group[0]}, group)
        for group in groups.values()
    ]


def _mean(about: Row, group: Sequence[Row]) -> Row:
    done = [row for row in group if "diverged" not in row]
    row: Row = {**about, "seed": f"mean of {len(done)}"}
    for name in (*SHARES, "mean_transition_error", *COUNTS, *SECONDS):
        values = [each[name] for each in done if each[name] is not None]
        row[name] = fmean(values) if values else None
        if name in COUNTS and values:
            row[name] = round(row[name])
        elif name not in (*COUNTS, *SECONDS):
            row[f"{name}_std"] = stdev(values) if len(values) > 1 else None
    words = [each["verdict"] for each in done]
    row["verdict"] = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    if len(done) < len(group):
        row["diverged"] = f"{len(group) - len(done)} of {len(group)}"
    return row


def advice(means: Sequence[Row], several: bool) -> list[str]:
    """For each teacher which method suits it, of ranked rows of `summary_of`; `several` seeds?"""
    groups: dict[str, list[Row]] = {}
    for row in means:
        groups.setdefault(row["teacher"], []).append(row)
    return [f"{teacher}: {_told(group, several)}." for teacher, group in groups.items()]


def _told(group: Sequence[Row], several: bool) -> str:
    if not any(row.get("verdict") for row in group):
        return "every run diverged"
    group = [row for row in group if score(row) is not None]
    if not group:
        return "without data no student of it can be judged by a number; give `data`"
    best = group[0]
    by = "accuracy" if best["accuracy"] is not None else "predicted_share"
    number = f"{best[by]:.2%}"
    told = f"reaches {number}" if by == "accuracy" else f"is predicted to keep {number} of its"
    reached = f"{best['method']} {told} accuracy"
    reached += f" ({best['diverged']} runs diverged)" if "diverged" in best else ""
    if len(group) == 1:
        return f"{reached}; no other method stands beside it"
    second = group[1]
    lead = best[by] - second[by]
    told = f"{reached} and suits it best, {100 * lead:.2f} points before {second['method']}"
    if not several:
        return f"{told}; one seed cannot tell whether another would rank them the same"
    spreads = [row[f"{by}_std"] for row in (best, second)]
    if None in spreads:
        return f"{told}; a single finished run of one of them cannot tell how seeds differ"
    over = "more than" if lead > sum(spreads) else "within"
    points = " and ".join(f"{100 * spread:.2f}" for spread in spreads)
    return f"{told}; that is {over} the spread of their seeds ({points})"
