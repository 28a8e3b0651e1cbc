"""Table 1: test accuracy of zero-shot students beside the few-shot baseline, for each pair."""

from collections.abc import Sequence
from pathlib import Path

from zskt.experiments.experiment import Experiment, Report, compared, runs_of
from zskt.experiments.protocol import Protocol
from zskt.experiments.published import SCRATCH, TABLE_1
from zskt.experiments.specs import RunSpec, few_shot, scratch, zero_shot
from zskt.experiments.store import RunStore

Cell = tuple[tuple[str, str], str]
"""Teacher and student, and what the method is called."""


def cells(protocol: Protocol, seeds: Sequence[int]) -> dict[Cell, list[RunSpec]]:
    """The runs of each cell of the table."""
    per_class = protocol.table_1_per_class
    found: dict[Cell, list[RunSpec]] = {}
    for pair in protocol.pairs:
        found[pair, "scratch"] = [scratch(pair[1], seed) for seed in seeds]
        few = [few_shot(*pair, seed, per_class) for seed in seeds]
        found[pair, f"KD+AT M={per_class}"] = few
        found[pair, "zero-shot"] = [zero_shot(*pair, seed) for seed in seeds]
    return found


def published(cell: Cell) -> float | None:
    """The paper's accuracy on CIFAR-10."""
    pair, method = cell
    if method == "scratch":
        return SCRATCH.get(pair[1])
    return TABLE_1.get(pair, {}).get("zero-shot" if method == "zero-shot" else "few-shot")


specs = runs_of(cells)


def report(store: RunStore, seeds: Sequence[int], out: Path) -> Report:
    """One row for each pair and method."""
    return compared(
        store,
        cells(store.protocol, seeds),
        lambda cell: {"pair": " to ".join(cell[0]), "method": cell[1]},
        published if store.published == "cifar10" else lambda cell: None,
    )


EXPERIMENT = Experiment("zero-shot beside few-shot students, pair by pair", specs, report)
