"""An ONNX file as it will be deployed: run by onnxruntime on the CPU, to be judged beside others.

It has no gradient, so it cannot teach; but it may hold what torch has no operators for, such as
8-bit convolutions.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zskt.errors import UserError, first_line
from zskt.extras import needs_extra
from zskt.teachers.load import load_teacher
from zskt.teachers.loaded import ABOUT, LoadedNetwork
from zskt.teachers.teacher import Teacher

OF_QUANTISATION = ("_scale", "_zero_point")
"""How the names of numbers end that 8 bits need besides the weights."""


class RunByOnnxruntime(nn.Module):
    """Maps images (batch, channels, height, width) as the file takes them to its first output."""

    def __init__(self, session: Any, weights: list[Tensor]):
        super().__init__()
        self.session = session
        # It tells the device and the kind of number that it takes; the others are to be counted.
        self.empty = nn.Parameter(torch.empty(0), requires_grad=False)
        self.weights = nn.ParameterList(nn.Parameter(each, requires_grad=False) for each in weights)

    def forward(self, images: Tensor) -> Tensor:
        """What the file says."""
        given = {self.session.get_inputs()[0].name: images.detach().cpu().contiguous().numpy()}
        return torch.as_tensor(self.session.run(None, given)[0]).to(images.device)

    def __deepcopy__(self, memo: Any) -> RunByOnnxruntime:
        # A session cannot be copied, and nothing changes it.
        return self


def is_onnx(path: str | Path) -> bool:
    """Whether a name is that of an ONNX file."""
    return Path(path).suffix.lower() == ".onnx"


def is_run(network: nn.Module) -> bool:
    """Whether a network is, within its wrappers, a file that onnxruntime runs."""
    return any(isinstance(module, RunByOnnxruntime) for module in network.modules())


def load_to_run(path: str | Path, input_size: tuple[int, int, int]) -> Teacher | None:
    """A network from an ONNX file; None where the file takes batches of one size only.

    Args:
        path: the file.
        input_size: channels, height and width, for a file that does not tell them.

    Raises:
        UserError: if there is no such file, or onnxruntime cannot read it or run it.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(f"there is no file {file}; check the path")
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise needs_extra("ONNX files", "onnx") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        weights = [
            torch.tensor(onnx.numpy_helper.to_array(tensor))
            for tensor in onnx.load(file).graph.initializer
            if not tensor.name.endswith(OF_QUANTISATION)
        ]
    except Exception as error:
        reason = first_line(error)
        raise UserError(f"onnxruntime cannot read {file}: {reason}; export it anew") from error
    given = session.get_inputs()[0]
    shape = given.shape
    if given.type != "tensor(float)" or len(shape) != 4 or isinstance(shape[0], int):
        return None
    about = session.get_modelmeta().custom_metadata_map.get(ABOUT, "")
    network = RunByOnnxruntime(session, weights)
    told = LoadedNetwork(network).told(about)
    own = tuple(told.input_size or ()) or tuple(each for each in shape[1:] if isinstance(each, int))
    size = (own[0], own[1], own[2]) if len(own) == 3 else input_size
    taught = load_teacher(
        network, input_size=size, mean=told.mean, std=told.std, pixels=told.pixels
    )
    card = replace(taught.card, class_names=told.class_names)
    return replace(taught, source=str(path), file=file, card=card)
