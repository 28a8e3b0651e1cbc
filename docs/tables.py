"""Fill the tables of the documentation from `results/`; no figure is typed by hand.

    uv run python docs/tables.py

A table stands between `<!-- results/NAME.json -->` and `<!-- end -->` in any page.
"""

import json
import re
from pathlib import Path

from zskt.cli.tables import shown

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
    "lesson",
    "batch_norm",
    "signal",
    "verdict",
    "teacher",
)
"""Columns of words; all others are numbers."""
TABLE = re.compile(r"(<!-- (results/\S+\.json) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """The text of a page with every table made anew from its file."""
    return TABLE.sub(lambda found: found[1] + table(ROOT / found[2]) + found[3], text)


def table(file: Path) -> str:
    """The rows of a result as Markdown, and under them how they were made."""
    result = json.loads(file.read_text())
    columns = list(dict.fromkeys(name for row in result["rows"] for name in row))
    lines = [" | ".join(name.replace("_", " ") for name in columns)]
    lines.append(" | ".join("---" if name in WORDS else "---:" for name in columns))
    lines += [" | ".join(shown(name, row.get(name)) for name in columns) for row in result["rows"]]
    seeds = result.get("seeds", [result.get("seed")])
    machine = result["machine"]
    made = [
        f"`{result['command']}`",
        f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}" if seeds else "",
        machine["gpu"]
        or f"{machine['cpu']}, {machine['threads']} thread{'s' if machine['threads'] > 1 else ''}",
        f"torch {result['versions']['torch']}",
        f"{result['seconds'] / 60:.1f} minutes",
    ]
    return "".join(f"| {line} |\n" for line in lines) + "\n" + "; ".join(filter(None, made)) + ".\n"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text()))
