"""How well is the share that a student keeps predicted, on data sets that were left out?

    uv run python benchmarks/share_left_out.py --out results/share/left-out.json
        --picture docs/pictures/share.png --learn

For each data set the line is learnt on the others, with its interval, and asked about this one's
students. `--learn` writes the line through all of them into the package, with its table. With
`--runs results/share/runs.json results/share/leaderboard.json --held-out results/share/later.json`
the line of the first two is asked about the third, one row for each run, in a file beside it. What
is learnt from needs finished runs, whose rows have no `round`.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

from scipy.stats import spearmanr

from zskt.cli.tables import print_table
from zskt.measure.verdict.judgement import word_of
from zskt.measure.verdict.share import SIGNAL, Line, fitted
from zskt.results import write_result

LEARNT = Path("src/zskt/assets/share.json")
FILES = [Path(f"results/share/{name}.json") for name in ("runs", "leaderboard", "later", "boards")]
FEW = 5
"""Students, below which ranks say nothing."""
KEPT = ("data", "method", "run", "round", "share", SIGNAL)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, nargs="+", default=FILES)
    parser.add_argument(
        "--learn", action="store_true", help="write what was learnt into the package"
    )
    parser.add_argument("--held-out", type=Path, help="rows of runs that nothing is learnt from")
    parser.add_argument("--picture", type=Path, help="a file for the picture")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    asked = parser.parse_args(words)
    if asked.held_out in asked.runs:
        parser.error(f"{asked.held_out} is learnt from; give other --runs")
    return asked


def main() -> None:
    """Leave out each data set in turn, and write how the others predict it."""
    asked, start = arguments(), time.monotonic()
    rows = [row for file in asked.runs for row in rows_of(file)]
    names = list(dict.fromkeys(row["data"] for row in rows))
    lines = {name: fitted([row for row in rows if row["data"] != name]) for name in names}
    groups = {name: [row for row in rows if row["data"] == name] for name in names}
    finished = [row for row in rows if "round" not in row]
    groups |= {
        "all": rows,
        "the study": [row for row in rows if "round" in row],
        "finished runs": finished,
        "those larger than digits": [row for row in finished if row["data"] != "digits"],
    }
    table = [left_out(name, some, lines) for name, some in groups.items() if some]
    whole = fitted(rows)
    print_table(table)
    print(f"share = {whole.start:.3f} + {whole.rise:.3f} agreement")
    print(f"interval from -{whole.below:.3f} to +{whole.above:.3f}")
    if asked.learn:
        kept = [{name: row[name] for name in KEPT if name in row} for row in rows]
        LEARNT.write_text(json.dumps({**whole._asdict(), "students": kept}, indent=1) + "\n")
    if asked.picture is not None:
        draw(asked.picture, groups, lines)
    settings = {"runs": [str(file) for file in asked.runs], **whole._asdict()}
    about: dict[str, Any] = {"seeds": [0], "settings": settings, "device": "cpu"}
    about["seconds"] = time.monotonic() - start
    if asked.held_out is not None:
        others = json.loads(asked.held_out.read_text())["rows"]
        told = [beside(row, whole) for row in others]
        print_table(told)
        file = asked.held_out.with_stem(asked.held_out.stem + "-predicted")
        write_result(file, rows=told, **about)
    words = words_of(finished, lines)
    print_table(words)
    if asked.out is not None:
        write_result(asked.out, rows=table, **about)
        write_result(asked.out.with_stem(f"{asked.out.stem}-words"), rows=words, **about)


def rows_of(file: Path) -> list[dict[str, Any]]:
    """The students of a file, each with the run that it is of: in the study one has several."""
    rows = json.loads(file.read_text())["rows"]
    for place, row in enumerate(rows, start=1):
        if "round" in row:
            row["run"] = f"{row['data']}-{row['student']}-{row['method']}"
        else:
            row["run"] += f", {file.stem} {place}"
    return rows


def beside(row: dict[str, Any], line: Line) -> dict[str, Any]:
    """A student's share beside its prediction."""
    share = line.at(row[SIGNAL])
    return {
        "run": row["run"], "share": row["share"], "predicted_share": share.value,
        "low_share": share.low, "high_share": share.high,
        "covered": share.low <= row["share"] <= share.high,
    }  # fmt: skip


def left_out(name: str, rows: list[dict[str, Any]], lines: dict[str, Line]) -> dict[str, Any]:
    """How lines that have not seen these students' data predict them."""
    shares = [row["share"] for row in rows]
    told = [lines[row["data"]].at(row[SIGNAL]) for row in rows]
    pairs = list(zip(told, shares, strict=True))
    return {
        "data": name,
        "runs": len({row["run"] for row in rows}),
        "students": len(rows),
        "lowest_share": min(shares),
        "highest_share": max(shares),
        "covered": fmean(each.low <= share <= each.high for each, share in pairs),
        "mean_error": fmean(abs(each.value - share) for each, share in pairs),
        "mean_width": fmean(each.high - each.low for each in told),
        "rank_correlation": float(spearmanr([row[SIGNAL] for row in rows], shares).statistic)
        if len(rows) >= FEW
        else None,
    }


def words_of(rows: list[dict[str, Any]], lines: dict[str, Line]) -> list[dict[str, Any]]:
    """What the verdict would have been, by lines that have not seen these students' data."""
    shares: dict[str, list[float]] = {"good": [], "doubtful": [], "failed": []}
    for row in rows:
        shares[word_of(lines[row["data"]].at(row[SIGNAL]))].append(row["share"])
    return [
        {"verdict": word, "runs": len(some), "lowest_share": min(some),
         "median_share": median(some), "highest_share": max(some)}
        for word, some in shares.items()
        if some
    ]  # fmt: skip


def draw(file: Path, groups: dict[str, list[dict[str, Any]]], lines: dict[str, Line]) -> None:
    """Predicted against measured, each data set by the line that has not seen it."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    markers = "osD^vP"
    for (name, line), marker in zip(lines.items(), markers, strict=False):
        some = groups[name]
        told = [line.at(row[SIGNAL]) for row in some]
        values = [each.value for each in told]
        reach = [
            [each.value - each.low for each in told],
            [each.high - each.value for each in told],
        ]
        axes.errorbar(
            [row["share"] for row in some], values, yerr=reach, fmt=marker, markersize=4,
            elinewidth=0.3, alpha=0.7, label=name,
        )  # fmt: skip
    axes.set_xlabel("share of the teacher's accuracy, measured on real images")
    axes.set_ylabel("predicted without data, this data set left out")
    axes.legend(frameon=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    main()
