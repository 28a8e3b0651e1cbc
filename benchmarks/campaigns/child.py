"""One case in a forked child: its folder, its bounds, and how it ended.

The parent has imported everything, so that a case costs what the command costs and no start.
"""

import gc
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

HEAVY = (
    "timm", "torchvision", "onnx", "onnx2pytorch", "onnxruntime", "matplotlib.pyplot",
    "sklearn.datasets", "PIL.PngImagePlugin", "torch.utils.tensorboard", "torch.export",
    "zskt.cli.show", "zskt.jobs.distill_run", "zskt.jobs.inspect", "zskt.jobs.evaluate",
    "zskt.jobs.train", "zskt.reports.finish", "zskt.supervised.loop", "zskt.exports.formats",
    "zskt.exports.int8", "zskt.experiments.reproduce", "zskt.experiments.leaderboard_runs",
    "zskt.measure.verdict.signals", "zskt.data.folder", "zskt.data.digits", "zskt.data.npz",
)  # fmt: skip


@dataclass(frozen=True)
class Bounds:
    """What a child may take; its time is that of the processor, which other programs may share."""

    seconds: float = 30.0
    """After which it hangs, and is killed."""
    asleep: float = 20.0
    """Seconds without any work, after which it hangs too: it waits for what never comes."""
    ctrl_c: float | None = None
    """Seconds to a SIGINT; a second one follows a second later."""
    kill_at: float | None = None
    """Seconds to a SIGKILL that belongs to the case."""
    memory: int = 2 * 2**30
    """Bytes of address space, beside those of the parent."""


@dataclass(frozen=True)
class Ended:
    """How a child ended."""

    code: int
    """Exit code; the signal's number below zero."""
    output: str
    hung: bool
    cpu_seconds: float


def warm() -> None:
    """Import what any command could want, and let torch have one thread."""
    for name in HEAVY:
        import_module(name)
    import torch

    torch.set_num_threads(1)
    # Children share what is not touched.
    gc.collect()
    gc.freeze()


def in_child(work: Callable[[], object], log: Path, bounds: Bounds) -> Ended:
    """Do it in a child; what it prints goes to a file."""
    pid = os.fork()
    if pid == 0:
        _do(work, log, bounds)
    due = [] if bounds.ctrl_c is None else [bounds.ctrl_c, bounds.ctrl_c + 1]
    hung, wait, worked, last = False, 0.003, -1.0, time.monotonic()
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            break
        before, worked = worked, _seconds_of(pid)
        last = time.monotonic() if worked > before else last
        if due and worked > due[0]:
            os.kill(pid, signal.SIGINT)
            due = due[1:]
        if bounds.kill_at is not None and worked >= bounds.kill_at:
            os.kill(pid, signal.SIGKILL)
        if not hung and (worked > bounds.seconds or time.monotonic() - last > bounds.asleep):
            hung = True
            os.kill(pid, signal.SIGKILL)
        time.sleep(wait)
        wait = min(0.05, 1.2 * wait)
    output = log.read_bytes().decode(errors="replace") if log.exists() else ""
    code = os.waitstatus_to_exitcode(status)
    return Ended(code, output, hung, usage.ru_utime + usage.ru_stime)


def _seconds_of(pid: int) -> float:
    """Of the processor, that a child has had; an ended one has its last."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def command(*words: str) -> Callable[[], object]:
    """A command of zskt, as its script would run it."""

    def run() -> None:
        from zskt.cli.app import main

        sys.argv = ["zskt", *words]
        main()

    return run


def _do(work: Callable[[], object], log: Path, bounds: Bounds) -> None:
    """In the child: never returns."""
    code: object = 1
    # A shell has its background jobs ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(handle, stream)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        with suppress(ValueError):  # A child's child has the bounds of its parent.
            size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            most = size + bounds.memory
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        work()
        code = 0
    except SystemExit as stop:
        code = stop.code
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                code = code or 1
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)
