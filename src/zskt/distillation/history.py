"""What a run measures: a row of numbers now and then."""

from typing import Any

from zskt.distillation.counts import Counts
from zskt.distillation.session import Round
from zskt.measure.accuracy import confidence, histograms

OF_THE_LOOP = (
    "round", "seconds", "rounds_per_second", "student_accuracy", "agreement",
    "images_made", "images_seen", "seconds_making", "seconds_teaching", "rate_factor",
)  # fmt: skip
"""Names in a row that a method may not give to its metrics; so are those of what networks say."""
OF_THE_LOGITS = ("confidence", "confidence_histogram", "classes")


class History:
    """Makes the rows of a run; who records them has them.

    Args:
        round: the last of its earlier rounds.
        seconds: that they took.
    """

    def __init__(self, round: int, seconds: float):
        self._last = round, seconds

    def row(
        self,
        number: int,
        played: Round,
        judged: dict[str, float],
        *,
        counts: Counts,
        seconds: float,
        with_histograms: bool,
    ) -> dict[str, Any]:
        """A new row.

        Args:
            number: of the round.
            played: what the method left of it.
            judged: what was measured of the student besides.
            counts: images and seconds by their use.
            seconds: since the start of the run.
            with_histograms: of what both networks say too.
        """
        check_names(played)
        row: dict[str, Any] = {"round": number}
        row |= {name: value.item() for name, value in played.metrics.items()}
        for role, logits in played.logits.items():
            row[f"{role}_confidence"] = confidence(logits)
        row |= judged
        if with_histograms:
            for role, logits in played.logits.items():
                judged_logits = histograms(logits)
                row |= {f"{role}_{name}": values for name, values in judged_logits.items()}
        (before, then), self._last = self._last, (number, seconds)
        rate = (number - before) / max(seconds - then, 1e-9)
        row |= counts.row()
        row |= {"seconds": round(seconds, 2), "rounds_per_second": round(rate, 3)}
        return row

    def last_row(self, number: int, judged: dict[str, float], counts: Counts) -> dict[str, Any]:
        """Of a run that has no round left to play: its student, judged, and what was counted."""
        return {"round": number, **judged, **counts.row(), "seconds": round(self._last[1], 2)}


def check_names(played: Round) -> None:
    """Refuse metrics of a method that are named like the loop's own.

    Raises:
        ValueError: with the name; this is for who writes a method.
    """
    taken = {*OF_THE_LOOP}
    taken |= {f"{role}_{name}" for role in ("teacher", "student") for name in OF_THE_LOGITS}
    if clash := sorted(taken & played.metrics.keys()):
        raise ValueError(f"the loop records {clash[0]} itself; give the method's another name")
