"""Figure 2: test accuracy over the number M of real images of each class."""

from collections.abc import Sequence
from pathlib import Path

from zskt.experiments.experiment import Experiment, Report, over_seeds
from zskt.experiments.protocol import Protocol
from zskt.experiments.published import FIGURE_2
from zskt.experiments.specs import RunSpec, few_shot, finetuned, scratch, zero_shot
from zskt.experiments.store import RunStore
from zskt.report.accuracy import accuracy_over_images
from zskt.report.style import house_style, save_figure

Points = dict[tuple[str, int | None], list[RunSpec]]
"""Runs of all seeds by curve and M; 0 is no image, None all of them."""


def points(protocol: Protocol, seeds: Sequence[int]) -> Points:
    """Every point of the figure."""
    teacher, student = protocol.pair
    found: Points = {("zero-shot", 0): [zero_shot(teacher, student, seed) for seed in seeds]}
    for count in (*protocol.per_class, None):
        found["no teacher", count] = [scratch(student, seed, count) for seed in seeds]
        found["KD+AT", count] = [few_shot(teacher, student, seed, count) for seed in seeds]
        if count is not None:
            found["zero-shot + M", count] = [finetuned(run, count) for run in found["zero-shot", 0]]
    return found


def specs(protocol: Protocol, seeds: Sequence[int]) -> list[RunSpec]:
    """All runs."""
    return [run for group in points(protocol, seeds).values() for run in group]


def report(store: RunStore, seeds: Sequence[int], out: Path) -> Report:
    """One row for each point, and the picture."""
    rows, everything = [], []
    for (curve, count), group in points(store.protocol, seeds).items():
        runs = [store.make(run) for run in group]
        published = FIGURE_2.get(store.published or "", {}).get(curve, {}).get(count)
        row = {"curve": curve, "per_class": "all" if count is None else count}
        rows.append({**row, **over_seeds(runs, published)})
        everything += runs
    drawn = [row for row in rows if row["accuracy"] is not None]
    with house_style():
        title = f"{store.protocol.pair[0]} to {store.protocol.pair[1]}, {Path(store.data).stem}"
        picture = save_figure(out / "figure-2.png", accuracy_over_images(drawn, title))
    return Report(rows, everything, [picture])


EXPERIMENT = Experiment("accuracy over the number of real images of each class", specs, report)
