"""Teachers from files of torch's own: TorchScript `.pt` and `torch.export` `.pt2`."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from zskt.errors import UserError
from zskt.teachers.found import Found


class Traced(nn.Module):
    """A network whose modes were fixed when it was traced; eval and train mode do not reach it."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def train(self, mode: bool = True) -> "Traced":
        """Note the mode and leave the traced network alone: an exported one would refuse."""
        self.training = mode
        return self

    def forward(self, images: Tensor):
        """What the file returns."""
        return self.network(images)


def read_torchscript(file: Path) -> Found:
    """A network from a TorchScript file, which does not tell the size of its images.

    Raises:
        UserError: if the file is missing, damaged or something else.
    """
    try:
        with warnings.catch_warnings():
            # Reading such files is deprecated; people have them.
            warnings.simplefilter("ignore")
            network = torch.jit.load(file, map_location="cpu")
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"{file} is cut short or no TorchScript file; a state dict goes with --weights beside "
            "the name of its network"
        ) from error
    for weight in network.parameters():
        # Copied with its gradient it would be a result of copying, no longer a weight.
        weight.requires_grad_(False)
    return Found(network)


def read_exported(file: Path) -> Found:
    """A network from a file of `torch.export.save`, with the size of its images.

    Raises:
        UserError: if the file is missing, damaged, of another version or takes more than images.
    """
    try:
        program = torch.export.load(file)
    except Exception as error:
        raise UserError(
            f"{file} is cut short or no file of torch.export; export it anew"
        ) from error
    names = program.graph_signature.user_inputs
    values = [
        node.meta["val"] for node in program.graph.nodes
        if node.op == "placeholder" and node.name in names
    ]  # fmt: skip
    if len(values) != 1 or not isinstance(values[0], Tensor) or values[0].ndim != 4:
        raise UserError(f"{file} takes something else than images alone; export it anew")
    batch, channels, height, width = values[0].shape
    return Found(
        Traced(program.module()),
        input_size=(int(channels), int(height), int(width)),
        batch=batch if isinstance(batch, int) else None,
    )


class FixedBatch(nn.Module):
    """A network that takes batches of one size, as one that takes any: in pieces, the last padded.

    Args:
        network: from (size, channels, height, width) to one tensor (size, ...).
        size: of its batches.
    """

    def __init__(self, network: nn.Module, size: int):
        super().__init__()
        self.network = network
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        """What the network returns for all images."""
        lacking = -len(images) % self.size
        padded = torch.cat([images, images[-1:].expand(lacking, -1, -1, -1)])
        return torch.cat([self.network(part) for part in padded.split(self.size)])[: len(images)]
