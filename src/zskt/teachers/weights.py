"""Weights of other makers' files into networks: safetensors or pickled state dicts."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from zskt.errors import NOT_MEANT, UserError
from zskt.networks.compatibility import not_plain

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "ema", "weights")
"""Keys under which training scripts store a state dict beside other things."""

State = Mapping[str, Tensor]


def read_weights(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a state dict that torch saved.

    Pickles are read with `weights_only`, so that no code in them runs.
    """
    if not file.is_file():
        raise UserError(f"there is no file of weights {file}; check the path")
    if file.suffix == ".safetensors":
        try:
            return load_file(file)
        except (SafetensorError, OSError, RuntimeError, *NOT_MEANT) as error:
            raise UserError(f"{file} is cut short or no safetensors file") from error
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(
            f"{file} is no state dict that can be read without running its code; save "
            "network.state_dict() as safetensors"
        ) from error
    for _ in range(2):
        for name in WRAPPERS:
            if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
                found = found[name]
    if not isinstance(found, Mapping) or not any(map(torch.is_tensor, found.values())):
        raise UserError(f"{file} holds no state dict; save network.state_dict()")
    state = {name: tensor for name, tensor in found.items() if torch.is_tensor(tensor)}
    for name, tensor in state.items():
        if not isinstance(name, str):
            raise UserError(f"{file} names a tensor {name!r}; save network.state_dict()")
        if (reason := not_plain(tensor)) is not None:
            raise UserError(f"{file}: {name} {reason}; save a plain state dict")
    return state


def without_prefix(state: State, wanted: State) -> dict[str, Tensor]:
    """A state whose names lack the prefix, such as `module.`, that the wanted ones do not have."""
    dots = [(name, place) for name in state for place, letter in enumerate(name) if letter == "."]
    prefixes = [name[: dot + 1] for name, dot in dots if name[dot + 1 :] in wanted]
    cuts = (
        {name.removeprefix(prefix): tensor for name, tensor in state.items()}
        for prefix in dict.fromkeys(["", *prefixes])
    )
    return max(cuts, key=lambda cut: len(cut.keys() & wanted.keys()))


def fill(network: nn.Module, state: State, file: Path) -> None:
    """Copy weights into a network; or a `UserError`, if they are of another architecture."""
    here = network.state_dict()
    state = without_prefix(state, here)
    # Files of old versions of torch lack the counter of batch norm.
    missing = [name for name in here if name not in state and "num_batches" not in name]
    unknown = sorted(set(state) - set(here))
    other = [name for name in here if name in state and here[name].shape != state[name].shape]
    if missing or unknown or other:
        parts = {"lacks": missing, "has too many": unknown, "differ in size": other}
        told = "; ".join(f"{word}: {len(it)}, first {it[0]}" for word, it in parts.items() if it)
        raise UserError(f"{file} holds the weights of another architecture ({told})")
    network.load_state_dict({**here, **{name: state[name] for name in here if name in state}})


def shape_of_weights(state: State, network: nn.Module, *, classes: int) -> list[int | None]:
    """What weights tell of a network of their architecture: its classes and its input channels.

    The network has 3 channels and a number of `classes` that no layer but the last has.
    """
    here = network.state_dict()
    state = without_prefix(state, here)
    found: list[int | None] = [None, None]
    for name, tensor in here.items():
        theirs = state.get(name)
        if theirs is None or theirs.ndim != tensor.ndim or theirs.shape == tensor.shape:
            continue
        if tensor.shape[0] == classes:
            found[0] = theirs.shape[0]
        elif tensor.ndim == 4 and tensor.shape[1] == 3:
            found[1] = theirs.shape[1]
    return found
