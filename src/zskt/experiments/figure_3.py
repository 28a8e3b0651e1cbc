"""Figure 3 and section 4.3: what the generator draws over time, and what is said of it."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from zskt.experiments.experiment import Experiment, Report
from zskt.experiments.protocol import Protocol
from zskt.experiments.published import CONFIDENCE
from zskt.experiments.specs import RunSpec, zero_shot
from zskt.experiments.store import RunStore
from zskt.reports.predictions import predictions_over_time
from zskt.reports.style import house_style, save_figure
from zskt.runs.folder import RunFolder


def specs(protocol: Protocol, seeds: Sequence[int]) -> list[RunSpec]:
    """One zero-shot run for each seed."""
    return [zero_shot(*protocol.pair, seed) for seed in seeds]


def report(store: RunStore, seeds: Sequence[int], out: Path) -> Report:
    """One row for each seed: means over the run; the sheets and histograms of the first seed."""
    runs = [store.make(run) for run in specs(store.protocol, seeds)]
    comparable = store.published == "cifar10"
    rows = []
    for seed, run in zip(seeds, runs, strict=True):
        if run.error is not None:
            rows.append({"seed": seed, "diverged": run.error})
            continue
        recorded = [row for row in RunFolder(run.path).metrics() if "teacher_confidence" in row]
        row: dict = {"seed": seed, "accuracy": run.accuracy}
        for role, published in CONFIDENCE.items():
            row[f"{role}_confidence"] = fmean(each[f"{role}_confidence"] for each in recorded)
            row[f"published_{role}_confidence"] = published if comparable else None
        rows.append(row)
    finished = [run.path for run in runs if run.error is None]
    if not finished:
        return Report(rows, runs)
    out.mkdir(parents=True, exist_ok=True)
    sheets = Path(shutil.copy(finished[0] / "generated.png", out / "figure-3.png"))
    with house_style():
        figure = predictions_over_time(RunFolder(finished[0]).metrics())
        predictions = save_figure(out / "predictions.png", figure)
    return Report(rows, runs, [sheets, predictions])


EXPERIMENT = Experiment("what the generator draws, and what is said of it", specs, report)
