"""Where runs are made: here, one after the other, or side by side on a Ray cluster.

Leaderboards, reproductions and sweeps have many runs to make, and all give them to `placed` as
tasks. A task is made once, after those that it needs; what comes of it is given back as it comes.
A task whose worker is lost is made again by another: its run folder has a checkpoint to go on from.

placing.py        what is asked for; one task after the other
on_ray.py         the same side by side
live_table.py     what is seen of it meanwhile
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zskt.errors import UserError
from zskt.extras import needs_extra

MANY = 100_000


@dataclass(frozen=True, kw_only=True)
class Placing:
    """Where runs are made, light enough for the command line."""

    ray: bool = False
    """Make runs side by side on this machine, by Ray, instead of one after the other."""
    ray_address: str | None = None
    """Make them on the Ray cluster at HOST:PORT, or `auto`: the one that this machine is in."""
    cores_per_run: int | None = None
    """Cores, and threads, of each run on Ray; by default one."""
    gpus_per_run: float | None = None
    """GPUs of each run on Ray, or a share of one; by default one if the device is a GPU."""

    def __post_init__(self):
        if not self.on_ray and (self.cores_per_run, self.gpus_per_run) != (None, None):
            raise UserError(
                "`cores_per_run` and `gpus_per_run` are for runs on Ray; give `ray` or "
                "`ray_address` besides"
            )
        if self.cores_per_run is not None and not 0 < self.cores_per_run <= MANY:
            raise UserError(f"`cores_per_run` must be at least 1, not {self.cores_per_run}")
        gpus = self.gpus_per_run
        if gpus is not None and not (0 <= gpus <= 1 or (gpus <= MANY and gpus == int(gpus))):
            raise UserError(
                f"`gpus_per_run` must be a share from 0 to 1 or a whole number, not {gpus:g}"
            )

    @property
    def on_ray(self) -> bool:
        """Whether Ray places the runs."""
        return self.ray or self.ray_address is not None

    def check(self, device: str) -> None:
        """Raise a `UserError` for what can be told before anything runs."""
        if not self.on_ray:
            return
        if device.startswith("cuda:"):
            raise UserError("Ray gives each run its GPU; give `device` cuda, without a number")
        try:
            import ray  # noqa: F401
        except ImportError as error:
            raise needs_extra("Runs on Ray", "cluster") from error

    def cores(self) -> int:
        """Of each run."""
        return self.cores_per_run or 1

    def gpus(self, device: str) -> float:
        """Of each run."""
        if self.gpus_per_run is not None:
            return self.gpus_per_run
        return 1.0 if device.startswith("cuda") else 0.0


@dataclass(frozen=True, kw_only=True)
class Task:
    """One run that is to be made."""

    name: str
    folder: Path
    """Of the run; all machines of a cluster see it under this path."""
    make: Callable[[], Any]
    """Makes the run, or goes on with it, and tells what came of it. On Ray it runs in another
    process: a function of a module, or a `partial` of one, with plain arguments."""
    needs: tuple[str, ...] = ()
    """Names of tasks that have to be made before."""


def placed(
    tasks: Sequence[Task], placing: Placing, *, device: str, progress: bool
) -> Iterator[tuple[str, Any]]:
    """Make tasks and give the name of each with what came of it, as they come.

    Args:
        tasks: in an order in which each stands behind those that it needs.
        placing: where they are made.
        device: of the runs, not `auto`.
        progress: tell how far it is: in lines, or on Ray and a terminal as a live table.

    Raises:
        UserError: what a task raises. On Ray the others are made first, and a task that fails in
            any other way, or is lost with its worker, is tried three times.
        Stopped: after Ctrl-C, with every run saved.
    """
    if placing.on_ray:
        from zskt.experiments.on_ray import on_ray

        yield from on_ray(tasks, placing, device=device, progress=progress)
        return
    for number, task in enumerate(tasks, start=1):
        if progress:
            print(f"{task.name}: run {number} of {len(tasks)}")
        yield task.name, task.make()
