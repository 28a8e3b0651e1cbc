"""Networks on disk: safetensors whose header tells how to build the network again.

A file is self-contained: `load("student.safetensors")` returns a ready module. Its header holds
one JSON object, the `Card`. Nothing is pickled.
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from zskt.errors import NOT_MEANT, UserError
from zskt.files import REPLACES, write_atomically
from zskt.images import Normalisation
from zskt.networks import Generator, create, is_code
from zskt.networks.arguments import LARGEST, check_arguments

MOST_NUMBERS = 2**24
"""Of one image: a file may not choose how much memory a few images take."""
NAMES_IN_A_RUN = ("student.safetensors", "model.safetensors")
"""What `load` looks for when it is given a run folder."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is needed to build a network again and to feed it."""

    architecture: str | None
    """A name that `create` knows, `generator`, or None for a network of the user's own class."""
    arguments: dict[str, Any] | None = None
    """Further arguments of `create`."""
    input_size: tuple[int, int, int]
    """Channels, height and width of the images it takes (a generator: draws)."""
    classes: int | None = None
    noise_size: int | None = None
    """Length of a generator's noise vector."""
    width: int | None = None
    """Channels of a generator's first maps."""
    depth: int | None = None
    """Convolutions of a generator after each upsampling; None is one."""
    bounded: bool = False
    """Whether a generator keeps its images between the lowest and the highest pixel."""
    mean: tuple[float, ...] | None = None
    """Normalisation of the images, pixels taken from 0 to 1; None where it is not known."""
    std: tuple[float, ...] | None = None
    class_names: tuple[str, ...] | None = None

    @property
    def normalisation(self) -> Normalisation | None:
        """Of its images; None where it is not known."""
        if self.mean is None or self.std is None:
            return None
        return Normalisation(self.mean, self.std)

    def known_normalisation(self) -> Normalisation:
        """Of its images; or a `UserError`."""
        if (normalisation := self.normalisation) is None:
            raise UserError(
                "nothing says how a network's images are normalised; give `mean` and `std`"
            )
        return normalisation

    def normalised_as(self, teacher: "Card") -> "Card":
        """The same with its teacher's normalisation, in which it learnt, if it tells none."""
        return self if self.mean is not None else replace(self, mean=teacher.mean, std=teacher.std)


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


def check_card(card: Card) -> None:
    """Raise a `TypeError` unless a card holds what cards hold, in sizes that networks have."""
    if not isinstance(card.input_size, tuple):
        raise TypeError(card)
    channels = card.input_size[0] if len(card.input_size) == 3 else None
    numbers = (*card.input_size, card.classes, card.noise_size, card.width, card.depth)
    small = all(type(each) is int and 0 < each <= LARGEST for each in numbers if each is not None)
    small = small and math.prod(card.input_size) <= MOST_NUMBERS
    statistics = (*(card.mean or ()), *(card.std or ()))
    lengths = {len(values) for values in (card.mean, card.std) if values is not None}
    whole = card.architecture != "generator" or (card.noise_size and card.width)
    if not (
        channels and small and whole and lengths <= {channels}
        and isinstance(card.architecture, str | None) and isinstance(card.arguments, dict | None)
        and isinstance(card.class_names, tuple | None)
        and all(isinstance(each, int | float) and math.isfinite(each) for each in statistics)
        and all(each > 0 for each in card.std or ())
    ):  # fmt: skip
        raise TypeError(card)


def frozen(text: str | bytes) -> dict[str, Any]:
    """A JSON object, whose lists become tuples."""
    entries = json.loads(text).items()
    return {name: tuple(value) if isinstance(value, list) else value for name, value in entries}


def read_classifier_card(path: Path) -> Card:
    """The card of a file that holds a classifier; a `UserError` if it holds a generator."""
    card = read_card(path)
    if card.classes is None:
        raise UserError(f"{path} holds a {card.architecture}; give a classifier")
    return card


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
    except (RuntimeError, NotImplementedError):
        # It reads numbers while it is made. What a file may say of a shape is bounded too.
        return
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
