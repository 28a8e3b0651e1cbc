"""Teachers from wherever they come: our files, other makers' names, ONNX, TorchScript, code.

    teacher = load_teacher("model.onnx", mean=(0.5,), std=(0.25,))

Nothing of a teacher is ever edited: what it returns is adapted by a wrapper, what it wants by the
normalisation of its images.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zskt.errors import UserError, first_line
from zskt.images import (
    TOPS,
    Images,
    Normalisation,
    Pixels,
    Translated,
    normalisation_of_pixels,
    size_in_words,
)
from zskt.measure.accuracy import Logits
from zskt.model_file import Card, load, network_file, read_classifier_card
from zskt.networks import architecture_of, create, is_code
from zskt.teachers.loaded import LoadedNetwork
from zskt.teachers.onnx_file import OnnxNetwork, check_against_onnxruntime, read_onnx
from zskt.teachers.options import Kind, Output
from zskt.teachers.outputs import Adapted, find, kind_of, taken
from zskt.teachers.pretrained import from_hugging_face, from_makers, with_weights
from zskt.teachers.teacher import Teacher, digest_of
from zskt.teachers.traced import FixedBatch, Traced, read_exported, read_torchscript
from zskt.teachers.weights import fill, read_weights

READERS: dict[str, Callable[[Path], LoadedNetwork]] = {
    ".onnx": read_onnx,
    ".pt2": read_exported,
    ".pt": read_torchscript,
    ".pth": read_torchscript,
    ".ts": read_torchscript,
}
"""By the end of a file's name."""
CENTRED = 0.5, 0.25
"""Mean and standard deviation of the images that a teacher of pixels is played with."""


def load_teacher(
    source: str | Path | nn.Module,
    *,
    weights: Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    input_size: tuple[int, int, int] | None = None,
    classes: int | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    pixels: Pixels = "normalised",
    output: Output = "auto",
    allow_code: bool = False,
) -> Teacher:
    """A teacher, without edits to its code.

    Args:
        source: a file or run folder of ours, an `.onnx`, TorchScript `.pt` or torch.export `.pt2`
            file, `timm:NAME`, `torchvision:NAME`, `hf:REPO`, `package.module:factory`, or a name
            such as `wrn-16-2` with `weights`; or a network, of which a copy is taken.
        weights: safetensors or a state dict for a named network or a factory's.
        arguments: for the factory or the library.
        input_size: channels, height and width of its images, if nothing tells them.
        classes: of a named network, if its weights do not tell them.
        mean: of its normalisation, one number for each channel or one for all, pixels from 0 to 1.
        std: of its normalisation.
        pixels: what it takes: normalised images, or pixels in [0, 1] or [0, 255], because it
            normalises them itself.
        output: what it returns; by default rows that sum to one are probabilities.
        allow_code: whether a file of ours that names a factory may import that code.

    Raises:
        UserError: if it cannot be found, read or understood; the sentence says what to give.
    """
    name = type(source).__name__ if isinstance(source, nn.Module) else str(source)
    _check_normalisation(mean, std, pixels)
    if isinstance(source, nn.Module):
        loaded = LoadedNetwork(copy.deepcopy(source))
    elif weights or _is_named(name) or Path(name).suffix.lower() in READERS:
        loaded = _loaded(name, weights, dict(arguments or {}), input_size, classes)
    else:
        if input_size or classes or arguments or pixels != "normalised" or output != "auto":
            raise UserError(f"{name} tells all but `mean` and `std` itself; leave the rest out")
        return _ours(Path(name), mean, std, allow_code=allow_code)
    size = _size_of(name, loaded, input_size)
    notes = list[str]()
    network = loaded.network.cpu().eval()
    if any(each.dtype in (torch.float16, torch.bfloat16) for each in network.parameters()):
        network = network.float()
        notes.append("Its weights have 16 bits; it runs in 32.")
    if pixels == "normalised" and mean is None:
        pixels = loaded.pixels
    normalisation = _normalisation_of(loaded, mean, std, pixels, size, notes)
    images = torch.randn(4, *size, generator=torch.Generator().manual_seed(0))
    if pixels != "normalised":
        images = (images / 4 + 0.5).clamp(0, 1) * TOPS[pixels]
    if isinstance(network, OnnxNetwork):
        check_against_onnxruntime(network, Path(name), images, loaded.batch)
    network, place, logits = _understood(network, name, images, loaded.batch, classes, notes)
    kind: Kind = kind_of(logits) if output == "auto" else output
    places = () if isinstance(source, nn.Module) else (weights, Path(name))
    file = next((each for each in places if each is not None and each.is_file()), None)
    adapted: nn.Module = Adapted(network, place, kind)
    if pixels != "normalised" and normalisation:
        # A run has centred images; the wrapper turns them into the pixels that are wanted.
        own = normalisation_of_pixels(pixels, size[0])
        adapted = Translated(adapted, own=own, given=normalisation)
    return Teacher(
        network=adapted.eval(),
        card=_card_of(network, size, logits.shape[1], normalisation, loaded.class_names),
        source=name,
        digest=digest_of(file, network),
        output=kind,
        file=file,
        notes=tuple(notes),
    )


def _check_normalisation(
    mean: tuple[float, ...] | None, std: tuple[float, ...] | None, pixels: Pixels
) -> None:
    if pixels != "normalised" and (mean or std):
        raise UserError("a teacher that takes pixels has no `mean` and `std`; leave them out")
    if (mean is None) != (std is None):
        raise UserError("give `mean` and `std`, or neither")
    if not all(isfinite(each) and each > 0 for each in std or ()):
        raise UserError("`std` must be above zero")


def _size_of(
    name: str, loaded: LoadedNetwork, given: tuple[int, int, int] | None
) -> tuple[int, int, int]:
    """The size of a teacher's images: as its user says, or its file."""
    size = given or loaded.input_size
    if size is None:
        raise UserError(
            f"{name} does not tell the size of its images; give `input_size` CHANNELS HEIGHT WIDTH"
        )
    if isinstance(loaded.network, OnnxNetwork | Traced) and loaded.input_size not in (None, size):
        by = size_in_words(loaded.input_size or ())
        raise UserError(f"{name} takes {by} images; leave `input_size` out")
    return size


def _normalisation_of(
    loaded: LoadedNetwork,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    pixels: Pixels,
    size: tuple[int, int, int],
    notes: list[str],
) -> Normalisation | None:
    """Of the images that a teacher is given; None, which is noted, where it is not known."""
    if pixels != "normalised":
        return Normalisation(*((each,) * size[0] for each in CENTRED))
    if (centre := mean or loaded.mean) and (spread := std or loaded.std):
        return Normalisation(_one_each("mean", centre, size), _one_each("std", spread, size))
    notes.append("Its normalisation is not known; give `mean` and `std` to judge it on data.")
    return None


def _card_of(
    network: nn.Module,
    size: tuple[int, int, int],
    classes: int,
    normalisation: Normalisation | None,
    class_names: tuple[str, ...] | None,
) -> Card:
    architecture = architecture_of(network)
    return Card(
        architecture=None if is_code(architecture) else architecture,
        input_size=size,
        classes=classes,
        mean=normalisation.mean if normalisation else None,
        std=normalisation.std if normalisation else None,
        class_names=class_names,
    )


def _loaded(
    name: str,
    weights: Path | None,
    arguments: dict[str, Any],
    input_size: tuple[int, int, int] | None,
    classes: int | None,
) -> LoadedNetwork:
    """The network that a name means, whatever it returns."""
    if is_code(name):
        network = create(name, classes=0, input_size=(0, 0, 0), arguments=arguments)
        if weights is not None:
            fill(network, read_weights(weights), weights)
        # A copy: the factory may keep what it returned.
        return LoadedNetwork(copy.deepcopy(network))
    if weights is not None:
        return with_weights(
            name, weights, input_size=input_size, classes=classes, arguments=arguments
        )
    if name.startswith("hf:"):
        return from_hugging_face(name.removeprefix("hf:"))
    if _is_named(name):
        return from_makers(name, arguments=arguments)
    if not Path(name).is_file():
        raise UserError(f"there is no file {name}; check the path")
    return READERS[Path(name).suffix.lower()](Path(name))


def _ours(
    path: Path,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    *,
    allow_code: bool,
) -> Teacher:
    """A teacher from a file of ours, which tells everything."""
    if not path.exists() and not path.suffix:
        raise UserError(f"there is no file {path}; a network by name needs `weights`")
    file = network_file(path).resolve()
    card = read_classifier_card(file)
    if mean is not None and std is not None:
        size = card.input_size
        card = replace(card, mean=_one_each("mean", mean, size), std=_one_each("std", std, size))
    network = load(file, allow_code=allow_code)
    return Teacher(
        network=network,
        card=card,
        source=str(path),
        digest=digest_of(file, network),
        output="logits",
        file=file,
    )


def _understood(
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
    except (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError) as error:
        by = size_in_words(images.shape[1:])
        raise UserError(f"{name} cannot take {by} images: {first_line(error)}") from error


def _one_each(
    name: str, values: tuple[float, ...], input_size: tuple[int, int, int]
) -> tuple[float, ...]:
    """One number for each channel; a single one is for all."""
    if len(values) == input_size[0]:
        return values
    if len(values) != 1:
        raise UserError(
            f"`{name}` has {len(values)} numbers and the images {input_size[0]} channels"
        )
    return values * input_size[0]


def _is_named(name: str) -> bool:
    """Whether a source is no place on the disk."""
    return is_code(name) or name.startswith(("timm:", "torchvision:", "hf:"))
