"""Pictures of the two-dimensional experiment: maps of what the networks say over the plane."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from zskt.files import write_atomically
from zskt.plane.experiment import MAP_SIDE, Map, Outcome, Snapshot
from zskt.plane.game import REACH
from zskt.reports.style import INK, house_style

COLOURS = np.array([to_rgb(name) for name in ("#e0a030", "#3d7cc0", "#b8487c")])
"""One for each class, apart in lightness too."""
TINT = 0.45
"""How much of its colour a class keeps where a network is sure of it; the rest is white."""
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How far the game is in the panels."""
FRAME_MILLISECONDS = 120
LAST_FRAME_MILLISECONDS = 3000


def draw_toy(folder: Path, outcome: Outcome) -> list[Path]:
    """Write panels.png and toy.gif into the folder; returns the files."""
    png, gif = folder / "panels.png", folder / "toy.gif"
    with house_style():
        # A PNG of 256 colours has a third of the size of one of all colours.
        few = rendered(panels(outcome)).quantize(256, dither=Image.Dither.NONE)
        _save(few, png, optimize=True)
        save_animation(gif, outcome)
    return [png, gif]


def _save(image: Image.Image, path: Path, **options: Any) -> None:
    """Write an image, whole or not at all."""
    content = io.BytesIO()
    image.save(content, format=path.suffix[1:], **options)
    write_atomically(path, content.getvalue())


def panels(outcome: Outcome) -> Figure:
    """The teacher with its data, then the student with the points it learns on, over the game."""
    figure = Figure(figsize=(7.6, 6.2), dpi=150, layout="constrained")
    first, *rest = figure.subplots(2, 3, sharex=True, sharey=True).flat
    show_teacher(first, outcome)
    for axes, snapshot in zip(rest, chosen(outcome.snapshots), strict=True):
        show_student(axes, outcome, snapshot)
    figure.supxlabel(
        "Colour: the class that a network gives each point, paler where it is less sure; lines: "
        "the teacher's\nborders. Dots: the data, which only the teacher saw. Circles: where the "
        "student learns, in the\nteacher's colours. The student agrees with the teacher on that "
        "much of the square.",
        fontsize=8.5,
    )
    return figure


def save_animation(path: Path, outcome: Outcome) -> None:
    """Write the game as a GIF, the teacher beside the student, a frame for each snapshot."""
    figure = Figure(figsize=(6.4, 3.5), dpi=90, layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    show_teacher(left, outcome)
    frames = []
    for snapshot in outcome.snapshots:
        right.clear()
        show_student(right, outcome, snapshot)
        frames.append(rendered(figure))
    # One palette for all, and no dithering: what stands still then costs nothing.
    some = [np.asarray(frame) for frame in frames[:: max(1, len(frames) // 8)]]
    palette = Image.fromarray(np.concatenate(some, axis=1)).quantize(200)
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    shown = [FRAME_MILLISECONDS] * (len(small) - 1) + [LAST_FRAME_MILLISECONDS]
    _save(small[0], path, save_all=True, append_images=small[1:], loop=0, duration=shown)


def rendered(figure: Figure) -> Image.Image:
    """A figure as pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def chosen(snapshots: Sequence[Snapshot]) -> list[Snapshot]:
    """One snapshot for each of `SHARES`, the nearest there is."""
    wanted = [share * snapshots[-1].row["round"] for share in SHARES]
    return [min(snapshots, key=lambda it: abs(it.row["round"] - number)) for number in wanted]


def show_teacher(axes: Axes, outcome: Outcome) -> None:
    """The teacher's map with the data that it was trained on."""
    show_map(axes, outcome.teacher_map, outcome.teacher_map)
    x, y = outcome.train.points.numpy().T
    axes.scatter(x, y, s=1.6, c=COLOURS[outcome.train.labels.numpy()], linewidths=0)
    right = outcome.figures["teacher_accuracy"]
    axes.set_title(f"teacher: right on {right:.1%}", color=INK["teacher"], fontsize=9)


def show_student(axes: Axes, outcome: Outcome, snapshot: Snapshot) -> None:
    """The student's map at one moment, with the points that it learns on."""
    show_map(axes, snapshot.map, outcome.teacher_map)
    if snapshot.points is not None:
        x, y = snapshot.points.numpy().T
        column, row = ((each / REACH + 1) / 2 * (MAP_SIDE - 1) for each in (x, y))
        classes = outcome.teacher_map.numpy().argmax(2)
        said = classes[row.round().astype(int), column.round().astype(int)]
        axes.scatter(
            x, y, s=16, c=COLOURS[said], edgecolors="black", linewidths=0.7, zorder=3,
            clip_on=False,
        )  # fmt: skip
    number, agreement = snapshot.row["round"], snapshot.row["agreement"]
    title = f"round {number:,}: agrees on {agreement:.1%}"
    axes.set_title(title, color=INK["student"], fontsize=9)


def show_map(axes: Axes, probabilities: Map, teacher: Map) -> None:
    """A network's classes as colours, under the teacher's borders."""
    colours = 1 - TINT * (1 - probabilities.numpy() @ COLOURS)
    extent = (-REACH, REACH, -REACH, REACH)
    axes.imshow(colours, origin="lower", extent=extent, interpolation="bilinear")
    axis = np.linspace(-REACH, REACH, MAP_SIDE)
    for one in np.moveaxis(teacher.numpy(), 2, 0):
        others = teacher.numpy().max(2, where=teacher.numpy() != one[..., None], initial=0)
        axes.contour(axis, axis, one - others, levels=[0], colors=INK["teacher"], linewidths=0.7)
    axes.set(xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
