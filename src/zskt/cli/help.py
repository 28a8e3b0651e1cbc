"""How help is shown: of an option that is on by default only what turns it off."""

from typing import Any

from cyclopts.help import DefaultFormatter


def shown_help(console: Any, options: Any, panel: Any) -> None:
    """Print one panel of a command's help."""
    on = [entry for entry in panel.entries if entry.negative_names and entry.default == "True"]
    entries = [
        entry.copy(positive_names=(), default=None) if entry in on else entry
        for entry in panel.entries
    ]
    DefaultFormatter()(console, options, panel.copy(entries=entries))
