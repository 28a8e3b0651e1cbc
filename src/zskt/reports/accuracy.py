"""Accuracy over the number of real images of each class, as Figure 2 of the paper draws it."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from matplotlib.figure import Figure

LOOKS = {  # colour and marker of each curve
    "no teacher": ("#8a8a8a", "s"),
    "KD+AT": ("#c44e2b", "^"),
    "zero-shot + M": ("#1f5fa8", "o"),
}


def accuracy_over_images(rows: Sequence[dict[str, Any]], title: str) -> Figure:
    """Curves with bars of one standard deviation over seeds.

    Rows have `curve`, `per_class` (0 for none, `all` for the whole training set), `accuracy` and
    `accuracy_std`, 0 to 1.
    """
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.subplots()
    few = sorted((row for row in rows if row["per_class"] != "all"), key=itemgetter("per_class"))
    counts = sorted({row["per_class"] for row in few})
    place = {count: number for number, count in enumerate(counts)}
    for curve, (colour, marker) in LOOKS.items():
        # A student tuned on no image is the zero-shot student.
        names = (curve, "zero-shot") if curve == "zero-shot + M" else (curve,)
        here = [row for row in few if row["curve"] in names]
        axes.errorbar(
            [place[row["per_class"]] for row in here],
            [row["accuracy"] for row in here],
            yerr=[row["accuracy_std"] for row in here],
            label="zero-shot, then tuned" if curve == "zero-shot + M" else curve,
            color=colour, marker=marker, markersize=4, capsize=2, lw=1.2,
        )  # fmt: skip
    for row in rows:
        if row["per_class"] == "all":
            axes.axhline(row["accuracy"], color=LOOKS[row["curve"]][0], ls=":", lw=1)
    axes.plot([], [], color="black", ls=":", lw=1, label="on all images")
    axes.set_xticks(range(len(counts)), [str(count) for count in counts])
    axes.set(xlabel="real images of each class, M", ylabel="test accuracy", ylim=(0, 1.02))
    axes.set_title(title, fontsize="medium")
    axes.legend(loc="lower right", frameon=False)
    return figure
