"""Accuracy over time, a curve for each method, as `zskt leaderboard` measured it."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

COLOURS = (
    "#1f5fa8", "#c44e2b", "#3b8a4f", "#8a5aa8", "#b8860b", "#2a9d9d", "#c2478d", "#7a5230",
    "#8a8a8a", "#3a3a3a",
)  # fmt: skip
LINES = ("-", "--", "-.")
"""Colours come again with another line."""


def accuracy_over_time(curves: Sequence[dict[str, Any]], title: str) -> Figure:
    """A line for each run and a colour for each method; the legend has the best on top.

    Curves have `method` and `curve`, pairs of seconds and accuracy from 0 to 1.
    """
    figure = Figure(figsize=(6.8, 3.8), layout="constrained")
    axes = figure.subplots()
    last = max(seconds for each in curves for seconds, _ in each["curve"])
    unit, word = (60, "minutes") if last >= 120 else (1, "seconds")
    ends: dict[str, list[float]] = {}
    for each in curves:
        ends.setdefault(each["method"], []).append(each["curve"][-1][1])
    means = {method: sum(values) / len(values) for method, values in ends.items()}
    looks = {
        method: (COLOURS[number % len(COLOURS)], LINES[number // len(COLOURS) % len(LINES)])
        for number, method in enumerate(sorted(means))
    }
    for each in curves:
        times = [seconds / unit for seconds, _ in each["curve"]]
        shares = [accuracy for _, accuracy in each["curve"]]
        colour, line = looks[each["method"]]
        marker = "o" if len(times) == 1 else None
        axes.plot(times, shares, color=colour, ls=line, lw=1.2, marker=marker, markersize=4)
    for method in sorted(means, key=lambda name: -means[name]):
        colour, line = looks[method]
        axes.plot([], [], color=colour, ls=line, lw=2, label=f"{method}, {means[method]:.1%}")
    axes.set(xlabel=f"{word} of the run", ylabel="test accuracy", ylim=(0, 1.02))
    axes.set_title(title, fontsize="medium")
    # Beside the axes, where it hides no curve.
    figure.legend(loc="outside right upper", frameon=False, title="method, at the end")
    return figure
