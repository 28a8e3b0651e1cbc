"""What a run has spent: images made and seen, seconds of making and of teaching."""

import time
from collections.abc import Callable
from typing import Any

SUMS = "images_made", "images_seen", "seconds_making", "seconds_teaching"


class Counts:
    """Sums over a whole run, part of its saved state.

    Attributes:
        images_made: different images that the student was taught from, each counted once.
        images_seen: images of all student steps.
        seconds_making: up to steps of anything but the student, since the step before. On a GPU
            these and those of teaching are the host's, which does not wait for it.
        seconds_teaching: up to steps of the student.
        wait: called before the time is taken; for who wants the seconds of a GPU.
        after_step: told after every step whether it was one of the student.
    """

    def __init__(self):
        self.images_made = 0
        self.images_seen = 0
        self.seconds_making = 0.0
        self.seconds_teaching = 0.0
        self.wait: Callable[[], None] = lambda: None
        self.after_step: Callable[[bool], None] = lambda teaching: None
        self._since = time.monotonic()

    def add(self, made: int, seen: int, processes: int) -> None:
        """Count the images of a round, the same on every process."""
        self.images_made += made * processes
        self.images_seen += seen * processes

    def restart_clock(self) -> None:
        """What came since the last step belongs to nothing, such as a look at a test set."""
        self._since = time.monotonic()

    def stepped(self, *, teaching: bool) -> None:
        """A step is done; the time since the one before went into it."""
        self.wait()
        now = time.monotonic()
        if teaching:
            self.seconds_teaching += now - self._since
        else:
            self.seconds_making += now - self._since
        self.after_step(teaching)
        self._since = now

    def row(self) -> dict[str, float]:
        """For the record."""
        return {
            "images_made": self.images_made,
            "images_seen": self.images_seen,
            "seconds_making": round(self.seconds_making, 2),
            "seconds_teaching": round(self.seconds_teaching, 2),
        }

    def state_dict(self) -> dict[str, Any]:
        """The sums."""
        return {name: getattr(self, name) for name in SUMS}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from sums."""
        vars(self).update(state)
