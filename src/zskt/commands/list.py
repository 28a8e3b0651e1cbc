"""`zskt list`: what there is, one line each."""

import sys

from zskt.data import DATA
from zskt.methods import METHODS
from zskt.networks import NETWORKS


def list_command() -> None:
    """List methods, networks and data sets."""
    # A method's file opens with its name and its paper.
    documented = {name: sys.modules[kind.__module__].__doc__ for name, kind in METHODS.items()}
    methods = {name: (text or "").splitlines()[0] for name, text in documented.items()}
    for title, entries in {"methods": methods, "networks": NETWORKS, "data": DATA}.items():
        print(title)
        for name, line in entries.items():
            print(f"  {name:<14} {line}")
