"""A smaller network of the same family: `shrink:0.5` is the one nearest to half the parameters."""

import re
from collections.abc import Callable
from math import log

import torch
from torch import nn

from zskt.errors import UserError
from zskt.networks.zoo import names

CANDIDATES = 15
"""So many of a large family are built and counted, those with the nearest names."""
SIZES = "atto|femto|pico|nano|tiny|mini|small|medium|base|large|huge"


def shrunk(architecture: str | None, wanted: str, create: Callable[[str], nn.Module]) -> str:
    """The name of a network of a teacher's family with fewer parameters.

    Of those the one whose number is nearest, as a ratio, to the share in `wanted`, which is
    `shrink:FACTOR`. `create` makes a network by its name, for the teacher's classes and images.
    """
    try:
        factor = float(wanted.removeprefix("shrink:"))
    except ValueError:
        factor = 0.0
    if not 0 < factor < 1:
        raise UserError(f"shrink:FACTOR is a share above 0 and below 1, not {wanted}")
    if architecture is None or not (members := _family(architecture)):
        told = "is of no family that we know" if architecture else "has no architecture by name"
        raise UserError(f"the teacher {told}; name the student instead of {wanted}")
    size = _count(architecture, create)
    if size is None:
        raise UserError(
            f"the parameters of {architecture} cannot be counted before it is made; name the "
            f"student instead of {wanted}"
        )
    for group in members:
        counted = {name: _count(name, create) or size for name in group}
        if smaller := {name: count for name, count in counted.items() if count < size}:
            return min(smaller, key=lambda name: (abs(log(smaller[name] / (factor * size))), name))
    raise UserError(f"no smaller relative of {architecture} was found; name the student instead")


def _family(architecture: str) -> list[list[str]]:
    """Other members of a family, in groups of which the first is nearer."""
    if found := re.fullmatch(r"wrn-(\d+)-(\d+)", architecture):
        depths, widths = range(10, int(found[1]) + 1, 6), range(1, int(found[2]) + 1)
        return [[f"wrn-{depth}-{width}" for depth in depths for width in widths]]
    if found := re.fullmatch(r"resnet-(\d+)", architecture):
        return [[f"resnet-{depth}" for depth in range(8, int(found[1]) + 1, 6)]]
    if found := re.fullmatch(r"(timm|torchvision):(([a-z]+).*)", architecture):
        zoo, name, family = found.groups()
        members = [other for other in names(zoo) if re.match(rf"{family}(?![a-z])", other)]
        same = [other for other in members if _shape(other) == _shape(name)]
        words = set(name.split("_"))
        rest = sorted(
            set(members) - set(same), key=lambda other: (-len(words & set(other.split("_"))), other)
        )
        return [[f"{zoo}:{other}" for other in part[:CANDIDATES]] for part in (same, rest)]
    return []


def _shape(name: str) -> str:
    """A name without its numbers and sizes: resnet18 and resnet50 have the same."""
    return re.sub(rf"\d+|(?<=_)({SIZES})(?=_|$)", "#", name)


def _count(name: str, create: Callable[[str], nn.Module]) -> int | None:
    """Parameters of a network; None if it cannot be made for these images."""
    try:
        with torch.device("meta"):
            network = create(name)
    except (UserError, RuntimeError, NotImplementedError):
        return None
    return sum(parameter.numel() for parameter in network.parameters())
