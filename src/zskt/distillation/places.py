"""Which of a run's processes this one is, by the environment that torchrun or SLURM has set."""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress

from zskt.devices import Where
from zskt.errors import UserError


def started_by_torchrun() -> tuple[int, int] | None:
    """Processes on each machine and machines, where `torchrun` started this one."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    devices = int(os.environ["LOCAL_WORLD_SIZE"])
    return devices, int(os.environ["WORLD_SIZE"]) // devices


def rank_here(where: Where) -> int:
    """Of this process among those of the run."""
    if where.processes == 1:
        return 0
    return int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")))


def check_places(where: Where) -> None:
    """Raise a `UserError` if the processes that were asked for are not those that are there."""
    started = started_by_torchrun()
    if started is not None and started != (where.devices, where.nodes):
        raise UserError(
            f"torchrun started {started[0]} processes on each of {started[1]} machines; give "
            "`devices` and `nodes` so, or leave both out"
        )
    if started is None and _by_slurm():
        tasks = int(os.environ["SLURM_NTASKS"])
        if tasks != where.processes:
            raise UserError(
                f"SLURM started {tasks} processes and {where.processes} are asked for; "
                "`devices` times `nodes` must be so many"
            )
    elif started is None and where.nodes > 1:
        raise UserError("on several `nodes` start zskt with torchrun or srun on each of them")


def _by_slurm() -> bool:
    """Whether srun started this process, with others."""
    named = os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive")
    return int(os.environ.get("SLURM_NTASKS", "1")) > 1 and not named


def started_by_others() -> bool:
    """Whether all processes are there already."""
    return started_by_torchrun() is not None or _by_slurm()


def take_device(where: Where) -> None:
    """Of several GPUs `cuda` means that of this process."""
    if where.device.type == "cuda":
        import torch

        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", 0))))


def of_torchrun(rank: int, count: int, port: int) -> dict[str, str]:
    """The environment that torchrun gives to a process on one machine."""
    numbers = {
        "RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": count,
        "LOCAL_WORLD_SIZE": count, "MASTER_PORT": port,
    }  # fmt: skip
    names = {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RUN_ID": "zskt"}
    return names | {name: str(number) for name, number in numbers.items()}


@contextmanager
def environment(values: Mapping[str, str]) -> Generator[None]:
    """Variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ |= values
    try:
        yield
    finally:
        for name, value in before.items():
            with suppress(KeyError):
                del os.environ[name]
            if value is not None:
                os.environ[name] = value
