"""The methods by name. A new one is a file here and a line below; CONTRIBUTING says the rest.

Each is imported when it is asked for, and torch only when it runs.
"""

from importlib import import_module
from typing import Any

from zskt.errors import unknown

METHODS = {
    "replay": "zskt.methods.replay:Replay",
    "zskt": "zskt.methods.zskt:ZSKT",
    "dafl": "zskt.methods.dafl:DAFL",
    "dfad": "zskt.methods.dfad:DFAD",
    "dfq": "zskt.methods.dfq:DFQ",
    "adi": "zskt.methods.adi:ADI",
    "fast": "zskt.methods.fast:Fast",
    "nayer": "zskt.methods.nayer:NAYER",
    "noise": "zskt.methods.noise:Noise",
}
"""Where each class is."""
DEFAULT = "replay"
"""What `zskt distill` does unless it is told otherwise."""


def method_class(name: str) -> Any:
    """A method's class: a frozen dataclass of its settings.

    Raises:
        UserError: if there is none of that name.
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    module, _, kind = METHODS[name].partition(":")
    return getattr(import_module(module), kind)


def method_name(method: object) -> str:
    """The name of a method in `METHODS`; of the user's own method, that of its class."""
    place = f"{type(method).__module__}:{type(method).__qualname__}"
    return next((name for name, known in METHODS.items() if known == place), place)


def method_title(name: str) -> str:
    """What a method is, in one line."""
    return method_class(name).title if name in METHODS else f"A method of the user's own, {name}"
