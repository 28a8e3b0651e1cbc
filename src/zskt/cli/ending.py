"""How a command ends: what the user can put right is one sentence on stderr, never a traceback.

exit code 0      it did what was asked
exit code 2      it could not, and says why
exit code 130    it was stopped by Ctrl-C, SIGTERM or SIGHUP
"""

import os
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import NoReturn, TextIO

from cyclopts import CycloptsError

from zskt.cli.complaints import complain
from zskt.errors import UserError, first_line, is_out_of_memory, place_in_users_code

STOPS = ("SIGTERM", "SIGHUP")
"""Signals that do what Ctrl-C does, where the system has them."""


@contextmanager
def one_sentence() -> Generator[None]:
    """Within it an error ends the process, with a sentence if its reader can do something."""
    try:
        with _signals_as_ctrl_c():
            yield
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone, as in `zskt list | head`.
        _leave(sys.stdout)
    except (UserError, CycloptsError) as error:
        _end(2, str(error))
    except KeyboardInterrupt as stop:
        _end(130, str(stop) or "stopped")
    except OSError as error:
        _end(2, f"{error.filename or 'a file'}: {error.strerror or error}")
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            _end(2, "out of memory; take a smaller `batch_size`, or another `device`")
        if place_in_users_code(error) is None:
            raise
        _end(2, f"a network's own code failed: {first_line(error)}; mend it")


def _end(code: int, sentence: str) -> NoReturn:
    """Say it, where it can be said, and leave."""
    with suppress(OSError):
        complain(" ".join(sentence.split()))
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # A full disk takes not even the sentence; Python would complain of that at its end.
            _leave(stream)
    sys.exit(code)


def _leave(stream: TextIO) -> None:
    """What is still to be written there goes nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def _signals_as_ctrl_c() -> Generator[None]:
    """Unless somebody else handles them, or nohup has them ignored."""
    kinds = [getattr(signal, name) for name in STOPS if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        kinds = []
    ours = [kind for kind in kinds if signal.getsignal(kind) is signal.SIG_DFL]
    for kind in ours:
        signal.signal(kind, signal.default_int_handler)
    try:
        yield
    finally:
        for kind in ours:
            signal.signal(kind, signal.SIG_DFL)
