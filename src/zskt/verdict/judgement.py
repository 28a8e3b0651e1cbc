"""The verdict on a run without data: good, doubtful or failed, with its reason.

It rests on dead leaves (`probes.py`): images with the edges and sizes of photographs, which neither
the generator nor the student has seen. How far the student agrees with its teacher on them ranks
students as a test set does; agreement on what the generator itself draws does not, because a
generator that has collapsed is easy to agree with (docs/verdict.md has the study).
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Word = Literal["good", "doubtful", "failed"]
GOOD = 0.7
FAILED = 0.3
"""Agreement on dead leaves, as a share of the images, from and below which a run is called so."""
BALANCED = 0.6
"""Entropy of the classes that the generator drew, 0 to 1; below it some are missing."""


class Verdict(NamedTuple):
    """How good a student seems."""

    word: Word
    reason: str

    def __str__(self) -> str:
        return f"verdict without data: {self.word}; {self.reason}"


def judged(signals: Mapping[str, float]) -> Verdict:
    """The verdict on what `zskt.verdict.signals.signals` measured."""
    agreement = signals["leaves_agreement"]
    told = f"the student agrees with its teacher on {agreement:.0%} of images that none has seen"
    if agreement < FAILED:
        return Verdict("failed", f"{told}; play more rounds, or change the settings")
    if signals.get("balance", 1.0) < BALANCED:
        return Verdict("doubtful", "the generator left out classes; try another --seed")
    if agreement < GOOD:
        return Verdict("doubtful", f"{told}; test it on a few real ones, or play more rounds")
    return Verdict("good", told)
