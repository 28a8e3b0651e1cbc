"""Figure 2: test accuracy over the number M of real images of each class."""

from collections.abc import Sequence
from pathlib import Path

from zskt.experiments.experiment import Experiment, Report, compared, runs_of
from zskt.experiments.protocol import Protocol
from zskt.experiments.published import FIGURE_2
from zskt.experiments.specs import RunSpec, few_shot, finetuned, scratch, zero_shot
from zskt.experiments.store import RunStore
from zskt.reports.accuracy import accuracy_over_images
from zskt.reports.style import house_style, save_figure

Point = tuple[str, int | None]
"""Curve and M; 0 is no image, None all of them."""


def points(protocol: Protocol, seeds: Sequence[int]) -> dict[Point, list[RunSpec]]:
    """The runs of every point of the figure."""
    teacher, student = protocol.pair
    zero = [zero_shot(teacher, student, seed) for seed in seeds]
    found: dict[Point, list[RunSpec]] = {("zero-shot", 0): zero}
    for count in (*protocol.per_class, None):
        found["no teacher", count] = [scratch(student, seed, count) for seed in seeds]
        found["KD+AT", count] = [few_shot(teacher, student, seed, count) for seed in seeds]
        if count is not None:
            found["zero-shot + M", count] = [finetuned(run, count) for run in zero]
    return found


specs = runs_of(points)


def report(store: RunStore, seeds: Sequence[int], out: Path) -> Report:
    """One row for each point, and the picture."""

    def about(point: Point) -> dict[str, str | int]:
        curve, count = point
        return {"curve": curve, "per_class": "all" if count is None else count}

    def published(point: Point) -> float | None:
        curve, count = point
        return FIGURE_2.get(store.published or "", {}).get(curve, {}).get(count)

    found = compared(store, points(store.protocol, seeds), about, published)
    drawn = [row for row in found.rows if row["accuracy"] is not None]
    with house_style():
        title = f"{' to '.join(store.protocol.pair)}, {Path(store.data).stem}"
        found.pictures = [save_figure(out / "figure-2.png", accuracy_over_images(drawn, title))]
    return found


EXPERIMENT = Experiment("accuracy over the number of real images of each class", specs, report)
