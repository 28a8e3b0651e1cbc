"""The page of one run, or of several beside each other: a single file that asks no network.

page_data.py   what of a run goes into it
web/           its style and script, and uPlot, which draws the curves
"""

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from zskt.errors import read_from
from zskt.files import make_folder, write_atomically
from zskt.reports.page_data import page_data
from zskt.runs.facts import RunFacts

PAGE = "report.html"
SECONDS = 5
"""Between two readings of a page that is watched."""
SHELL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">{reload}
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main id="page"><noscript>This page draws its curves by a script of its own.</noscript></main>
<script type="application/json" id="zskt-report">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def page_of(runs: Sequence[RunFacts], *, watched: bool = False) -> str:
    """The page as text.

    Args:
        runs: one, or several to lay over each other.
        watched: the page reads itself anew every few seconds.
    """
    # Beside each other, runs show numbers alone.
    names = _told_apart([run.path.resolve() for run in runs])
    shown = [page_data(run, pictures=len(runs) == 1) for run in runs]
    data = {"runs": [{**run, "name": name} for run, name in zip(shown, names, strict=True)]}
    return SHELL.format(
        title=escape(f"{' and '.join(names)} - zskt"),
        reload=f'\n<meta http-equiv="refresh" content="{SECONDS}">' if watched else "",
        style=_web("uplot.css") + _web("page.css"),
        data=_island(data),
        script=_web("uplot.js") + "\n" + _web("page.js"),
    )


def write_page(path: Path, runs: Sequence[Path], *, watched: bool = False) -> Path:
    """Write the page of runs, whole or not at all; returns its path.

    Raises:
        UserError: if a folder holds no run.
    """
    with read_from(" or ".join(map(str, runs)), "start the run anew"):
        text = page_of([RunFacts.read(run) for run in runs], watched=watched)
    make_folder(path.parent)
    write_atomically(path, text)
    return path


def _told_apart(folders: Sequence[Path]) -> list[str]:
    """The names of folders, with as many above them as tell them apart."""
    for parts in range(1, max(len(folder.parts) for folder in folders)):
        names = ["/".join(folder.parts[-parts:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    return [f"{folder.name} ({number})" for number, folder in enumerate(folders, 1)]


def _island(data: Any) -> str:
    """JSON that cannot end the element it stands in."""
    return json.dumps(data, allow_nan=False).replace("<", "\\u003c")


def _web(name: str) -> str:
    return (files("zskt.reports") / "web" / name).read_text()
