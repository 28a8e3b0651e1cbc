"""Table 1: test accuracy of zero-shot students beside the few-shot baseline, for each pair."""

from collections.abc import Sequence
from pathlib import Path

from zskt.reproduce.experiment import Experiment, Report, over_seeds
from zskt.reproduce.lab import Lab
from zskt.reproduce.protocol import Protocol
from zskt.reproduce.published import SCRATCH, TABLE_1
from zskt.reproduce.wanted import Wanted, few_shot, scratch, zero_shot


def columns(
    protocol: Protocol, pair: tuple[str, str], seeds: Sequence[int]
) -> dict[str, list[Wanted]]:
    """The runs of one pair, by what they are called in the table."""
    per_class = protocol.table_1_per_class
    return {
        "scratch": [scratch(pair[1], seed) for seed in seeds],
        f"KD+AT M={per_class}": [few_shot(*pair, seed, per_class) for seed in seeds],
        "zero-shot": [zero_shot(*pair, seed) for seed in seeds],
    }


def wanted(protocol: Protocol, seeds: Sequence[int]) -> list[Wanted]:
    """All runs, each once."""
    runs = [
        run
        for pair in protocol.pairs
        for group in columns(protocol, pair, seeds).values()
        for run in group
    ]
    return list(dict.fromkeys(runs))


def report(lab: Lab, seeds: Sequence[int], out: Path) -> Report:
    """One row for each pair and method."""
    rows, everything = [], []
    for pair in lab.protocol.pairs:
        known = TABLE_1.get(pair, {}) if lab.published == "cifar10" else {}
        for name, group in columns(lab.protocol, pair, seeds).items():
            runs = [lab.make(run) for run in group]
            published = known.get("few-shot" if name.startswith("KD") else name)
            if name == "scratch" and lab.published == "cifar10":
                published = SCRATCH.get(pair[1])
            row = {"pair": " to ".join(pair), "method": name}
            rows.append({**row, **over_seeds(runs, published)})
            everything += runs
    return Report(rows, everything)


EXPERIMENT = Experiment("zero-shot beside few-shot students, pair by pair", wanted, report)
