"""What teacher and student say of the generated images over a run (section 4.3 of the paper)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from zskt.reports.style import INK


def predictions_over_time(rows: Sequence[dict[str, Any]]) -> Figure:
    """Mean largest probability over rounds; predicted classes and largest probabilities, summed.

    The rows are recorded metrics, some with histograms.
    """
    figure = Figure(figsize=(9.6, 3), layout="constrained")
    over_time, classes, confidences = figure.subplots(1, 3)
    recorded = [row for row in rows if "teacher_confidence" in row]
    rounds = [row["round"] for row in recorded]
    closely = [row for row in rows if "teacher_classes" in row]
    for number, role in enumerate(("teacher", "student")):
        means = [row[f"{role}_confidence"] for row in recorded]
        over_time.plot(rounds, means, lw=1, color=INK[role], label=role)
        for axes, name in ((classes, "classes"), (confidences, "confidence_histogram")):
            shares = np.sum([row[f"{role}_{name}"] for row in closely], axis=0, dtype=float)
            shares /= max(1.0, shares.sum())
            axes.bar(np.arange(len(shares)) + 0.4 * number, shares, width=0.38, color=INK[role])
    over_time.set(xlabel="round", ylabel="mean largest probability", ylim=(0, 1.02))
    classes.set(xlabel="predicted class", ylabel="share of generated images")
    confidences.set(xlabel="largest probability", ylabel="share of generated images")
    tenths = np.arange(0, 11, 2)
    confidences.set_xticks(tenths - 0.4, [f"{tenth / 10:g}" for tenth in tenths])
    over_time.legend(loc="lower right", frameon=False)
    return figure
