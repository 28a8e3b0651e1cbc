"""Pictures of a run, functions of its facts."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from zskt.reports.style import INK, house_style, save_figure
from zskt.runs.facts import RunFacts


def draw_run(facts: RunFacts) -> list[Path]:
    """Draw every picture that the folder has the data for; returns the files."""
    drawn = []
    with house_style():
        for draw in (generated, curves, confusion):
            if (figure := draw(facts)) is not None:
                drawn.append(save_figure(facts.path / f"{draw.__name__}.png", figure))
    return drawn


def generated(facts: RunFacts) -> Figure | None:
    """What the student learnt from: the first row of every sample sheet, oldest on top."""
    sheets = facts.sheets
    if not sheets:
        return None
    _, height, _ = facts.settings["input_size"]
    figure = Figure(figsize=(4.2, 0.47 * len(sheets) + 0.4), layout="constrained")
    figure.suptitle("Images that the student learnt from")
    rows = figure.subplots(len(sheets), 1, squeeze=False)[:, 0]
    for axes, sheet in zip(rows, sheets, strict=True):
        with Image.open(sheet) as image:
            strip = np.asarray(image.convert("RGB"))[: height + 2]
        axes.imshow(strip, interpolation="nearest")
        axes.set_axis_off()
        said = f"round {int(sheet.stem.removeprefix('round-')):,}"
        axes.text(-0.01, 0.5, said, ha="right", va="center", transform=axes.transAxes)
    return figure


def curves(facts: RunFacts) -> Figure | None:
    """Losses, and accuracy and agreement where a test set was looked at, over the rounds."""
    rows = [row for row in facts.metrics if "student_loss" in row]
    if not rows:
        return None
    judged = [row for row in facts.metrics if "student_accuracy" in row]
    figure = Figure(figsize=(8, 3.2) if judged else (4.5, 3.2), layout="constrained")
    panels = figure.subplots(1, 2 if judged else 1, squeeze=False)[0]
    rounds = [row["round"] for row in rows]
    panels[0].plot(rounds, [row["student_loss"] for row in rows], color=INK["student"])
    panels[0].set(xlabel="round", ylabel="student loss", yscale="log")
    further = [name for name in rows[0] if name.endswith("_loss") and name != "student_loss"]
    for name in further[:1]:
        twin = panels[0].twinx()
        twin.spines["right"].set_visible(True)
        twin.plot(rounds, [row[name] for row in rows], color=INK["further"], lw=1)
        twin.set_ylabel(name.replace("_", " "), color=INK["further"])
        panels[0].yaxis.label.set_color(INK["student"])
    if judged:
        rounds = [row["round"] for row in judged]
        for name, colour in (("student_accuracy", "student"), ("agreement", "agreement")):
            values = [row[name] for row in judged]
            label = f"{name.replace('_', ' ')}, {values[-1]:.1%} at the end"
            panels[1].plot(rounds, values, color=INK[colour], label=label)
        panels[1].set(xlabel="round", ylabel="share of the test set", ylim=(0, 1.02))
        panels[1].legend(loc="lower right", frameon=False)
    return figure


def confusion(facts: RunFacts) -> Figure | None:
    """The teacher's predicted class against the student's, on real images."""
    if facts.evaluation is None:
        return None
    settings = facts.evaluation["settings"]
    counts = np.array(settings["confusion"])
    names = settings["class_names"]
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.subplots()
    shares = counts / counts.sum(1, keepdims=True).clip(1)
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(shown, label="share of the teacher's class", shrink=0.8)
    axes.set(xlabel="student says", ylabel="teacher says")
    if len(names) <= 20:
        axes.set_xticks(range(len(names)), names)
        if len(max(names, key=len)) > 3:
            # By its end, so that each stands under its column.
            for label in axes.get_xticklabels():
                label.set(rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                ink = "white" if shares[row, column] > 0.6 else "black"
                axes.text(column, row, count, ha="center", va="center", color=ink, fontsize=7)
    return figure
