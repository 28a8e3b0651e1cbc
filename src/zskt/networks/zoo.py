"""Networks of timm and torchvision, by their names there, with random or pretrained weights."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from zskt.errors import UserError, first_line, unknown

Size = tuple[int, int, int]
"""Channels, height and width."""


def from_zoo(name: str, classes: int, input_size: Size, arguments: Mapping[str, Any]) -> nn.Module:
    """A classifier `timm:NAME` or `torchvision:NAME` with random weights.

    Networks that are made for images of one size, as transformers are, are made for this one.
    """
    zoo, _, wanted = name.partition(":")
    check_name(zoo, wanted)
    try:
        return (_timm if zoo == "timm" else _torchvision)(wanted, classes, input_size, arguments)
    except (TypeError, ValueError, RuntimeError, AssertionError, AttributeError) as error:
        raise UserError(f"cannot make {name}: {first_line(error)}") from error


def check_name(zoo: str, name: str) -> None:
    """Raise a `UserError` if a library has no classifier of that name."""
    known = names(zoo)
    # timm names weights after a dot.
    if name.partition(".")[0] not in known:
        raise unknown(f"{zoo} network", name, known)


def names(zoo: str) -> list[str]:
    """All classifiers of a library; both are slow to import, hence here."""
    if zoo == "timm":
        import timm

        return timm.list_models()
    import torchvision

    return torchvision.models.list_models(module=torchvision.models)


def _timm(name: str, classes: int, input_size: Size, arguments: Mapping[str, Any]) -> nn.Module:
    import timm

    asked: dict[str, Any] = {"num_classes": classes, "in_chans": input_size[0]}
    if getattr(timm.models.get_pretrained_cfg(name), "fixed_input_size", False):
        asked["img_size"] = input_size[1:]
    try:
        return timm.create_model(name, **{**asked, **arguments})
    except TypeError as error:
        # Some that are made for one size cannot be told another.
        if "img_size" not in str(error):
            raise
        del asked["img_size"]
        return timm.create_model(name, **{**asked, **arguments})


def _torchvision(
    name: str, classes: int, input_size: Size, arguments: Mapping[str, Any]
) -> nn.Module:
    import torchvision

    asked = {"num_classes": classes, **arguments}
    if name.startswith("vit_"):
        if input_size[1] != input_size[2]:
            raise ValueError("it takes square images only")
        asked = {"image_size": input_size[1], **asked}
    if name in ("googlenet", "inception_v3"):
        asked = {"aux_logits": False, "init_weights": True, **asked}
    network = torchvision.models.get_model(name, weights=None, **asked)
    if input_size[0] != 3:
        take_channels(network, input_size[0])
    return network


def take_channels(network: nn.Module, channels: int) -> None:
    """Replace the first convolution by one that takes so many channels, with random weights."""
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            first = nn.Conv2d(
                channels, module.out_channels, module.kernel_size, module.stride,
                module.padding, module.dilation, bias=module.bias is not None,
            )  # fmt: skip
            network.set_submodule(path, first)
            return
    raise ValueError("it has no convolution that could take another number of channels")
