"""What a run measures: a row of numbers now and then."""

from typing import Any

import torch

from zskt.distillation.counts import Counts
from zskt.distillation.session import Round, Session
from zskt.errors import DivergedError
from zskt.measure.accuracy import confidence, histograms

OF_THE_LOOP = (
    "round", "seconds", "rounds_per_second", "student_accuracy", "agreement",
    "images_made", "images_seen", "seconds_making", "seconds_teaching",
)  # fmt: skip
"""Names in a row that a method may not give to its metrics; so are those of what networks say."""
OF_THE_LOGITS = ("confidence", "confidence_histogram", "classes")


class History:
    """The rows of a run.

    Args:
        rows: those of its earlier parts.
        round: the last of its earlier rounds.
        seconds: that they took.
    """

    def __init__(self, rows: list[dict[str, Any]], round: int, seconds: float):
        self.rows = rows
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
        """Add a row.

        Args:
            number: of the round.
            played: what the method left of it.
            judged: what was measured of the student besides.
            counts: images and seconds by their use.
            seconds: since the start of the run.
            with_histograms: of what both networks say too.

        Raises:
            DivergedError: if a loss is not finite.
        """
        check_names(played)
        check_finite(number, played)
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
        self.rows.append(row)
        return row


def check_names(played: Round) -> None:
    """Refuse metrics of a method that are named like the loop's own.

    Raises:
        ValueError: with the name; this is for who writes a method.
    """
    taken = {*OF_THE_LOOP}
    taken |= {f"{role}_{name}" for role in ("teacher", "student") for name in OF_THE_LOGITS}
    if clash := sorted(taken & played.metrics.keys()):
        raise ValueError(f"the loop records {clash[0]} itself; give the method's another name")


def check_finite(number: int, played: Round, session: Session | None = None) -> None:
    """Raise a `DivergedError` if a metric of the round or a weight is not finite."""
    broken = [name for name, value in played.metrics.items() if not torch.isfinite(value)]
    if session is not None:
        networks = {"student": session.student, **session.networks}
        broken += [
            f"a weight of the {name}"
            for name, network in networks.items()
            if not all(torch.isfinite(each).all() for each in network.parameters())
        ]
    if broken:
        raise DivergedError(
            f"in round {number} {broken[0]} is no longer finite; lower the learning rates or use "
            "`precision` 32 (a checkpoint from before is kept)"
        )
