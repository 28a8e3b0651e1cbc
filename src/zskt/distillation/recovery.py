"""Going back: a run whose numbers broke goes on from its last good checkpoint, at half the rates.

    a loss or a weight is no longer finite
        put back the last checkpoint, or how it all began
        halve the rate factor, by which session.descend multiplies every learning rate
        clip gradients there from now on, if the method does not
        go on as a run that was stopped there

A method knows nothing of it. What was done is part of the saved state, so a run that is resumed
has the same rates. Of several processes one whose numbers broke is enough: the first gathers that,
tells the others, and all go back to what it saved.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from zskt.distillation.round import Round
from zskt.distillation.session import Session
from zskt.errors import DivergedError
from zskt.runs.writer import Writer

CLIP = 5.0
"""Largest norm of a gradient from then on: what the two methods have that clip always. Half a rate
is still far too much where gradients are thousands, as in MobileNets on small batches."""


class Recovery:
    """What a run goes back to, and how often it has.

    Args:
        most: times that it may.
        student: as it is before the first round.
        saved: the state that the run goes on from, if it was stopped before.
        writer: which has the last checkpoint, on the first process.
        told: makes what the first process has of what this one has.

    Attributes:
        saved: the state to go on from now; None for the beginning.
        made: what was done so far, oldest first, as plain values.
        went_back: whether anything was done in this part of the run.
    """

    def __init__(
        self, most: int, student: nn.Module, saved: dict[str, Any] | None, writer: Writer,
        told: Callable[[Any], Any] = lambda value: value,
    ):  # fmt: skip
        self._most = most
        self._told = told
        self._writer = writer
        writer.keep_state(saved, wanted=most > 0)
        self._student = student
        self._began = copy.deepcopy(student.state_dict()) if most else {}
        self.saved = saved
        self.went_back = False
        self.made: list[dict[str, Any]] = list((saved or {}).get("recovered", ()))

    @property
    def rate_factor(self) -> float:
        """What every learning rate is multiplied by."""
        return 0.5 ** len(self.made)

    @property
    def clip(self) -> float | None:
        """The largest norm of a gradient, where a method sets none."""
        return CLIP if self.made else None

    @property
    def round(self) -> int:
        """The round to go on from."""
        return self.saved["round"] if self.saved else 0

    def row(self) -> dict[str, float]:
        """For the record; nothing in a run that never broke."""
        return {"rate_factor": self.rate_factor} if self.made else {}

    def state(self) -> dict[str, Any]:
        """For the checkpoint; nothing in a run that never broke."""
        return {"recovered": self.made} if self.made else {}

    def go_back(self, error: DivergedError, number: int) -> str:
        """Put back what there was before it broke; returns a sentence for the user.

        Args:
            error: what broke.
            number: the round in which that was noticed.

        Raises:
            DivergedError: the same, if the run has gone back often enough.
        """
        if len(self.made) >= self._most:
            raise error
        self.saved = self._told(self._writer.state())
        if self.saved is None:
            self._student.load_state_dict(self._began)
        self.went_back = True
        self.made.append({"round": number, "back_to": self.round, "broken": error.broken})
        if self.saved is not None:
            # A kill from here on must not bring the old rates back.
            self.saved = {**self.saved, **self.state()}
            self._writer.save(self.saved)
        self._writer.rewind(self.round)
        return (
            f"In round {number} {error.broken} was no longer finite: the run goes on from round "
            f"{self.round} with {self.rate_factor:g} times its learning rates and gradients of at "
            f"most norm {CLIP:g}. It may do so {self._most - len(self.made)} more times."
        )


def check_finite(number: int, played: Round, session: Session, *, weights: bool) -> None:
    """Look whether the numbers of a round are finite, on every process or on none.

    Args:
        number: of the round.
        played: its metrics are looked at.
        session: its networks are looked at too, if asked.
        weights: ask.

    Raises:
        DivergedError: with the first thing that is not.
    """
    broken = [name for name, value in played.metrics.items() if not torch.isfinite(value)]
    networks = {"student": session.student, **session.networks} if weights else {}
    broken += [
        f"a weight of the {name}"
        for name, network in networks.items()
        if not all(torch.isfinite(each).all() for each in network.parameters())
    ]
    found = broken[0] if broken else ""
    if session.fabric.world_size > 1:
        flag = torch.tensor(float(bool(found)), device=session.device)
        count = session.fabric.all_reduce(flag, reduce_op="sum")
        found = session.fabric.broadcast(found or ("a loss of another process" if count else ""))
    if found:
        raise DivergedError(
            f"in round {number} {found} is no longer finite; lower the learning rates or use "
            "`precision` 32 (a checkpoint from before is kept)",
            broken=found,
        )
