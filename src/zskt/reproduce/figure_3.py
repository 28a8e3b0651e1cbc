"""Figure 3 and section 4.3: what the generator draws over time, and what is said of it."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from zskt.pictures.predictions import predictions_over_time
from zskt.pictures.style import house_style, save_figure
from zskt.reproduce.experiment import Experiment, Report
from zskt.reproduce.lab import Lab
from zskt.reproduce.protocol import Protocol
from zskt.reproduce.published import CONFIDENCE
from zskt.reproduce.wanted import Wanted, zero_shot
from zskt.training.run_folder import RunFolder


def wanted(protocol: Protocol, seeds: Sequence[int]) -> list[Wanted]:
    """One zero-shot run for each seed."""
    return [zero_shot(*protocol.pair, seed) for seed in seeds]


def report(lab: Lab, seeds: Sequence[int], out: Path) -> Report:
    """One row for each seed: means over the run; the sheets and histograms of the first seed."""
    runs = [lab.make(run) for run in wanted(lab.protocol, seeds)]
    rows = []
    for seed, run in zip(seeds, runs, strict=True):
        recorded = [row for row in RunFolder(run.path).metrics() if "teacher_confidence" in row]
        row: dict = {"seed": seed, "accuracy": run.accuracy}
        for role, published in CONFIDENCE.items():
            row[f"{role}_confidence"] = fmean(each[f"{role}_confidence"] for each in recorded)
            row[f"published_{role}_confidence"] = published if lab.published == "cifar10" else None
        rows.append(row)
    out.mkdir(parents=True, exist_ok=True)
    sheets = Path(shutil.copy(runs[0].path / "generated.png", out / "figure-3.png"))
    with house_style():
        figure = predictions_over_time(RunFolder(runs[0].path).metrics())
        said = save_figure(out / "predictions.png", figure)
    return Report(rows, runs, [sheets, said])


EXPERIMENT = Experiment("what the generator draws, and what is said of it", wanted, report)
