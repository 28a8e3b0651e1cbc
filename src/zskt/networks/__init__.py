"""Classifiers by name: `create("wrn-16-2", classes=10, input_size=(3, 32, 32))`."""

import re
from collections.abc import Mapping
from typing import Any

from torch import nn

from zskt.errors import UserError, unknown
from zskt.networks.factory import from_factory
from zskt.networks.generator import Generator as Generator
from zskt.networks.lenet import LeNet as LeNet
from zskt.networks.names import NETWORKS as NETWORKS
from zskt.networks.resnet import ResNet as ResNet
from zskt.networks.wide_resnet import WideResNet as WideResNet
from zskt.networks.zoo import from_zoo

DEEPEST, WIDEST = 1_300, 64
"""Of our own networks by name; ResNet-1202 is the deepest that was published."""


def create(
    name: str,
    *,
    classes: int,
    input_size: tuple[int, int, int],
    arguments: Mapping[str, Any] | None = None,
) -> nn.Module:
    """A new classifier with random weights.

    Args:
        name: a name of `NETWORKS`, or of its families (`wrn-22-4`, `resnet-32`, `timm:resnet18`,
            `package.module:factory`).
        classes: number of logits.
        input_size: channels, height and width of the images.
        arguments: further ones for a library or a factory; a factory gets nothing else.

    Returns:
        A module that maps normalised images (batch, channels, height, width) to logits
        (batch, classes).

    Raises:
        UserError: if the name is unknown or the network cannot take the input size.
    """
    return named(_new(name, classes, input_size, arguments or {}), name)


def named(network: nn.Module, name: str) -> nn.Module:
    """The network, with the name by which `create` makes it, so that a file of it can tell it."""
    network.zskt_architecture = name  # ty: ignore
    return network


def architecture_of(network: nn.Module) -> str | None:
    """The name by which `create` made a network; None if it did not."""
    name = getattr(network, "zskt_architecture", None)
    return name if isinstance(name, str) else None


def is_code(name: str | None) -> bool:
    """Whether a name means the user's own code."""
    found = re.fullmatch(r"(\w+(?:\.\w+)*):\w+", name or "")
    return found is not None and found[1] not in ("timm", "torchvision", "hf", "shrink")


def _new(
    name: str, classes: int, input_size: tuple[int, int, int], arguments: Mapping[str, Any]
) -> nn.Module:
    if name.startswith(("timm:", "torchvision:")):
        return from_zoo(name, classes, input_size, arguments)
    if name.startswith("shrink:"):
        raise UserError(f"{name} is for the student of a teacher; name the network")
    if is_code(name):
        return from_factory(name, arguments)
    if arguments:
        raise UserError(f"{name} takes no arguments; leave them out")
    channels, height, width = input_size
    if found := re.fullmatch(r"(wrn|resnet)-(\d+)(?:-(\d+))?", name):
        sizes = (int(found[2][:9]), DEEPEST), (int((found[3] or "1")[:9]), WIDEST)
        if any(size > most for size, most in sizes):
            raise UserError(
                f"{name} is too large: at most {DEEPEST} layers, {WIDEST} times as wide"
            )
    try:
        if found := re.fullmatch(r"wrn-(\d+)-(\d+)", name):
            return WideResNet(int(found[1]), int(found[2]), classes, channels)
        if found := re.fullmatch(r"resnet-(\d+)", name):
            return ResNet(int(found[1]), classes, channels)
        if name == "lenet":
            return LeNet((height, width), classes, channels)
    except ValueError as error:
        raise UserError(f"cannot make {name}: {error}") from error
    raise unknown("network", name, [known for known in NETWORKS if known.islower()])
