"""What a run draws its images with, or the images that it kept, as one thing.

    source = read_source(RunFolder(run)); images = source.images(100, seed=0)

Verdict, synthesis and 8-bit calibration take a source and do not ask what it is.
"""

from math import ceil
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from zskt.errors import UserError, read_from
from zskt.images import Images
from zskt.model_file import load, read_card
from zskt.networks.generator import Generator
from zskt.runs.folder import SOURCE, STUDENT, RunFolder
from zskt.runs.image_memory import ImageMemory
from zskt.runs.rows import number_of

BATCH = 128


@runtime_checkable
class ImageSource(Protocol):
    """Something that gives the images of a run."""

    def images(self, count: int, seed: int) -> Images:
        """So many normalised images, on the CPU, the same for the same seed."""
        ...


class DrawnImages:
    """Images that networks make of noise, in equal parts.

    Each draws by the statistics of its own batches, as the student saw it draw; its running
    statistics are put back. After few rounds those have not settled.
    """

    def __init__(self, *networks: Generator):
        self.networks = networks

    @torch.no_grad()
    def images(self, count: int, seed: int) -> Images:
        """So many images, the first network's first."""
        random = torch.Generator().manual_seed(seed)
        parts = []
        for number, network in enumerate(self.networks):
            share = count // len(self.networks) + (number < count % len(self.networks))
            noise = torch.randn(max(share, 2), network.noise_size, generator=random)
            parts.append(_drawn(network, noise)[:share])
        return torch.cat(parts)


def read_source(folder: RunFolder) -> ImageSource | None:
    """What a finished run's images come from; None where the method keeps nothing of the kind."""
    if (network := _network(folder.path / SOURCE)) is not None:
        return DrawnImages(network)
    for file in sorted(folder.memories.glob("*.u8")):
        images = _kept_images(folder, file)
        # Without a checkpoint nothing tells how many there are.
        return images if len(images) else None
    return None


def read_past_source(folder: RunFolder) -> ImageSource | None:
    """What a run's images came from earlier; None where that was not kept."""
    last = max((number_of(row) for row in folder.metrics()), default=0)
    files = sorted(folder.snapshots.glob("source-[0-9]*.safetensors"))
    numbers = [each.stem.rpartition("-")[2] for each in files]
    pairs = zip(files, numbers, strict=True)
    networks = [_network(file) for file, each in pairs if each.isdecimal() and int(each) < last]
    past = [network for network in networks if network is not None]
    return DrawnImages(*past) if past else None


def known_source(folder: RunFolder) -> ImageSource:
    """What a finished run's images come from.

    Raises:
        UserError: if there is nothing of the kind.
    """
    if (source := read_source(folder)) is None:
        raise UserError(
            f"{folder.path} has nothing to draw images with; give the folder of a finished "
            "zskt distill run whose method has"
        )
    return source


def source_of(network: nn.Module | None) -> ImageSource | None:
    """A network of the session as a source; None if there is none, or one of another kind."""
    return DrawnImages(network) if isinstance(network, Generator) else None


def _network(file: Path) -> Generator | None:
    if not file.is_file() or read_card(file).architecture != "generator":
        return None
    network = load(file)
    assert isinstance(network, Generator)
    return network


def _kept_images(folder: RunFolder, file: Path) -> ImageMemory:
    """The images in a memory's file, as many as the checkpoint counts."""
    state = folder.state()
    settings = folder.settings()
    with read_from(folder.path, "give another run"):
        size = tuple(settings["input_size"])
        kept = state["kept"][file.stem] if state else {"count": 0, "most": 1}
        card = read_card(folder.path / STUDENT)
        if size != card.input_size:
            raise ValueError(size)
        memory = ImageMemory(file, card.input_size, card.normalisation, kept["most"])
        memory.read(kept["count"], kept.get("in_file"))
    return memory


def _drawn(network: Generator, noise: torch.Tensor) -> Images:
    """In train mode, mode and statistics being put back."""
    like = next(network.parameters())
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    mode = network.training
    network.train()
    parts = noise.chunk(ceil(len(noise) / BATCH))
    images = torch.cat([network(part.to(like)).float().cpu() for part in parts])
    network.train(mode)
    for name, buffer in network.named_buffers():
        buffer.copy_(before[name])
    return images
