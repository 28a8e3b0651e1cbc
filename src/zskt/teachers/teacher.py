"""A network that is ready to teach."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from torch import nn

from zskt.images import Normalisation, Pixels
from zskt.model_file import Card
from zskt.teachers.options import Kind


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A network that is ready to teach."""

    network: nn.Module
    """From images (batch, channels, height, width) to logits (batch, classes), in eval mode."""
    card: Card
    """Its images, classes and, where it is known, normalisation."""
    source: str
    """Where it came from."""
    digest: str
    """SHA-256 of its file, or of its weights where it has no file."""
    output: Kind
    """What it returned before its logits were taken."""
    file: Path | None = None
    """What it was read from."""
    notes: tuple[str, ...] = ()
    """What its user should know."""
    takes: Pixels = "normalised"
    """What it took before its images were normalised for it: pixels, or as they are."""

    @property
    def normalisation(self) -> Normalisation | None:
        """Of its images; None where it is not known."""
        return self.card.normalisation


def digest_of(file: Path | None, network: nn.Module) -> str:
    """SHA-256 of a file's bytes; of names and numbers where there is no file.

    Of both for ONNX, whose weights may lie in another file beside it.
    """
    summed = sha256(file.read_bytes() if file else b"")
    if file is None or file.suffix.lower() == ".onnx":
        for name, tensor in sorted(network.state_dict().items()):
            summed.update(name.encode())
            if torch.is_tensor(tensor):
                flat = tensor.detach().cpu().contiguous().view(-1)
                summed.update(flat.view(torch.uint8).numpy())
    return summed.hexdigest()
