"""Networks on disk: safetensors whose header tells how to build the network again.

A file is self-contained: `load("student.safetensors")` returns a ready module. Its header holds
one JSON object, the `Card`. Nothing is pickled.
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from zskt.card import Card as Card
from zskt.card import check_card, frozen
from zskt.errors import NOT_MEANT, UserError
from zskt.files import REPLACES, write_atomically
from zskt.modes import usual_modes
from zskt.networks import Generator, create, is_code
from zskt.networks.arguments import check_arguments

NAMES_IN_A_RUN = ("student.safetensors", "model.safetensors")
"""What `load` looks for when it is given a run folder."""


def card_of(network: nn.Module, student: Card) -> Card:
    """The card of a network that a method trained beside a student, in the space of its images."""
    if not isinstance(network, Generator):
        return Card(architecture=None, input_size=student.input_size)
    return Card(
        architecture="generator", input_size=network.output_size, noise_size=network.noise_size,
        width=network.width, depth=network.depth, bounded=network.bounded,
        mean=student.mean, std=student.std,
    )  # fmt: skip


def write_network(path: Path, network: nn.Module, card: Card, *, half: bool = False) -> None:
    """Write a network's `state_dict`, by wish in 16 bits, and its card, whole or not at all."""
    tensors = {}
    for name, tensor in network.state_dict().items():
        stored = tensor.half() if half and tensor.is_floating_point() else tensor
        tensors[name] = stored.detach().cpu().contiguous().clone()
    write_atomically(path, save(tensors, {"zskt": json.dumps(asdict(card))}))


def network_file(path: Path) -> Path:
    """The model file that a path means: itself, or the network inside a run folder."""
    if not path.is_dir():
        return path
    settings = path / "settings.json"
    if settings.is_file() and f'"{REPLACES}"' in settings.read_text(errors="replace"):
        raise UserError(f"the run in {path} is being replaced; go on with it by `resume`")
    for name in NAMES_IN_A_RUN:
        if (path / name).is_file():
            return path / name
    raise UserError(
        f"{path} holds neither {' nor '.join(NAMES_IN_A_RUN)}; give a finished run or a model file"
    )


def read_card(path: Path) -> Card:
    """The card in a file's header."""
    with _opened(path) as file:
        text = (file.metadata() or {}).get("zskt")
    if text is None:
        raise UserError(f"{path} was not written by zskt: its header has no card")
    known = {field.name for field in fields(Card)}
    try:
        card = Card(**{name: value for name, value in frozen(text).items() if name in known})
        check_card(card)
    except NOT_MEANT as error:
        raise UserError(f"the card of {path} is damaged; make the file anew") from error
    return card


def read_classifier_card(path: Path) -> Card:
    """The card of a file that holds a classifier; a `UserError` if it holds a generator."""
    card = read_card(path)
    if card.classes is None:
        raise UserError(f"{path} holds a {card.architecture}; give a classifier")
    return card


@usual_modes()
def load(path: str | Path, *, allow_code: bool = False) -> nn.Module:
    """A ready network, in float32 and in eval mode, from a model file or a run folder.

    Args:
        path: the file or folder.
        allow_code: whether a network of a `package.module:factory` may be made, which imports that
            module, or one of a library with other arguments than those that change its shape: a
            file from someone else could name any.

    Raises:
        UserError: if the file is missing, damaged, or holds another architecture than it says.
    """
    file = network_file(Path(path))
    card = read_card(file)
    if card.architecture is None:
        raise UserError(
            f"{file} holds a network of your own class; build it and use zskt.load_weights"
        )
    if is_code(card.architecture) and not allow_code:
        raise UserError(
            f"{file} was made by the code of {card.architecture}; if you trust it, call "
            "zskt.load(path, allow_code=True) or give `allow_code`"
        )
    if card.architecture == "generator":
        assert card.noise_size
        assert card.width
        bounds = card.known_normalisation().bounds if card.bounded else None
        shape = card.noise_size, card.width, card.depth or 1
        make: Callable[[], nn.Module] = partial(Generator, card.input_size, *shape, bounds)
    else:
        assert card.classes
        if not allow_code:
            check_arguments(file, card.arguments)
        make = partial(
            create, card.architecture, classes=card.classes, input_size=card.input_size,
            arguments=card.arguments,
        )  # fmt: skip
    if not allow_code:
        _check_size(file, make)
    network = make()
    load_weights(file, network)
    return network.eval()


def _check_size(file: Path, make: Callable[[], nn.Module]) -> None:
    """Refuse a network that is larger than the file, before any memory is taken for it."""
    with _opened(file) as opened:
        held = sum(
            math.prod(opened.get_slice(name).get_shape())
            for name in opened.keys()  # noqa: SIM118
        )
    try:
        with torch.device("meta"):
            said = sum(tensor.numel() for tensor in make().state_dict().values())
    except (UserError, RuntimeError) as error:
        # It reads numbers while it is made, as torchvision's RegNets. What a file may say of a
        # shape is bounded too.
        if isinstance(error, RuntimeError) or isinstance(error.__cause__, NotImplementedError):
            return
        raise
    if said > held:
        raise UserError(
            f"{file} is of another architecture than its card says: that has {said:,} numbers, and "
            f"the file {held:,}; make it anew"
        )


def load_weights(path: str | Path, network: nn.Module) -> None:
    """Copy the weights of a model file or run folder into a network of the same architecture.

    Raises:
        UserError: if the file is missing or damaged, or its tensors do not fit the network.
    """
    file = network_file(Path(path))
    with _opened(file) as opened:
        try:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        except (SafetensorError, RuntimeError, *NOT_MEANT) as error:
            raise UserError(f"{file} holds tensors that are none; make it anew") from error
    here = network.state_dict()
    wrong = sorted(set(here) ^ set(tensors)) or sorted(
        name for name in here if here[name].shape != tensors[name].shape
    )
    if wrong:
        raise UserError(
            f"{file} is of another architecture than the network it is loaded into: "
            f"{len(wrong)} of {len(here)} tensors differ, first {wrong[0]}"
        )
    network.load_state_dict({name: tensor.to(here[name].dtype) for name, tensor in tensors.items()})


def _opened(path: Path) -> safe_open:
    try:
        return safe_open(path, framework="pt")
    except FileNotFoundError as error:
        raise UserError(f"there is no model file {path}; check the path") from error
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is cut short or no safetensors file; make it anew") from error


def parameters(network: nn.Module) -> int:
    """How many numbers training adjusts."""
    return sum(parameter.numel() for parameter in network.parameters())
