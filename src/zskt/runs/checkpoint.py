"""The state of a run on disk: nested state dicts as safetensors, no pickle, whole or not at all."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from zskt.errors import NOT_MEANT, UserError
from zskt.files import write_atomically


def write_state(path: Path, state: Any) -> None:
    """Write nested dicts, lists, tuples, numbers, strings, None and tensors.

    The file before is kept until the new one is whole on the disk.
    """
    tensors: dict[str, torch.Tensor] = {}
    skeleton = json.dumps(_take_out(state, tensors))
    write_atomically(path, save(tensors, {"state": skeleton}))


def read_state(path: Path) -> Any:
    """What `write_state` wrote, tensors on the CPU with the strides they had.

    Raises:
        UserError: if the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            skeleton = json.loads((file.metadata() or {})["state"])
        return _put_back(skeleton, tensors)
    except FileNotFoundError as error:
        raise UserError(f"there is no checkpoint {path}; start the run anew") from error
    except (SafetensorError, OSError, RuntimeError, *NOT_MEANT) as error:
        raise UserError(f"the checkpoint {path} is damaged; start the run anew") from error


def _take_out(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """The value with tensors replaced by references; JSON keeps neither tuples nor integer keys."""
    match value:
        case torch.Tensor():
            name = str(len(tensors))
            tensors[name] = value.detach().cpu().contiguous().clone()
            return {"tensor": name, "stride": list(value.stride())}
        case dict():
            return {"dict": [[key, _take_out(item, tensors)] for key, item in value.items()]}
        case list() | tuple():
            kind = "list" if isinstance(value, list) else "tuple"
            return {kind: [_take_out(item, tensors) for item in value]}
        case None | bool() | int() | float() | str():
            return value
    raise TypeError(f"a state dict cannot hold a {type(value).__name__}")


def _put_back(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    match value:
        case {"tensor": name, "stride": stride}:
            # Fused optimizers walk through memory: moments need the layout of their parameters.
            loaded = tensors[name]
            reach = sum((side - 1) * step for side, step in zip(loaded.shape, stride, strict=True))
            if loaded.numel() and not 0 <= reach < loaded.numel():
                raise ValueError(stride)
            empty = torch.empty_strided(loaded.shape, stride, dtype=loaded.dtype)
            return empty.copy_(loaded)
        case {"dict": pairs}:
            return {key: _put_back(item, tensors) for key, item in pairs}
        case {"list": items}:
            return [_put_back(item, tensors) for item in items]
        case {"tuple": items}:
            return tuple(_put_back(item, tensors) for item in items)
    return value
