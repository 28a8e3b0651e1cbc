"""What a source means, whatever it returns: networks from files, libraries and factories."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zskt.errors import UserError, first_line
from zskt.images import Images, size_in_words
from zskt.measure.accuracy import Logits
from zskt.networks import create, is_code
from zskt.networks.compatibility import copied
from zskt.teachers.loaded import LoadedNetwork
from zskt.teachers.onnx_file import read_onnx
from zskt.teachers.outputs import Adapted, find, taken
from zskt.teachers.pretrained import from_hugging_face, from_makers, with_weights
from zskt.teachers.traced import FixedBatch, read_exported, read_torchscript
from zskt.teachers.weights import fill, read_weights

READERS: dict[str, Callable[[Path], LoadedNetwork]] = {
    ".onnx": read_onnx, ".pt2": read_exported,
    ".pt": read_torchscript, ".pth": read_torchscript, ".ts": read_torchscript,
}  # fmt: skip
"""By the end of a file's name."""


def is_foreign(name: str) -> bool:
    """Whether a source is no file of ours."""
    is_named = is_code(name) or name.startswith(("timm:", "torchvision:", "hf:"))
    return is_named or Path(name).suffix.lower() in READERS


def read(
    name: str,
    weights: Path | None,
    arguments: dict[str, Any],
    input_size: tuple[int, int, int] | None,
    classes: int | None,
) -> LoadedNetwork:
    """The network that a name means; size and classes are for one with weights."""
    if is_code(name):
        network = create(name, classes=0, input_size=(0, 0, 0), arguments=arguments)
        if weights is not None:
            fill(network, read_weights(weights), weights)
        # A copy: the factory may keep what it returned.
        return LoadedNetwork(copied("teacher", network))
    if weights is not None:
        return with_weights(name, weights, input_size, classes, arguments)
    if name.startswith("hf:"):
        return from_hugging_face(name.removeprefix("hf:"))
    if name.startswith(("timm:", "torchvision:")):
        return from_makers(name, arguments)
    if not Path(name).is_file():
        raise UserError(f"there is no file {name}; check the path")
    return READERS[Path(name).suffix.lower()](Path(name))


def understood(
    network: nn.Module,
    name: str,
    images: Images,
    batch: int | None,
    classes: int | None,
    notes: list[str],
) -> tuple[nn.Module, str | int | None, Logits]:
    """The network for any batch, where its logits are, and what it says of the images."""
    try:
        with torch.no_grad():
            given = images if batch is None else images[:1].expand(batch, -1, -1, -1)
            answer = network(given)
            place, *others = find(answer, len(given), classes)
            if others:
                notes.append(
                    f"It returns several things like logits; {place!r} was taken, not "
                    f"{', '.join(map(repr, others))}: `classes` chooses by their number."
                )
            if batch is None:
                return network, place, taken(answer, place).flatten(1)
            fixed = FixedBatch(Adapted(network, place, "logits"), batch)
            notes.append(f"It takes batches of {batch} only; others are run in pieces, slower.")
            return fixed, None, fixed(images)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        by = size_in_words(images.shape[1:])
        raise UserError(f"{name} cannot take {by} images: {first_line(error)}") from error
