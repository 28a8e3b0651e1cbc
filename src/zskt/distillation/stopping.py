"""Ctrl-C, termination and a closed terminal, noticed between two rounds instead of within one."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

STOPS = ("SIGINT", "SIGTERM", "SIGHUP")
"""Not every system has the last."""


class Stopped(KeyboardInterrupt):
    """The user stopped the run; its state was saved if it has a folder."""


@dataclass
class StopRequest:
    """Whether a signal has come."""

    made: bool = False


@contextmanager
def stop_request() -> Generator[StopRequest]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a flag; a second one acts at once, as always.

    A SIGHUP that is ignored stays so, as nohup wants it.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may handle signals; there a stop acts at once.
        yield request
        return
    kinds = [getattr(signal, name) for name in STOPS if hasattr(signal, name)]
    handlers = {kind: signal.getsignal(kind) for kind in kinds}
    ignored = [kind for kind in kinds[2:] if handlers[kind] is signal.SIG_IGN]
    before = {kind: handler for kind, handler in handlers.items() if kind not in ignored}

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
