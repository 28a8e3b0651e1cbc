"""The settings of a run, whatever the method."""

from dataclasses import dataclass

from zskt.devices import Precision
from zskt.errors import check_settings


@dataclass(frozen=True, kw_only=True)
class Run:
    """How long, where, how precisely, and how often what is recorded."""

    rounds: int = 80_000
    """Turns of the game, over which learning rates decay."""
    until: int | None = None
    """The round to stop at, if the run is not to be played to its end at once."""
    seed: int = 0
    """For weights, noise and everything else that is drawn."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:N` or `mps`."""
    precision: Precision = "auto"
    """`bf16` autocast, exact `32`, or `auto`: bf16 where the hardware has it."""
    record_every: int = 10
    """Rounds between two rows of metrics."""
    evaluate_every: int | None = None
    """Rounds between two looks at the test set, if one is given, and at what both networks say of
    the images; by default 100 in a run."""
    average_over: float = 0.02
    """Share of the rounds that the student's moving average reaches back; 0 keeps none."""
    save_seconds: float = 60.0
    """Seconds between two checkpoints: how much a kill can cost."""

    def __post_init__(self):
        check_settings(self, "seed", "save_seconds", "average_over", at_most_one=("average_over",))

    @property
    def end(self) -> int:
        """The last round to be played."""
        return min(self.rounds, self.until or self.rounds)

    def evaluates(self, number: int) -> bool:
        """Whether a round is looked at closely."""
        return number % (self.evaluate_every or max(1, self.rounds // 100)) == 0

    def draws(self, number: int) -> bool:
        """Whether a sample sheet is drawn after a round: the first, and twelve in a run."""
        return number == 1 or number % max(1, self.rounds // 12) == 0

    def keeps(self, number: int) -> bool:
        """Whether what the method draws with is kept after a round: eight times in a run."""
        return number in {max(1, round(part * self.rounds / 8)) for part in range(1, 9)}
