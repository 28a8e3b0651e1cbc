"""The picture of what networks say about noise."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from zskt.reports.style import INK

LABELLED = 20
"""With more classes than this, their names and numbers would lie on each other."""


def noise_bars(rows: Sequence[dict[str, Any]]) -> Figure:
    """A group of bars for each `network` of the rows: its `counts`, for the same classes in all."""
    names = list(rows[0]["counts"])
    total = sum(rows[0]["counts"].values())
    few = len(names) <= LABELLED
    width = max(5.0, 0.65 * len(names)) if few else 9.0
    figure = Figure(figsize=(width, 1.3 * len(rows) + 1.0), layout="constrained")
    figure.suptitle(f"Predictions for {total:,} images of uniform noise")
    groups = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    for axes, row in zip(groups, rows, strict=True):
        counts = list(row["counts"].values())
        bars = axes.bar(range(len(names)), counts, color=INK["teacher"], width=0.7)
        if few:
            axes.bar_label(bars, [f"{count:,}" if count else "" for count in counts], fontsize=8)
        axes.set_title(row["network"], loc="left", fontsize=9)
        axes.set(ylim=(0, total * 1.15), yticks=(0, total))
    if few:
        slanted = max(map(len, names)) > 6
        turn = {"rotation": 35, "ha": "right"} if slanted else {}
        groups[-1].set_xticks(range(len(names)), names, **turn)
    else:
        groups[-1].set_xlabel("class")
    return figure
