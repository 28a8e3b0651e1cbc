"""How the processes of a run come to be, and how they end together.

    one machine      this process starts the others (`spawn`), which do the same work beside it
    torchrun, SLURM  they are there already, and Fabric learns from the environment who is who

A process that this one starts finds the environment that torchrun would have given it. It takes no
notice of Ctrl-C but between two rounds, and ends at once if the first process has gone. If one of
the others is lost, the first ends the run with a sentence.
"""

import copy
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any

import torch
from torch import distributed, multiprocessing

from zskt.devices import Where
from zskt.distillation.fabric import Meeting
from zskt.distillation.places import (
    check_places,
    environment,
    of_torchrun,
    started_by_others,
    take_device,
)
from zskt.errors import UserError

ADVICE = "go on from its last checkpoint with `resume`, or start it anew"


@contextmanager
def company(where: Where, work: Callable[..., object], *arguments: Any) -> Generator[None]:
    """Within it the other processes of a run are there.

    Args:
        where: how many there are.
        work: what those do that are started here; a function of a module.
        arguments: of it, which can be sent to another process.

    Raises:
        UserError: if they cannot be started here, or one is lost.
    """
    if where.processes == 1:
        yield
        return
    check_places(where)
    try:
        if started_by_others():
            take_device(where)
            yield
        else:
            with _helpers(where, work, arguments):
                take_device(where)
                yield
    except RuntimeError as error:
        if not _is_loss(error):
            raise
        raise UserError(f"a process of this run was lost, and the run ended; {ADVICE}") from error
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _is_loss(error: RuntimeError) -> bool:
    """Whether it comes from a process that no longer answers."""
    return isinstance(error, distributed.DistError) or "gloo" in str(error).lower()


@contextmanager
def _helpers(where: Where, work: Callable[..., object], arguments: Any) -> Generator[None]:
    """The other processes of this machine, ended however this one ends."""
    context = multiprocessing.get_context("spawn")
    arrived = context.Semaphore(0)
    port = _free_port()
    helpers: list[SpawnProcess] = []
    with environment(of_torchrun(0, where.devices, port)), shared_threads(where) as share:
        try:
            for rank in range(1, where.devices):
                given = rank, where, port, share, arrived, work, arguments
                helper = context.Process(target=_help, args=given, daemon=True)
                _start(helper)
                helpers.append(helper)
            Meeting.others = staticmethod(lambda: _all_there(helpers, arrived))
            _abort_when_one_is_lost(helpers)
            yield
        except RuntimeError as error:
            if (lost := _lost(helpers, seconds=3)) and _is_loss(error):
                raise _loss(lost) from error
            raise
        else:
            for helper in helpers:
                helper.join(timeout=10)
        finally:
            Meeting.others = staticmethod(lambda: None)
            for helper in helpers:
                helper.kill()
                helper.join()


def told_by_first(value: Any = None) -> Any:
    """What the first process says, after the rounds; alone, what was given."""
    values = [value]
    if distributed.is_initialized():
        distributed.broadcast_object_list(values)
    return values[0]


@contextmanager
def shared_threads(where: Where) -> Generator[int]:
    """As many threads as a process has that shares the processor with the others, for a while."""
    threads = torch.get_num_threads()
    share = max(1, threads // where.devices) if where.device.type == "cpu" else threads
    torch.set_num_threads(share)
    try:
        yield share
    finally:
        torch.set_num_threads(threads)


def _start(helper: SpawnProcess) -> None:
    try:
        helper.start()
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        if "freeze_support" in str(error):
            raise
        raise UserError(
            f"what was given cannot be sent to another process ({error}); give files instead of "
            "objects, or start the script with torchrun"
        ) from error


def _all_there(helpers: list[SpawnProcess], arrived: Any) -> None:
    """Wait until every helper is about to join.

    Raises:
        UserError: if one has ended before.
    """
    for _ in helpers:
        while not arrived.acquire(timeout=0.1):
            if lost := _lost(helpers):
                raise _loss(lost)


def _lost(helpers: list[SpawnProcess], seconds: float = 0.0) -> list[int]:
    """Ranks of those that have ended, within some seconds."""
    wait([helper.sentinel for helper in helpers], timeout=seconds)
    return [rank for rank, helper in enumerate(helpers, 1) if not helper.is_alive()]


def _loss(ranks: list[int]) -> UserError:
    return UserError(f"process {ranks[0]} of this run was lost, and the run ended; {ADVICE}")


def _abort_when_one_is_lost(helpers: list[SpawnProcess]) -> None:
    """Break off what waits for a lost process; gloo notices by itself, NCCL waits for ever."""

    def watch() -> None:
        wait([helper.sentinel for helper in helpers])
        failed = any(helper.exitcode for helper in helpers)
        if failed and distributed.is_initialized() and distributed.get_backend() == "nccl":
            distributed.distributed_c10d._abort_process_group()

    threading.Thread(target=watch, daemon=True).start()


def _help(
    rank: int, where: Where, port: int, threads: int, arrived: Any, work: Callable[..., object],
    arguments: Any,
) -> None:  # fmt: skip
    """What a helper does from its start."""
    # Ctrl-C reaches every process of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ |= of_torchrun(rank, where.devices, port)
    torch.set_num_threads(threads)
    take_device(where)
    Meeting.others = staticmethod(arrived.release)
    # Tensors come in memory that the first process goes on to write to.
    own = copy.deepcopy(arguments)
    try:
        work(*own)
    except (UserError, KeyboardInterrupt):
        # The first process has the same, or knows that this one has ended.
        sys.exit(2)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]
