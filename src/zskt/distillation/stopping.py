"""Ctrl-C and termination, noticed between two rounds instead of in the middle of one."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass


class Stopped(KeyboardInterrupt):
    """The user stopped the run; its state was saved if it has a folder."""


@dataclass
class StopRequest:
    """Whether a signal has come."""

    made: bool = False


@contextmanager
def stop_request() -> Generator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a flag; a second one acts at once, as always."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may handle signals; there a stop acts at once.
        yield request
        return
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}

    def note(*_) -> None:
        request.made = True
        restore()

    def restore() -> None:
        for kind, handler in before.items():
            signal.signal(kind, handler)

    for kind in before:
        signal.signal(kind, note)
    try:
        yield request
    finally:
        restore()
