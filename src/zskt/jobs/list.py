"""`zskt list`: what there is by name."""

from __future__ import annotations

from dataclasses import dataclass

from zskt.jobs import arguments as arg
from zskt.jobs.result import Result


@dataclass
class Names(Result):
    """Methods, networks and data sets, each with a line about it."""

    methods: dict[str, str]
    networks: dict[str, str]
    data: dict[str, str]


@arg.job
def list_names() -> Names:
    """List methods, networks and data sets."""
    from zskt.data.names import DATA
    from zskt.methods import METHODS, method_title
    from zskt.networks.names import NETWORKS

    return Names({name: method_title(name) for name in METHODS}, NETWORKS, DATA)
