"""The command line: `zskt --help`.

Commands are imported only when they are called: torch takes seconds, and `zskt --help` must not.
"""

import logging
import os
import sys

from cyclopts import App, CycloptsError
from rich.console import Console

from zskt.errors import UserError

COMMANDS = {
    "demo": "Distil a digit classifier without data and judge the student, in two minutes.",
    "distill": "Train a student to match a teacher without any data.",
    "train": "Train a network on labelled images, many or few, alone or with a teacher.",
    "evaluate": "Judge a student beside its teacher on a test set.",
    "beliefs": "Measure how alike student and teacher are across decision boundaries.",
    "finetune": "Continue a zero-shot student with a few real images of each class.",
    "reproduce": "Make a table or figure of the paper.",
    "toy": "Play the game in the plane, in a minute: the paper's Fig. 1.",
    "verdict": "Tell how good a finished run's student seems, without data.",
    "compare": "Put networks beside each other: what they cost, how good they are.",
    "synthesize": "Draw images with a run's generator, with what the teacher says of them.",
    "export": "Write a student as a file to deploy, checked by running it.",
    "inspect": "Tell what a teacher is and whether it can teach.",
    "noise-predictions": "Count what networks say about uniform noise.",
    "list": "List methods, networks and data sets.",
}

app = App(
    name="zskt",
    help="Turn a trained image classifier into a smaller one without any data.",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)
for name, sentence in COMMANDS.items():
    module = name.replace("-", "_")
    app.command(f"zskt.commands.{module}:{module}_command", name=name, help=sentence)


def main() -> None:
    """Run a command; what the user can put right is one sentence on stderr and exit code 2."""
    # Fabric announces its precision on every start.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric.utilities.rank_zero").setLevel(logging.WARNING)
    try:
        app(sys.argv[1:], exit_on_error=False, print_error=False)
    except BrokenPipeError:
        # The reader of our output has gone, as in `zskt list | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (UserError, CycloptsError) as error:
        _complain(" ".join(str(error).split()))
        sys.exit(2)
    except RuntimeError as error:
        # Torch's class is not imported here, where most commands have not needed torch yet.
        if type(error).__name__ != "OutOfMemoryError":
            raise
        _complain("out of memory on the device; take a smaller --batch-size or --device cpu")
        sys.exit(2)
    except OSError as error:
        _complain(f"{error.filename or 'a file'}: {error.strerror or error}")
        sys.exit(2)
    except KeyboardInterrupt as stop:
        _complain(str(stop) or "stopped")
        sys.exit(130)


def _complain(sentence: str) -> None:
    Console(file=sys.stderr, soft_wrap=True).print(
        f"zskt: {sentence}", markup=False, highlight=False
    )
