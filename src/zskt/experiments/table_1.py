"""Table 1: test accuracy of zero-shot students beside the few-shot baseline, for each pair."""

from collections.abc import Sequence
from pathlib import Path

from zskt.experiments.experiment import Experiment, Report, over_seeds
from zskt.experiments.protocol import Protocol
from zskt.experiments.published import SCRATCH, TABLE_1
from zskt.experiments.specs import RunSpec, few_shot, scratch, zero_shot
from zskt.experiments.store import RunStore


def columns(
    protocol: Protocol, pair: tuple[str, str], seeds: Sequence[int]
) -> dict[str, list[RunSpec]]:
    """The runs of one pair, by what they are called in the table."""
    per_class = protocol.table_1_per_class
    return {
        "scratch": [scratch(pair[1], seed) for seed in seeds],
        f"KD+AT M={per_class}": [few_shot(*pair, seed, per_class) for seed in seeds],
        "zero-shot": [zero_shot(*pair, seed) for seed in seeds],
    }


def specs(protocol: Protocol, seeds: Sequence[int]) -> list[RunSpec]:
    """All runs, each once."""
    runs = [
        run
        for pair in protocol.pairs
        for group in columns(protocol, pair, seeds).values()
        for run in group
    ]
    return list(dict.fromkeys(runs))


def report(store: RunStore, seeds: Sequence[int], out: Path) -> Report:
    """One row for each pair and method."""
    rows, everything = [], []
    for pair in store.protocol.pairs:
        known = TABLE_1.get(pair, {}) if store.published == "cifar10" else {}
        for name, group in columns(store.protocol, pair, seeds).items():
            runs = [store.make(run) for run in group]
            published = known.get("few-shot" if name.startswith("KD") else name)
            if name == "scratch" and store.published == "cifar10":
                published = SCRATCH.get(pair[1])
            row = {"pair": " to ".join(pair), "method": name}
            rows.append({**row, **over_seeds(runs, published)})
            everything += runs
    return Report(rows, everything)


EXPERIMENT = Experiment("zero-shot beside few-shot students, pair by pair", specs, report)
