"""Teachers from files of torch's own: TorchScript `.pt` and `torch.export` `.pt2`."""

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export.passes import move_to_device_pass
from torch.fx import GraphModule

from zskt.errors import UserError
from zskt.teachers.graph_modules import show
from zskt.teachers.loaded import ABOUT, LoadedNetwork


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


def read_torchscript(file: Path) -> LoadedNetwork:
    """A network from a TorchScript file, which tells the size of its images if it is our own."""
    files = {ABOUT: ""}
    try:
        # Reading such files is deprecated; people have them.
        with warnings.catch_warnings(action="ignore"):
            network = torch.jit.load(file, map_location="cpu", _extra_files=files)
    except Exception as error:
        raise UserError(
            f"{file} is cut short or no TorchScript file; a state dict goes with `weights` beside "
            "the name of its network"
        ) from error
    for weight in network.parameters():
        # Copied with its gradient it would be a result of copying, no longer a weight.
        weight.requires_grad_(False)
    return LoadedNetwork(network).told(files[ABOUT])


def read_exported(file: Path) -> LoadedNetwork:
    """A network from a file of `torch.export.save`, with the size of its images."""
    files = {ABOUT: ""}
    try:
        # Weights come back on the device that they were exported on.
        with _quiet(logging.getLogger("torch.export")):
            loaded = torch.export.load(file, extra_files=files)
        program = move_to_device_pass(loaded, "cpu")
        names = program.graph_signature.user_inputs
        inputs = [node for node in program.graph.nodes if node.op == "placeholder"]
        values = [node.meta["val"] for node in inputs if node.name in names]
        network = Traced(_shown(program))
    except Exception as error:
        told = f"{file} is cut short or no file of torch.export; export it anew"
        raise UserError(told) from error
    if len(values) != 1 or not isinstance(values[0], Tensor) or values[0].ndim != 4:
        raise UserError(f"{file} takes something else than images alone; export it anew")
    batch, channels, height, width = values[0].shape
    sides = int(channels), int(height), int(width)
    fixed = batch if isinstance(batch, int) else None
    found = LoadedNetwork(network, input_size=sides, batch=fixed)
    return found.told(files[ABOUT])


def _shown(program: torch.export.ExportedProgram) -> nn.Module:
    """The network of a program, its operations as modules where that can be."""
    network = program.module()
    try:
        if isinstance(network, GraphModule):
            show(network)
    except Exception:
        # A graph of an unknown form: nothing is seen within it, and it teaches all the same.
        return program.module()
    return network


@contextmanager
def _quiet(logger: logging.Logger) -> Generator[None]:
    """Within it a library does not print what it raises besides."""
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


class FixedBatch(nn.Module):
    """A network that takes batches of one size, as one that takes any: in pieces, the last padded.

    It gives one tensor. What its modules put out is of one piece, so no attention is taken there.
    """

    in_pieces = True

    def __init__(self, network: nn.Module, size: int):
        super().__init__()
        self.network = network
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        """What the network returns for all images."""
        lacking = -len(images) % self.size
        padded = torch.cat([images, images[-1:].expand(lacking, -1, -1, -1)])
        return torch.cat([self.network(part) for part in padded.split(self.size)])[: len(images)]
