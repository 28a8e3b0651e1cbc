"""Tasks side by side on a Ray cluster, each on its share of cores or of a GPU."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zskt.distillation.stopping import Stopped
from zskt.errors import UserError, first_line
from zskt.experiments.live_table import LiveTable
from zskt.experiments.placing import Placing, Task

TRIES = 3
"""How often a task is begun whose worker is lost, or that fails other than by a `UserError`."""
LOOK_SECONDS = 1.0
STOP_SECONDS = 60.0
"""How long runs may take to save themselves after Ctrl-C."""
STORE_BYTES = 100 * 2**20
"""Runs hand each other files, and Ray hardly anything."""
QUIET = {
    # Nothing of a run is told to Ray's makers.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Under `uv run` Ray would send the working folder to the workers and make environments there.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # The coming default, and no warning of it.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def on_ray(
    tasks: Sequence[Task], placing: Placing, *, device: str, progress: bool
) -> Iterator[tuple[str, Any]]:
    """What `placed` does, side by side."""
    if not tasks:
        return
    ray = joined(placing)
    try:
        check_room(ray.nodes(), placing.cores(), placing.gpus(device))
        table = LiveTable({task.name: task.folder for task in tasks}, shown=progress)
        work = Work(ray, placing.cores(), placing.gpus(device), {t.name: t for t in tasks}, table)
        with table:
            try:
                yield from work.results()
            except KeyboardInterrupt:
                work.stop()
                raise Stopped(
                    "stopped with everything saved; give the same command to go on"
                ) from None
            except GeneratorExit:
                work.stop()
                raise
    finally:
        ray.shutdown()


def joined(placing: Placing) -> Any:
    """Ray, started on this machine or joined; or a `UserError`."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if placing.ray_address is None:
        quiet |= {"include_dashboard": False, "object_store_memory": STORE_BYTES}
        quiet |= {"address": "local", "num_cpus": cores_here()}
    else:
        quiet["address"] = placing.ray_address
    try:
        ray.init(**quiet)
    except Exception as error:
        # Ray raises plain exceptions of many kinds here.
        raise UserError(
            f"cannot start or join Ray at {placing.ray_address or 'this machine'} "
            f"({first_line(error)}); check `ray_address`, or make the runs without Ray"
        ) from error
    return ray


def cores_here() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_room(nodes: Sequence[dict[str, Any]], cores: int, gpus: float) -> None:
    """Raise a `UserError` if no machine can ever take a run: it would wait for ever."""
    for node in nodes:
        free = node["Resources"] if node["Alive"] else {}
        if free.get("CPU", 0) >= cores and free.get("GPU", 0) >= gpus:
            return
    raise UserError(
        f"no machine of the Ray cluster has {cores} cores and {gpus:g} GPUs for a run; give "
        "smaller `cores_per_run` and `gpus_per_run`"
    )


@dataclass
class Work:
    """Tasks that wait, run, are done and are lost."""

    ray: Any
    cores: int
    gpus: float
    waiting: dict[str, Task]
    table: LiveTable
    running: dict[Any, Task] = field(default_factory=dict)
    """By Ray's reference to what will come of it."""
    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    """Why, by the name of the task."""
    tries: Counter[str] = field(default_factory=Counter)

    def results(self) -> Iterator[tuple[str, Any]]:
        """What comes of each task; then a `UserError` if some failed."""
        names = set(self.waiting)
        while self._begin(names):
            ended, _ = self.ray.wait(list(self.running), timeout=LOOK_SECONDS)
            for reference in ended:
                task = self.running.pop(reference)
                came = self._result(reference, task)
                if came is not None:
                    yield task.name, came[0]
            self.table.refresh()
        for name in self.waiting:
            self.failed[name] = "what it needs failed"
        if self.failed:
            name, why = next(iter(self.failed.items()))
            raise UserError(
                f"{len(self.failed)} of {len(names)} runs failed, first {name}: {why}; the same "
                "command goes on with them"
            )

    def _begin(self, names: set[str]) -> bool:
        """Hand over every task that needs no other any more; False if none is left running."""
        for task in list(self.waiting.values()):
            if not set(task.needs) & names - self.done:
                make = self.ray.remote(made).options(
                    num_cpus=self.cores, num_gpus=self.gpus, max_retries=0, name=task.name
                )
                place = os.getcwd(), sys.argv
                self.running[make.remote(task.make, self.cores, *place)] = task
                del self.waiting[task.name]
                self.tries[task.name] += 1
                again = self.tries[task.name] > 1
                self.table.news(task.name, "goes on" if again else "runs")
        return bool(self.running)

    def _result(self, reference: Any, task: Task) -> tuple[Any] | None:
        """What came of a task; None if it failed, and then it waits again or not."""
        try:
            result, machine = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            wrong = isinstance(cause, UserError)
            told = str(cause) if wrong else f"its worker was lost ({first_line(cause or error)})"
            if wrong or self.tries[task.name] >= TRIES:
                self.failed[task.name] = told
                self.table.news(task.name, "failed", told)
            else:
                self.waiting[task.name] = task
                self.table.news(task.name, "waits", told)
            return None
        self.done.add(task.name)
        lost = getattr(result, "error", None)
        self.table.news(task.name, "diverged" if lost else "finished", lost or "", machine)
        return (result,)

    def stop(self) -> None:
        """Ask every run to save itself, and wait for that."""
        for reference in self.running:
            with suppress(Exception):
                self.ray.cancel(reference, force=False)
        if self.running:
            count = len(self.running)
            self.ray.wait(list(self.running), num_returns=count, timeout=STOP_SECONDS)


def made(make: Callable[[], Any], cores: int, folder: str, words: list[str]) -> tuple[Any, str]:
    """In the worker: make a task where the command was given, with its threads.

    Returns:
        What came of it, and the machine that it ran on.

    Raises:
        UserError: if this machine does not see the folder.
    """
    import platform

    import torch

    try:
        os.chdir(folder)
    except OSError as error:
        raise UserError(
            f"{platform.node()} does not see the folder {folder}; give the command in a folder "
            "that every machine of the cluster shares"
        ) from error
    # A run's settings tell the command that it comes of.
    sys.argv = words
    torch.set_num_threads(cores)
    assert Path.cwd() == Path(folder).resolve()
    return make(), platform.node()
