"""How much memory a round needs: an estimate before the start, a measurement after the first."""

import copy
import resource
import sys

import torch
from torch import Tensor, nn

MUCH_MEMORY = 1_000_000_000
"""Bytes from which the memory of a round is told."""
COPIES = 4
"""Of what is trained: weights, gradients and the two moments of Adam."""


def estimated_bytes(
    teacher: nn.Module, student: nn.Module, input_size: tuple[int, int, int], batch_size: int,
    micro_batch: int | None = None,
) -> int:  # fmt: skip
    """What a step through both networks to the images keeps in float32.

    Measured on a batch of two, on copies. What a method trains besides comes on top, and what the
    system and the libraries take.

    Args:
        teacher: frozen: its weights are there once.
        student: trained.
        input_size: channels, height and width.
        batch_size: images in a batch.
        micro_batch: images that pass the teacher at once; None for all.
    """
    players = [copy.deepcopy(network).cpu().float().eval() for network in (teacher, student)]
    sizes = [sum(parameter.numel() for parameter in each.parameters()) for each in players]
    own = {parameter.data_ptr() for each in players for parameter in each.parameters()}
    through = [min(batch_size, micro_batch or batch_size), batch_size]
    kept: dict[int, int] = {}
    most = []

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    for network in players:
        network.requires_grad_(False)
    images = torch.randn(2, *input_size, generator=torch.Generator().manual_seed(0))
    images.requires_grad_()
    with (
        torch.random.fork_rng(devices=()),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda it: it),
    ):
        logits = []
        for network, count in zip(players, through, strict=True):
            before = sum(kept.values())
            # Held until the end, so that no storage is counted under an address used twice.
            logits.append(network(images))
            most.append(count * (sum(kept.values()) - before) // 2)
        del logits
    return sum(most) + 4 * (sizes[0] + COPIES * sizes[1])


def measured_bytes(device: torch.device) -> int:
    """The most that this process has held so far: on a GPU in its tensors, else in all."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if (kilobytes := _told("/proc/self/status", "VmHWM")) is not None:
        return kilobytes * 1024
    # Where a process was started by a larger one, Linux would tell the larger one's here.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kilobytes, macOS bytes.
    return peak if sys.platform == "darwin" else peak * 1024


def much_memory(device: torch.device) -> str | None:
    """A sentence about what the first round took, if it was much."""
    taken = measured_bytes(device)
    if taken <= MUCH_MEMORY:
        return None
    return f"By the end of the first round {taken / 1e9:.1f} GB of memory were taken."


def free_bytes(device: torch.device) -> int | None:
    """What a device has left for us; None where the system does not tell."""
    if device.type == "cuda":
        # What torch keeps for its next tensors is free too.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    kilobytes = _told("/proc/meminfo", "MemAvailable")
    return None if kilobytes is None else kilobytes * 1024


def _told(file: str, name: str) -> int | None:
    """A number of kilobytes that Linux tells; None elsewhere."""
    try:
        with open(file) as lines:
            told = dict(line.split(":", 1) for line in lines)
        return int(told[name].split()[0])
    except (OSError, KeyError, ValueError, IndexError):
        return None
