"""The verdict on a run without data: good, doubtful or failed, with its reason.

It follows from the share of its teacher's accuracy that the student is predicted to keep
(`share.py`), which rests on images inverted from the teacher alone. Where there are none, after a
short run or for a teacher without batch norm, dead leaves (`probes.py`) can tell that it failed:
images with the edges and sizes of photographs. Neither the method nor the student has seen any of
them; agreement on the run's own images says less, because images that have all become one are easy
to agree with. No student is called good by them: one that was right on a quarter of its test set
agreed with its teacher on nine in ten of them (docs/verdict.md has the study).
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from zskt.measure.verdict.share import Share, predicted

Word = Literal["good", "doubtful", "failed"]
KEPT, LOST = 0.75, 0.5
"""Shares of the teacher's accuracy: good if all of the interval is above the first, failed if all
of it is below the second.
"""
FAILED = 0.05
"""Cohen's kappa on dead leaves, below which a run is called so."""
BETWEEN = 0.5
"""Cohen's kappa on blends of the run's own images, from which no run is called failed: students of
methods with a batch-norm prior agree with their teacher on photographs, and on dead leaves hardly.
"""
ADVICE: dict[Word, str] = {
    "failed": "play more rounds, or change the settings",
    "doubtful": "play more rounds, and test it on some real images",
    "good": "test it on some real images before you rely on it",
}
BALANCED = 0.6
"""Entropy of the classes that the run's images show, 0 to 1; below it some are missing."""


class Verdict(NamedTuple):
    """How good a student seems."""

    word: Word
    reason: str
    advice: str
    """For whoever made the run."""
    share: Share | None = None
    """Of its teacher's accuracy, where it can be predicted."""


def judged(signals: Mapping[str, float]) -> Verdict:
    """The verdict on what `zskt.measure.verdict.signals.signals` measured."""
    share = predicted(signals)
    return _by_leaves(signals) if share is None else _by_share(signals, share)


def word_of(share: Share) -> Word:
    """The word that follows from a prediction: good or failed only if all of its interval is."""
    if share.high < LOST:
        return "failed"
    return "good" if share.low >= KEPT else "doubtful"


def _by_share(signals: Mapping[str, float], share: Share) -> Verdict:
    reason = (
        f"on images made from its teacher alone it agrees with it on "
        f"{signals['inverted_agreement']:.0%}, so it keeps about {share.value:.0%} of its accuracy "
        f"(about eight times in ten {share.low:.0%} to {share.high:.0%})"
    )
    word = word_of(share)
    return Verdict(word, reason, ADVICE[word], share)


def _by_leaves(signals: Mapping[str, float]) -> Verdict:
    kappa = signals["leaves_kappa"]
    reason = (
        f"on artificial images that neither has seen, it agrees with its teacher on "
        f"{signals['leaves_agreement']:.0%} (kappa {kappa:.2f}, where 0 is chance and 1 the same)"
    )
    between = signals.get("blends_kappa", 0.0)
    if kappa < FAILED and between >= BETWEEN:
        reason += f", but between images that it learnt from on {signals['blends_agreement']:.0%}"
    elif kappa < FAILED:
        return Verdict("failed", reason, ADVICE["failed"])
    if signals.get("balance", 1.0) < BALANCED:
        reason += ", and the images it learnt from left out classes"
        return Verdict("doubtful", reason, "try another `seed`, or change the settings")
    reason += "; that is not enough to call it good"
    return Verdict("doubtful", reason, ADVICE["doubtful"])
