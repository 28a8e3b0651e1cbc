"""Fill the tables of the documentation; no figure is typed by hand.

    uv run python docs/tables.py

A table stands in any page between `<!-- results/NAME.json -->` and `<!-- end -->`, where it shows
what a command wrote, or between `<!-- published NAME -->` and `<!-- end -->`, where it shows what
the paper says: a name of `PUBLISHED`, which takes the numbers from `zskt.experiments.published`.
`<!-- results/NAME.json TABLE -->` shows a further table of a result, and
`<!-- results/NAME.json: seed accuracy -->` these columns alone.
"""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from zskt.cli.tables import shown
from zskt.experiments import published

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("teachers/*.md")]
WORDS = (
    "network",
    "pair",
    "operation",
    "method",
    "curve",
    "student",
    "variant",
    "signals",
    "lesson",
    "batch_norm",
    "signal",
    "verdict",
    "teacher",
    "data",
    "predictions",
    "command",
    "imports_torch",
    "commit",
    "held",
    "family",
    "norm",
    "known_of_a_pair",
    "fault",
    "reader",
    "ended_by",
)
"""Columns of words; all others are numbers."""
TABLE = re.compile(
    r"(<!-- (results/\S+\.json(?: \w+)?(?:: [\w ]+)?|published \w+) -->\n).*?(<!-- end -->)",
    re.DOTALL,
)
Rows = Sequence[dict[str, Any]]


def filled(text: str) -> str:
    """The text of a page with every table made anew from where it comes from."""
    return TABLE.sub(lambda found: found[1] + made(found[2]) + found[3], text)


def made(source: str) -> str:
    """A table by what its comment says."""
    source, _, columns = source.partition(": ")
    kind, _, name = source.partition(" ")
    if kind == "published":
        return lines_of(PUBLISHED[name]())
    return table(ROOT / kind, name, columns.split())


def table_1() -> Rows:
    """Few-shot and zero-shot students for each pair."""
    few = f"KD+AT M={published.TABLE_1_PER_CLASS} accuracy"
    return [
        {
            "pair": " to ".join(pair),
            few: shares["few-shot"],
            "zero-shot accuracy": shares["zero-shot"],
        }
        for pair, shares in published.TABLE_1.items()
    ]


def svhn() -> Rows:
    """The students on house numbers that the text of the paper and its Figure 2 speak of."""
    taught = published.FIGURE_2["svhn"]["KD+AT"]
    return [
        {"student": "zero-shot", "accuracy": published.SVHN},
        {"student": "KD+AT, all images", "accuracy": taught[None]},
        {"student": "KD+AT, 10 images of each class", "accuracy": taught[10]},
    ]


def table_2() -> Rows:
    """Mean transition errors for each data set."""
    return [
        {
            "data": data,
            **errors,
            "KD+AT as plotted": published.TABLE_2_PLOTTED.get(data, {}).get("KD+AT"),
        }
        for data, errors in published.TABLE_2.items()
    ]


def figure_5() -> Rows:
    """What networks say of noise."""
    return [{"network": name, "predictions": counts} for name, counts in published.FIGURE_5.items()]


def confidence() -> Rows:
    """How sure both networks are of what the generator draws."""
    return [{f"{role} confidence": share for role, share in published.CONFIDENCE.items()}]


def log() -> Rows:
    """A student's accuracy by the round."""
    rows = [{"round": number, "accuracy": share} for number, share in published.LOG.items()]
    return [*rows, {"round": "their teacher", "accuracy": published.LOG_TEACHER}]


PUBLISHED: dict[str, Callable[[], Rows]] = {
    "TABLE_1": table_1,
    "TABLE_2": table_2,
    "FIGURE_5": figure_5,
    "SVHN": svhn,
    "CONFIDENCE": confidence,
    "LOG": log,
}


def table(file: Path, name: str, columns: Sequence[str]) -> str:
    """The rows of a result or of a further table of it as Markdown, and how they were made.

    Raises:
        KeyError: if the first row lacks a column that is asked for.
    """
    result = json.loads(file.read_text())
    seeds = result.get("seeds", [result.get("seed")])
    machine = result["machine"]
    how = [
        f"`{result['command']}`",
        f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}" if seeds else "",
        machine["gpu"]
        or f"{machine['cpu']}, {machine['threads']} thread{'s' if machine['threads'] > 1 else ''}",
        f"torch {result['versions']['torch']}",
        f"{result['seconds'] / 60:.1f} minutes",
    ]
    rows = result["tables"][name] if name else result["rows"]
    if columns:
        # A mean of seeds, which comes first, has columns that a single run lacks.
        first = {column: rows[0][column] for column in columns}
        rows = [first, *({each: row.get(each) for each in columns} for row in rows[1:])]
    return lines_of(rows) + "\n" + "; ".join(filter(None, how)) + ".\n"


def lines_of(rows: Rows) -> str:
    """Rows as Markdown."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [" | ".join(name.replace("_", " ") for name in columns)]
    lines.append(" | ".join("---" if name in WORDS else "---:" for name in columns))
    lines += [" | ".join(shown(name, row.get(name)) for name in columns) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text()))
