"""The command line: `zskt --help`.

A command is a job: its names, defaults and help are those of the function in `zskt.jobs`, and what
it returns is shown by a function of `zskt.cli`. Both are imported only when they are called: torch
takes seconds, and neither `zskt --help` nor a wrong argument may.
"""

import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from cyclopts import App, Parameter

from zskt.cli.ending import one_sentence
from zskt.cli.examples import EXAMPLES
from zskt.cli.help import shown_help

COMMANDS = {
    "demo": "zskt.jobs.demo:demo",
    "plan": "zskt.jobs.plan:plan",
    "distill": "zskt.jobs.distill:distill",
    "train": "zskt.jobs.train:train",
    "evaluate": "zskt.jobs.evaluate:evaluate",
    "beliefs": "zskt.jobs.beliefs:beliefs",
    "finetune": "zskt.jobs.finetune:finetune",
    "reproduce": "zskt.experiments.reproduce:reproduce",
    "leaderboard": "zskt.experiments.leaderboard:leaderboard",
    "sweep": "zskt.experiments.sweep:sweep",
    "toy": "zskt.jobs.toy:toy",
    "report": "zskt.jobs.report:report",
    "verdict": "zskt.jobs.verdict:verdict",
    "compare": "zskt.jobs.compare:compare",
    "synthesize": "zskt.jobs.synthesize:synthesize",
    "export": "zskt.jobs.export:export",
    "push": "zskt.jobs.push:push",
    "inspect": "zskt.jobs.inspect:inspect",
    "noise-predictions": "zskt.jobs.noise_predictions:noise_predictions",
    "list": "zskt.jobs.list:list_names",
}
"""Each command's job."""
WITH_METHOD = ("distill", "plan")
"""Commands that have the settings of a method among theirs."""


def make_app(words: Sequence[str]) -> App:
    """The app for a line of words, which decide whose settings `zskt distill` has."""
    app = App(
        name="zskt",
        help="Turn a trained image classifier into a smaller one without any data.",
        version_flags=["--version"],
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(negative_bool=(), negative_iterable=()),
        help_formatter=shown_help,
    )
    whole = not words or words[0] not in COMMANDS
    for name, place in COMMANDS.items():
        # The list of commands has the first line of each, and a shell completes all their options.
        job: Any = job_at(place) if whole else place
        config = None
        if name in WITH_METHOD and (whole or name == words[0]):
            from zskt.cli.method import with_method

            job, config = with_method(job_at(place), words)
        example = f"Example: zskt {name} {EXAMPLES[name]}" if name in EXAMPLES else None
        show = shown_by(name)
        app.command(job, name=name, result_action=show, help_epilogue=example, config=config)
    if whole:
        from zskt.cli.completion import NAME, installer

        app.command(installer(app), name=NAME)
    return app


def job_at(place: str) -> Any:
    """A function, by its module and its name."""
    module, _, function = place.partition(":")
    return getattr(import_module(module), function)


def shown_by(name: str) -> Any:
    """What shows the result of a command."""

    def show(result: Any) -> None:
        if result is None:
            # Help was asked for.
            return
        module = import_module("zskt.cli.show")
        getattr(module, name.replace("-", "_"))(result)

    return show


def main() -> None:
    """Run a command; what the user can put right is one sentence on stderr and exit code 2."""
    # Fabric announces its precision on every start.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric.utilities.rank_zero").setLevel(logging.WARNING)
    words = sys.argv[1:]
    with one_sentence():
        make_app(words)(words, exit_on_error=False, print_error=False)
