"""How far a run is, by its rounds or by the clock, and when it ends."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from zskt.distillation.run import Run

LOOKING = 0.1
"""Most of a run by the clock that looks at a test set may take, but for the last."""


class Budget:
    """What a run may spend and has spent.

    Args:
        run: its settings.
        clock: seconds that only grow; the run begins now.

    Attributes:
        round: the last round that was done.
        reserve: seconds to keep for what comes after the last round.
    """

    def __init__(self, run: Run, clock: Callable[[], float] = time.monotonic):
        self.run = run
        self.round = 0
        self.reserve = 0.0
        self._clock = clock
        self._started = clock()
        self._spent = 0.0
        self._passed = (0.0, 0.0)
        self._looked = 0.0

    def resume(self, round: int, seconds: float) -> None:
        """Go on after a round, earlier parts of the run having taken so many seconds."""
        self._spent = seconds
        self.go_back(round)

    def go_back(self, round: int) -> None:
        """Go on after an earlier round; what was spent stays spent."""
        self.round = round
        self._passed = (self.progress(), self.progress())

    @property
    def seconds(self) -> float:
        """Spent on the run, in all its parts."""
        return self._spent + self._clock() - self._started

    def progress(self) -> float:
        """Share of the run that lies behind, 0 to 1."""
        if self.run.total_rounds is not None:
            return self.round / self.run.total_rounds
        assert self.run.seconds is not None
        return min(1.0, self.seconds / max(1e-9, self.run.seconds - self.reserve))

    def advance(self) -> float:
        """A round is done; returns the progress after it."""
        self.round += 1
        self._passed = (self._passed[1], self.progress())
        return self._passed[1]

    def crossed(self, parts: int) -> bool:
        """Whether the last round passed one of so many equal parts of the run."""
        if (total := self.run.total_rounds) is not None:
            return self.round * parts // total > (self.round - 1) * parts // total
        before, after = self._passed
        return int(after * parts) > int(before * parts)

    def look_due(self) -> bool:
        """Whether it is time to look at a test set and at what both networks say of the images."""
        if self.paused():
            return True
        if every := self.run.evaluate_every:
            return self.round % every == 0
        if self.run.minutes is None:
            return self.crossed(100)
        # Looks take some of the time, on a large test set much of it.
        return self.crossed(20) and self._looked <= LOOKING * self.seconds

    @contextmanager
    def looking(self) -> Generator[None]:
        """Count the seconds of a look."""
        start = self._clock()
        yield
        self._looked += self._clock() - start

    def over(self) -> bool:
        """Whether the whole run is done."""
        return self.progress() >= 1

    def paused(self) -> bool:
        """Whether the run is done or has reached the round to stop at."""
        return self.over() or (self.run.until is not None and self.round >= self.run.until)

    def expected_rounds(self) -> float:
        """How many rounds the whole run will have, as far as can be told."""
        if self.run.total_rounds is not None:
            return self.run.total_rounds
        return self.round / max(self.progress(), 1e-9)
