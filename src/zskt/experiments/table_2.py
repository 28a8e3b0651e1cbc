"""Table 2 and Figure 4: belief match near decision boundaries, zero-shot beside KD+AT."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import numpy as np
import torch

from zskt.experiments.experiment import Experiment, Report, difference, over_seeds, runs_of
from zskt.experiments.protocol import Protocol
from zskt.experiments.published import TABLE_2
from zskt.experiments.specs import RunSpec, beliefs, few_shot, zero_shot
from zskt.experiments.store import FinishedRun, RunStore
from zskt.reports.beliefs import mean_curves_beside
from zskt.reports.style import house_style, save_figure
from zskt.runs.folder import CURVES


def students(protocol: Protocol, seeds: Sequence[int]) -> dict[str, list[RunSpec]]:
    """The students that are compared, by name; the paper's KD+AT student saw all images."""
    pair, per_class = protocol.pair, protocol.table_1_per_class
    return {
        "zero-shot": [zero_shot(*pair, seed) for seed in seeds],
        "KD+AT": [few_shot(*pair, seed) for seed in seeds],
        f"KD+AT M={per_class}": [few_shot(*pair, seed, per_class) for seed in seeds],
    }


def specs(protocol: Protocol, seeds: Sequence[int]) -> list[RunSpec]:
    """The students, and the curves of each."""
    runs = runs_of(students)(protocol, seeds)
    return [*runs, *map(beliefs, runs)]


def report(store: RunStore, seeds: Sequence[int], out: Path) -> Report:
    """One row for each kind of student, and the curves of the first seed."""
    found, curves = Report([]), {}
    known = TABLE_2.get(store.published or "", {})
    for name, group in students(store.protocol, seeds).items():
        trained = [store.make(run) for run in group]
        judged = [store.make(beliefs(run)) for run in group]
        found.runs += [*trained, *judged]
        found.rows.append({"student": name, **errors_over_seeds(trained, judged, known.get(name))})
        if judged[0].error is None:
            with np.load(judged[0].path / CURVES) as file:
                roles = ("student", "teacher")
                curves[name] = {role: torch.from_numpy(file[role]) for role in roles}
    if curves:
        with house_style():
            found.pictures = [save_figure(out / "figure-4.png", mean_curves_beside(curves))]
    return found


def errors_over_seeds(
    trained: Sequence[FinishedRun], judged: Sequence[FinishedRun], published: float | None
) -> dict[str, Any]:
    """The accuracy and transition errors of students that did not diverge."""
    row = over_seeds(trained, None)
    finished = [run.row for run in judged if run.error is None]
    errors = [each["mean_transition_error"] for each in finished]
    spreads = [each["standard_error"] for each in finished]
    mean = fmean(errors) if errors else None
    return {
        "accuracy": row["accuracy"],
        "mean_transition_error": mean,
        "std_over_seeds": pstdev(errors) if errors else None,
        "standard_error_over_images": fmean(spreads) if spreads else None,
        "seeds": len(errors),
        "published_error": published,
        "error_difference": difference(mean, published),
        "images": finished[0]["images"] if finished else None,
        **({"diverged": row["diverged"]} if "diverged" in row else {}),
    }


TABLE = Experiment("mean transition errors, zero-shot beside KD+AT", specs, report)
FIGURE = Experiment("transition curves of the same students", specs, report)
