"""The share of its teacher's accuracy that a student keeps, predicted without data.

    share = w0 + w1 * agreement,  between 0 and 1
    interval = share -+ what the predictions of nine runs in ten are off by at most

The agreement is that of student and teacher on images inverted from the teacher alone, of every
class as many (`inverted.py`): a student by chance agrees on as many as it gets right of real ones.
Both numbers come from students whose accuracy was measured (`benchmarks/share.py`); how far
predictions are off is counted on data sets that were left out when the line was drawn, and there a
run that was looked at five times counts once. The table that they rest on lies beside them in
`assets/share.json`; docs/verdict.md says where this fails.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

SIGNAL = "inverted_agreement"
COVERED = 0.9
"""Of the predictions, the interval is to hold so many."""


class Share(NamedTuple):
    """A prediction, all from 0 to 1."""

    value: float
    low: float
    high: float


class Line(NamedTuple):
    """What predicts: the share at agreement 0, its rise to 1, and half of the interval."""

    start: float
    rise: float
    half: float

    def at(self, agreement: float) -> Share:
        """The prediction for a student."""
        value = min(1.0, max(0.0, self.start + self.rise * agreement))
        return Share(value, max(0.0, value - self.half), min(1.0, value + self.half))


def predicted(signals: Mapping[str, float]) -> Share | None:
    """The share of a student with these signals; None where no images were inverted."""
    if SIGNAL not in signals:
        return None
    learnt = json.loads((files("zskt") / "assets" / "share.json").read_text())
    return Line(learnt["start"], learnt["rise"], learnt["half"]).at(signals[SIGNAL])


def fitted(rows: Sequence[Mapping[str, Any]]) -> Line:
    """The line through measured students, its interval from data sets left out in turn.

    Args:
        rows: each with `data`, `share`, the signal, and `run`, which several looks at one run have
            in common; of two data sets at least.
    """
    lines = {
        data: through([row for row in rows if row["data"] != data])
        for data in {row["data"] for row in rows}
    }
    off = [abs(lines[row["data"]].at(row[SIGNAL]).value - row["share"]) for row in rows]
    looks = Counter(row["run"] for row in rows)
    half = quantile(off, [1 / looks[row["run"]] for row in rows], COVERED)
    return through(rows)._replace(half=half)


def quantile(values: Sequence[float], weights: Sequence[float], share: float) -> float:
    """The least value that, with all below it, has this share of the weight."""
    order = np.argsort(values)
    weight = np.cumsum(np.array(weights)[order])
    place = np.searchsorted(weight, share * weight[-1])
    return float(np.array(values)[order][place])


def through(rows: Sequence[Mapping[str, Any]]) -> Line:
    """The line of least squares, without an interval."""
    agreements = np.array([row[SIGNAL] for row in rows])
    shares = np.array([row["share"] for row in rows])
    rise, start = np.polyfit(agreements, shares, 1)
    return Line(float(start), float(rise), 0.0)
