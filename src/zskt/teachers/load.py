"""Teachers from wherever they come: our files, other makers' names, ONNX, TorchScript, code.

    teacher = load_teacher("model.onnx", mean=(0.5,), std=(0.25,))

Nothing of a teacher is ever edited: what it returns is adapted by a wrapper, what it wants by the
normalisation of its images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zskt.errors import UserError
from zskt.images import (
    TOPS,
    Normalisation,
    Pixels,
    Translated,
    normalisation_of_pixels,
    size_in_words,
)
from zskt.measure.cost import Size
from zskt.model_file import Card, load, network_file, read_classifier_card
from zskt.modes import usual_modes
from zskt.networks import architecture_of, is_code
from zskt.networks.compatibility import copied
from zskt.teachers.data_statistics import data_statistics
from zskt.teachers.loaded import LoadedNetwork
from zskt.teachers.onnx_file import OnnxNetwork, check_against_onnxruntime
from zskt.teachers.options import Kind, Output
from zskt.teachers.outputs import Adapted, kind_of
from zskt.teachers.reading import is_foreign, read, understood
from zskt.teachers.teacher import Teacher, digest_of
from zskt.teachers.traced import Traced

Numbers = tuple[float, ...]
OTHER_WIDTHS = {torch.float16: 16, torch.bfloat16: 16, torch.float64: 64}
CENTRED = 0.5, 0.25
"""Mean and spread of the data of a teacher of pixels, where nothing tells them."""


@usual_modes()
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
        mean: of its normalisation, one number for each channel or one for all, pixels from 0 to 1;
            of a teacher of pixels, of its data, if its batch norm does not tell them.
        std: likewise.
        pixels: what it takes: normalised images, or pixels in [0, 1] or [0, 255], because it
            normalises them itself.
        output: what it returns; by default rows that sum to one are probabilities.
        allow_code: whether a file of ours that names a factory may import that code.

    Raises:
        UserError: if it cannot be found, read or understood; the sentence says what to give.
    """
    name = type(source).__name__ if isinstance(source, nn.Module) else str(source)
    weights, input_size = _given(weights, input_size, mean, std)
    if isinstance(source, nn.Module):
        loaded = LoadedNetwork(copied("teacher", source))
    elif weights or is_foreign(name):
        loaded = read(name, weights, dict(arguments or {}), input_size, classes)
    elif input_size or classes or arguments or pixels != "normalised" or output != "auto":
        raise UserError(f"{name} tells all but `mean` and `std` itself; leave the rest out")
    else:
        return _ours(Path(name), mean, std, allow_code=allow_code)
    size = _size_of(name, loaded, input_size)
    notes = list[str]()
    network = loaded.network.cpu().eval()
    for width in {each.dtype for each in network.parameters()} & OTHER_WIDTHS.keys():
        network = network.float()
        notes.append(f"Its weights have {OTHER_WIDTHS[width]} bits; it runs in 32.")
    if pixels == "normalised":
        pixels = loaded.pixels
    images = torch.randn(4, *size, generator=torch.Generator().manual_seed(0))
    if pixels != "normalised":
        images = (images / 4 + 0.5).clamp(0, 1) * TOPS[pixels]
    if isinstance(network, OnnxNetwork):
        check_against_onnxruntime(network, Path(name), images, loaded.batch)
    network, place, logits = understood(network, name, images, loaded.batch, classes, notes)
    kind: Kind = kind_of(logits) if output == "auto" else output
    places = () if isinstance(source, nn.Module) else (weights, Path(name))
    file = next((each for each in places if each is not None and each.is_file()), None)
    adapted: nn.Module = Adapted(network, place, kind)
    if pixels == "normalised":
        normalisation = _normalisation_of(loaded, mean, std, size, notes)
    else:
        normalisation = _statistics_of(adapted, mean, std, pixels, size, notes)
        # A run has normalised images; the wrapper turns them into the pixels that are wanted.
        own = normalisation_of_pixels(pixels, size[0])
        adapted = Translated(adapted, own=own, given=normalisation)
    return Teacher(
        network=adapted.eval(), source=name, digest=digest_of(file, network), output=kind,
        card=_card_of(network, size, logits.shape[1], normalisation, loaded.class_names),
        file=file, notes=tuple(notes), takes=pixels,
    )  # fmt: skip


def _given(
    weights: Path | str | None, input_size: Sequence[int] | None, mean: Numbers | None,
    std: Numbers | None,
) -> tuple[Path | None, Size | None]:  # fmt: skip
    """Weights as a path and the size as three numbers; a `UserError` for numbers that are none."""
    if (mean is None) != (std is None):
        raise UserError("give `mean` and `std`, or neither")
    if not all(isfinite(each) and each > 0 for each in std or ()):
        raise UserError("`std` must be above zero")
    if not all(isfinite(each) for each in mean or ()):
        raise UserError("`mean` must be a finite number for each channel")
    if input_size is not None and (len(input_size) != 3 or min(input_size) < 1):
        raise UserError("`input_size` must be three numbers above zero, CHANNELS HEIGHT WIDTH")
    size = None if input_size is None else (input_size[0], input_size[1], input_size[2])
    return None if weights is None else Path(weights), size


def _size_of(name: str, loaded: LoadedNetwork, given: Size | None) -> Size:
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
    loaded: LoadedNetwork, mean: Numbers | None, std: Numbers | None, size: Size, notes: list[str]
) -> Normalisation | None:
    """Of images that are given normalised; None, which is noted, where it is not known."""
    if (centre := mean or loaded.mean) and (spread := std or loaded.std):
        return Normalisation(_one_each("mean", centre, size), _one_each("std", spread, size))
    notes.append("Its normalisation is not known; give `mean` and `std` to judge it on data.")
    return None


def _statistics_of(
    network: nn.Module, mean: Numbers | None, std: Numbers | None, pixels: Pixels, size: Size,
    notes: list[str],
) -> Normalisation:  # fmt: skip
    """Mean and spread of the data of a teacher of pixels: those given, or told by batch norm."""
    if mean and std:
        return Normalisation(_one_each("mean", mean, size), _one_each("std", std, size))
    told = data_statistics(network, size, TOPS[pixels])
    if told is None:
        notes.append(
            "It takes pixels and does not tell the mean of its data, so 0.5 is taken; give `mean` "
            "and `std`, of pixels from 0 to 1, if you know them."
        )
        return Normalisation(*((each,) * size[0] for each in CENTRED))
    means = ", ".join(f"{each:.2f}" for each in told.mean)
    notes.append(
        f"It takes pixels; by its first batch norm those of its data have a mean of {means} and a "
        f"spread of {told.std[0]:.2f}."
    )
    return told


def _card_of(
    network: nn.Module, size: Size, classes: int, normalisation: Normalisation | None,
    class_names: tuple[str, ...] | None,
) -> Card:  # fmt: skip
    architecture = architecture_of(network)
    return Card(
        architecture=None if is_code(architecture) else architecture,
        input_size=size, classes=classes, class_names=class_names,
        mean=normalisation.mean if normalisation else None,
        std=normalisation.std if normalisation else None,
    )  # fmt: skip


def _ours(path: Path, mean: Numbers | None, std: Numbers | None, *, allow_code: bool) -> Teacher:
    """A teacher from a file of ours, which tells everything."""
    if not path.exists() and not path.suffix:
        raise UserError(f"there is no file {path}; a network by name needs `weights`")
    file = network_file(path).resolve()
    card = read_classifier_card(file)
    if mean is not None and std is not None:
        size = card.input_size
        card = replace(card, mean=_one_each("mean", mean, size), std=_one_each("std", std, size))
    network = load(file, allow_code=allow_code)
    digest = digest_of(file, network)
    return Teacher(
        network=network, card=card, source=str(path), digest=digest, output="logits", file=file
    )


def _one_each(name: str, values: Numbers, size: Size) -> Numbers:
    """One number for each channel; a single one is for all."""
    if len(values) not in (1, size[0]):
        raise UserError(f"`{name}` has {len(values)} numbers and the images {size[0]} channels")
    return values if len(values) == size[0] else values * size[0]
