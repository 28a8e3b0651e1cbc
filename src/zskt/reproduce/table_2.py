"""Table 2 and Figure 4: belief match near decision boundaries, zero-shot beside KD+AT."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, pstdev

import numpy as np
import torch

from zskt.beliefs.folder import CURVES
from zskt.pictures.beliefs import mean_curves_beside
from zskt.pictures.style import house_style, save_figure
from zskt.reproduce.experiment import Experiment, Report
from zskt.reproduce.lab import Lab
from zskt.reproduce.protocol import Protocol
from zskt.reproduce.published import TABLE_2
from zskt.reproduce.wanted import Wanted, beliefs, few_shot, zero_shot


def students(protocol: Protocol, seeds: Sequence[int]) -> dict[str, list[Wanted]]:
    """The students that are compared, by name; the paper's KD+AT student saw all images."""
    pair, per_class = protocol.pair, protocol.table_1_per_class
    return {
        "zero-shot": [zero_shot(*pair, seed) for seed in seeds],
        "KD+AT": [few_shot(*pair, seed) for seed in seeds],
        f"KD+AT M={per_class}": [few_shot(*pair, seed, per_class) for seed in seeds],
    }


def wanted(protocol: Protocol, seeds: Sequence[int]) -> list[Wanted]:
    """The students, and the curves of each."""
    runs = [run for group in students(protocol, seeds).values() for run in group]
    return [*runs, *(beliefs(run) for run in runs)]


def report(lab: Lab, seeds: Sequence[int], out: Path) -> Report:
    """One row for each kind of student, and the curves of the first seed."""
    rows, everything, curves = [], [], {}
    for name, group in students(lab.protocol, seeds).items():
        trained = [lab.make(run) for run in group]
        judged = [lab.make(beliefs(run)) for run in group]
        errors = [run.row["mean_transition_error"] for run in judged]
        published = TABLE_2.get(lab.published or "", {}).get(name)
        rows.append({
            "student": name,
            "accuracy": fmean(run.accuracy for run in trained),
            "mean_transition_error": fmean(errors),
            "std_over_seeds": pstdev(errors),
            "standard_error_over_images": fmean(run.row["standard_error"] for run in judged),
            "seeds": len(judged),
            "published_error": published,
            "error_difference": None if published is None else fmean(errors) - published,
            "images": judged[0].row["images"],
        })  # fmt: skip
        everything += [*trained, *judged]
        with np.load(judged[0].path / CURVES) as file:
            curves[name] = {role: torch.from_numpy(file[role]) for role in ("student", "teacher")}
    with house_style():
        picture = save_figure(out / "figure-4.png", mean_curves_beside(curves))
    return Report(rows, everything, [picture])


TABLE = Experiment("mean transition errors, zero-shot beside KD+AT", wanted, report)
FIGURE = Experiment("transition curves of the same students", wanted, report)
