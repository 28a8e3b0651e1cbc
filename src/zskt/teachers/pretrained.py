"""Teachers of timm, torchvision and Hugging Face: with weights from a file or from their makers."""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from zskt.errors import UserError, first_line
from zskt.extras import needs_extra
from zskt.networks import create, named
from zskt.networks.zoo import check_name
from zskt.teachers.loaded import LoadedNetwork
from zskt.teachers.weights import fill, read_weights, shape_of_weights

UNLIKELY = 733
"""A number of classes that no other layer of a network has outputs, to find the last layer by."""


def with_weights(
    name: str,
    file: Path,
    input_size: tuple[int, int, int] | None,
    classes: int | None,
    arguments: dict[str, Any],
) -> LoadedNetwork:
    """A named network with the weights of a file, which tell its classes and channels."""
    state = read_weights(file)
    sides = (input_size or (3, 32, 32))[1:]
    draft = create(name, classes=UNLIKELY, input_size=(3, *sides), arguments=arguments)
    told, channels = shape_of_weights(state, draft, classes=UNLIKELY)
    size = (channels or 3, *sides)
    if input_size not in (None, size):
        raise UserError(f"{file} takes {size[0]} channels, not {input_size[0]}; mend `input_size`")
    if classes not in (None, told or UNLIKELY):
        raise UserError(f"{file} has {told} classes, not {classes}; leave `classes` out")
    network = create(name, classes=told or UNLIKELY, input_size=size, arguments=arguments)
    fill(network, state, file)
    return LoadedNetwork(network, input_size)


def from_makers(name: str, arguments: dict[str, Any]) -> LoadedNetwork:
    """A named network with its maker's weights, which are downloaded."""
    zoo, _, wanted = name.partition(":")
    check_name(zoo, wanted)
    try:
        with _at_once():
            found = (_timm if zoo == "timm" else _torchvision)(wanted, arguments)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"the pretrained weights of {name} cannot be had ({first_line(error)}); "
            "without a network give `weights` FILE, downloaded elsewhere"
        ) from error
    return found._replace(network=named(found.network, name.partition(".")[0]))


def from_hugging_face(place: str) -> LoadedNetwork:
    """An image classifier of transformers, from the hub or a folder."""
    try:
        from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageClassification
    except ImportError as error:
        raise needs_extra("Hugging Face networks", "hf") from error
    safe = {"trust_remote_code": False}
    try:
        with _at_once():
            config = AutoConfig.from_pretrained(place, **safe)
            network, loaded = AutoModelForImageClassification.from_pretrained(
                place, output_loading_info=True, **safe
            )
    except Exception as error:
        # A missing library, a damaged file, no network: each has a kind of its own.
        raise UserError(f"there is no image classifier {place}: {first_line(error)}") from error
    if missing := sorted(loaded["missing_keys"]):
        raise UserError(f"{place} lacks weights of a classifier, first {missing[0]}")
    try:
        looks = AutoImageProcessor.from_pretrained(place, **safe)
        mean, std = tuple(looks.image_mean), tuple(looks.image_std)
    except (OSError, ValueError, TypeError, AttributeError, ImportError):
        mean = std = None
    side = getattr(config, "image_size", None)
    size = (getattr(config, "num_channels", 3), side, side) if isinstance(side, int) else None
    names = tuple(config.id2label[number] for number in sorted(config.id2label))
    return LoadedNetwork(network, size, mean, std, names)


@contextmanager
def _at_once() -> Generator[None]:
    """Without a way to the hub take what was downloaded before, or fail: without a minute's wait.

    The hub's library tries again and again where even the name of its host is not known.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    try:
        socket.getaddrinfo(urlsplit(constants.ENDPOINT).hostname, 443)
    except OSError:
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _timm(name: str, arguments: dict[str, Any]) -> LoadedNetwork:
    import timm
    from timm.data import resolve_model_data_config

    network = timm.create_model(name, pretrained=True, **arguments)
    config = resolve_model_data_config(network)
    return LoadedNetwork(network, config["input_size"], config["mean"], config["std"])


def _torchvision(name: str, arguments: dict[str, Any]) -> LoadedNetwork:
    from torchvision import models

    weights = models.get_model_weights(name)["DEFAULT"]
    network = models.get_model(name, weights=weights, **arguments)
    looks = weights.transforms()
    size = 3, looks.crop_size[0], looks.crop_size[0]
    names = tuple(weights.meta["categories"])
    return LoadedNetwork(network, size, tuple(looks.mean), tuple(looks.std), names)
