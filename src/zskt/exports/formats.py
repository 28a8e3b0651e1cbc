"""A network as ONNX, torch.export and TorchScript, for batches of any size, and run again.

Every writer makes a file, with a line of JSON that tells what it takes; every runner gives the
logits that the file says for images, by the engine that it is meant for.
"""

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from zskt.extras import needs_extra
from zskt.images import Images
from zskt.measure.accuracy import Logits
from zskt.teachers.loaded import ABOUT
from zskt.teachers.onnx_file import run_by_onnxruntime


def write_onnx(file: Path, network: nn.Module, images: Images, about: str = "{}") -> None:
    """Input `images`, output `logits`, weights inside the file."""
    if any(find_spec(name) is None for name in ("onnx", "onnxruntime", "onnxscript")):
        raise needs_extra("ONNX files", "onnx")
    with warnings.catch_warnings(action="ignore"):  # The exporter warns of its own insides.
        torch.onnx.export(
            network, (images,), file, input_names=["images"], output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},), external_data=False, verbose=False,
        )  # fmt: skip
    import onnx

    model = onnx.load(file)
    onnx.helper.set_model_props(model, {ABOUT: about})
    onnx.save(model, file)


def write_pt2(file: Path, network: nn.Module, images: Images, about: str = "{}") -> None:
    """A file of torch.export."""
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings(action="ignore"):
        program = torch.export.export(network, (images,), dynamic_shapes=({0: batch},))
        torch.export.save(program, file, extra_files={ABOUT: about})


def write_torchscript(file: Path, network: nn.Module, images: Images, about: str = "{}") -> None:
    """A traced network."""
    with warnings.catch_warnings(action="ignore"):
        torch.jit.trace(network, images).save(file, _extra_files={ABOUT: about})


def run_onnx(file: Path, images: Images) -> Logits:
    """By onnxruntime on the CPU."""
    return run_by_onnxruntime(file, images)[0]


@torch.no_grad()
def run_pt2(file: Path, images: Images) -> Logits:
    """By torch."""
    return torch.export.load(file).module()(images)


@torch.no_grad()
def run_torchscript(file: Path, images: Images) -> Logits:
    """By torch."""
    with warnings.catch_warnings(action="ignore"):
        return torch.jit.load(file, map_location="cpu")(images)


WRITERS: dict[str, Callable[[Path, nn.Module, Images, str], None]] = {
    "onnx": write_onnx, "pt2": write_pt2, "torchscript": write_torchscript,
}  # fmt: skip
RUNNERS: dict[str, Callable[[Path, Images], Logits]] = {
    "onnx": run_onnx, "pt2": run_pt2, "torchscript": run_torchscript,
}  # fmt: skip


@torch.no_grad()
def largest_difference(file: Path, form: str, network: nn.Module, images: Images) -> float:
    """Between the logits of a file and a network, as a share of the largest, for some batches."""
    worst = 0.0
    for count in (1, 2, len(images)):
        logits, expected = RUNNERS[form](file, images[:count]), network(images[:count])
        scale = expected.abs().max().clamp_min(1e-6)
        worst = max(worst, float((logits - expected).abs().max() / scale))
    return worst
