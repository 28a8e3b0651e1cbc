"""The settings of a run, whatever the method."""

from dataclasses import dataclass, replace

from zskt.devices import Precision
from zskt.distillation.places import started_by_torchrun
from zskt.errors import UserError, check_settings

ROUNDS = 80_000
"""The zero-shot paper's length, and that of a method that names no `usual_rounds`."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """How long, where, how precisely, and how often what is recorded."""

    rounds: int | None = None
    """Length in rounds; by default the method's usual one, unless minutes are given."""
    minutes: float | None = None
    """Length in minutes, all included: the run plans its learning rates on the clock and ends on
    time."""
    until: int | None = None
    """The round to stop at, if the run is not to be played to its end at once."""
    seed: int = 0
    """For weights, noise and everything else that is drawn."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:N` or `mps`."""
    precision: Precision = "auto"
    """`bf16` autocast, exact `32`, or `auto`: bf16 where the hardware has it."""
    devices: int | None = None
    """Processes on each machine, a GPU or a part of the processor for each; by default one, as many
    as `torchrun` started, or as many as a resumed run had. Each draws images of its own."""
    nodes: int | None = None
    """Machines; with more than one, `torchrun` or SLURM starts the processes."""
    sync_batch_norm: bool = False
    """Batch norm takes its statistics over all processes, as if their batches were one."""
    micro_batch: int | None = None
    """Images that pass the teacher at once, where whole batches do not fit into the memory; the
    result is the same to rounding."""
    record_every: int = 10
    """Rounds between two rows of metrics."""
    evaluate_every: int | None = None
    """Rounds between two looks at the test set, if one is given, and at what both networks say of
    the images; by default 100 in a run, and 20 where minutes are given, of which they take some."""
    average_over: float = 0.02
    """Share of the rounds that the student's moving average reaches back; 0 keeps none."""
    save_seconds: float = 60.0
    """Seconds between two checkpoints: how much a kill can cost."""
    recoveries: int = 2
    """How often a run whose loss or weights are no longer finite may go back to its last checkpoint
    and on with half the learning rates and clipped gradients; 0 ends it there."""

    def __post_init__(self):
        check_settings(
            self,
            "seed",
            "save_seconds",
            "average_over",
            "recoveries",
            at_most_one=("average_over",),
        )
        if self.rounds is not None and self.minutes is not None:
            raise UserError("give `rounds` or `minutes`, not both")

    @property
    def places(self) -> tuple[int, int]:
        """Processes on each machine, and machines: as asked for, or as `torchrun` started them."""
        started = started_by_torchrun() or (1, 1)
        return self.devices or started[0], self.nodes or started[1]

    @property
    def has_length(self) -> bool:
        """Whether a length was asked for."""
        return self.rounds is not None or self.minutes is not None

    @property
    def total_rounds(self) -> int | None:
        """How many rounds there will be; None where the clock decides."""
        return None if self.minutes is not None else self.rounds or ROUNDS

    @property
    def seconds(self) -> float | None:
        """How long the run may take; None where the rounds decide."""
        return None if self.minutes is None else 60 * self.minutes


def of_length(run: Run, method: object) -> Run:
    """A run of the method's usual length, if none was asked for."""
    if run.has_length:
        return run
    return replace(run, rounds=getattr(method, "usual_rounds", ROUNDS))
