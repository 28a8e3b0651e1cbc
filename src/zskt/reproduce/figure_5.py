"""Figure 5 (appendix 2): which classes networks see in uniform noise."""

from collections.abc import Sequence
from pathlib import Path

from zskt.pictures.noise import noise_bars
from zskt.pictures.style import house_style, save_figure
from zskt.reproduce.experiment import Experiment, Report
from zskt.reproduce.lab import Lab
from zskt.reproduce.protocol import Protocol
from zskt.reproduce.published import FIGURE_5
from zskt.reproduce.wanted import Wanted, noise, teacher


def wanted(protocol: Protocol, seeds: Sequence[int]) -> list[Wanted]:
    """Each network and what it says; one of each, as in the paper."""
    names = protocol.noise_networks
    return [*(teacher(name) for name in names), *(noise(name) for name in names)]


def report(lab: Lab, seeds: Sequence[int], out: Path) -> Report:
    """One row for each network."""
    runs = [lab.make(noise(name)) for name in lab.protocol.noise_networks]
    rows = [
        {
            "network": name,
            "counts": run.row["counts"],
            "confidence": run.row["confidence"],
            "published_counts": FIGURE_5.get(name) if lab.published == "cifar10" else None,
        }
        for name, run in zip(lab.protocol.noise_networks, runs, strict=True)
    ]
    with house_style():
        picture = save_figure(out / "figure-5.png", noise_bars(rows))
    return Report(rows, runs, [picture])


EXPERIMENT = Experiment("what networks say about uniform noise", wanted, report)
