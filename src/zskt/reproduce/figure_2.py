"""Figure 2: test accuracy over the number M of real images of each class."""

from collections.abc import Sequence
from pathlib import Path

from zskt.pictures.accuracy import accuracy_over_images
from zskt.pictures.style import house_style, save_figure
from zskt.reproduce.experiment import Experiment, Report, over_seeds
from zskt.reproduce.lab import Lab
from zskt.reproduce.protocol import Protocol
from zskt.reproduce.published import FIGURE_2
from zskt.reproduce.wanted import Wanted, few_shot, finetuned, scratch, zero_shot

Points = dict[tuple[str, int | None], list[Wanted]]
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


def wanted(protocol: Protocol, seeds: Sequence[int]) -> list[Wanted]:
    """All runs."""
    return [run for group in points(protocol, seeds).values() for run in group]


def report(lab: Lab, seeds: Sequence[int], out: Path) -> Report:
    """One row for each point, and the picture."""
    rows, everything = [], []
    for (curve, count), group in points(lab.protocol, seeds).items():
        runs = [lab.make(run) for run in group]
        published = FIGURE_2.get(lab.published or "", {}).get(curve, {}).get(count)
        row = {"curve": curve, "per_class": "all" if count is None else count}
        rows.append({**row, **over_seeds(runs, published)})
        everything += runs
    with house_style():
        title = f"{lab.protocol.pair[0]} to {lab.protocol.pair[1]}, {Path(lab.data).stem}"
        picture = save_figure(out / "figure-2.png", accuracy_over_images(rows, title))
    return Report(rows, everything, [picture])


EXPERIMENT = Experiment("accuracy over the number of real images of each class", wanted, report)
