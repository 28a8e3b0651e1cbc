"""The share of its teacher's accuracy that a student keeps, predicted without data.

    share = w0 + w1 * agreement,  between 0 and 1
    interval = from share - below to share + above, which nine finished runs in ten lie between;
               of data that the line has not seen about eight

The agreement is that of student and teacher on images inverted from the teacher alone, of every
class as many (`inverted.py`): a student by chance agrees on as many as it gets right of real ones.
All four numbers come from students whose accuracy was measured (`benchmarks/share.py`); how far
predictions are off is counted on data sets that were left out when the line was drawn, and on the
students of finished runs, which are harder to predict than those of the study that most of the
line rests on. The table lies beside them in `assets/share.json`; docs/verdict.md says where this
fails.
"""

import json
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
    """What predicts: the share at agreement 0, its rise to 1, and how far the interval reaches."""

    start: float
    rise: float
    below: float
    above: float

    def at(self, agreement: float) -> Share:
        """The prediction for a student."""
        value = min(1.0, max(0.0, self.start + self.rise * agreement))
        return Share(value, max(0.0, value - self.below), min(1.0, value + self.above))


def predicted(signals: Mapping[str, float]) -> Share | None:
    """The share of a student with these signals; None where no images were inverted."""
    if SIGNAL not in signals:
        return None
    learnt = json.loads((files("zskt") / "assets" / "share.json").read_text())
    return Line(*(learnt[name] for name in Line._fields)).at(signals[SIGNAL])


def fitted(rows: Sequence[Mapping[str, Any]]) -> Line:
    """The line through measured students, its interval from data sets left out in turn.

    Args:
        rows: each with `data`, `share` and the signal, and, where it is a look at a run that went
            on, the `round`; of two data sets at least, with finished runs among them.
    """
    lines = {
        data: through([row for row in rows if row["data"] != data])
        for data in {row["data"] for row in rows}
    }
    finished = [row for row in rows if "round" not in row]
    off = [row["share"] - lines[row["data"]].at(row[SIGNAL]).value for row in finished]
    tail = (1 - COVERED) / 2
    # A value that was seen, so that no more runs than these lie outside.
    low, high = np.quantile(off, tail, method="lower"), np.quantile(off, 1 - tail, method="higher")
    return through(rows)._replace(below=max(0.0, -float(low)), above=max(0.0, float(high)))


def through(rows: Sequence[Mapping[str, Any]]) -> Line:
    """The line of least squares, without an interval."""
    agreements = np.array([row[SIGNAL] for row in rows])
    shares = np.array([row["share"] for row in rows])
    rise, start = np.polyfit(agreements, shares, 1)
    return Line(float(start), float(rise), 0.0, 0.0)
