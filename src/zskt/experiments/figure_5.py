"""Figure 5 (appendix 2): which classes networks see in uniform noise."""

from collections.abc import Sequence
from pathlib import Path

from zskt.experiments.experiment import Experiment, Report
from zskt.experiments.protocol import Protocol
from zskt.experiments.published import FIGURE_5
from zskt.experiments.specs import RunSpec, noise, teacher
from zskt.experiments.store import RunStore
from zskt.reports.noise import noise_bars
from zskt.reports.style import house_style, save_figure


def specs(protocol: Protocol, seeds: Sequence[int]) -> list[RunSpec]:
    """Each network and what it says; one of each, as in the paper."""
    return [make(name) for make in (teacher, noise) for name in protocol.noise_networks]


def report(store: RunStore, seeds: Sequence[int], out: Path) -> Report:
    """One row for each network."""
    runs = {name: store.make(noise(name)) for name in store.protocol.noise_networks}
    rows = [
        {
            "network": name,
            **({"diverged": run.error} if run.error else {}),
            "counts": run.row.get("counts"),
            "confidence": run.row.get("confidence"),
            "published_counts": FIGURE_5.get(name) if store.published == "cifar10" else None,
        }
        for name, run in runs.items()
    ]
    found = Report(rows, list(runs.values()))
    if drawn := [row for row in rows if row["counts"]]:
        with house_style():
            found.pictures = [save_figure(out / "figure-5.png", noise_bars(drawn))]
    return found


EXPERIMENT = Experiment("what networks say about uniform noise", specs, report)
