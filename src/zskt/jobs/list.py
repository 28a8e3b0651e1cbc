"""`zskt list`: what there is by name."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass
class Names:
    """Methods, networks and data sets, each with a line about it."""

    methods: dict[str, str]
    networks: dict[str, str]
    data: dict[str, str]

    def to_dict(self) -> dict[str, dict[str, str]]:
        """For JSON."""
        return asdict(self)


def list_names() -> Names:
    """List methods, networks and data sets."""
    from zskt.data.names import DATA
    from zskt.methods import METHODS, method_title
    from zskt.networks.names import NETWORKS

    return Names({name: method_title(name) for name in METHODS}, NETWORKS, DATA)
