"""The verdict on a run without data: good, doubtful or failed, with its reason.

It rests on dead leaves (`probes.py`): images with the edges and sizes of photographs, which neither
the generator nor the student has seen. How far the student agrees with its teacher on them ranks
students as a test set does; agreement on what the generator itself draws does not, because a
generator that has collapsed is easy to agree with (docs/verdict.md has the study).
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Word = Literal["good", "doubtful", "failed"]
GOOD = 0.8
FAILED = 0.5
"""Agreement on dead leaves, as a share of the images, from and below which a run is called so."""


class Verdict(NamedTuple):
    """How good a student seems."""

    word: Word
    reason: str

    def __str__(self) -> str:
        return f"verdict without data: {self.word}; {self.reason}"


def judged(signals: Mapping[str, float]) -> Verdict:
    """The verdict on what `zskt.verdict.signals.signals` measured."""
    agreement = signals["leaves_agreement"]
    word: Word = "good" if agreement >= GOOD else "failed" if agreement < FAILED else "doubtful"
    return Verdict(word, f"agrees with its teacher on {agreement:.0%} of images it has never seen")
