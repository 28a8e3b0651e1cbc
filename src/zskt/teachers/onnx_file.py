"""A teacher from an ONNX file: converted to torch, and held beside onnxruntime before use."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zskt.errors import UserError
from zskt.extras import needs_extra
from zskt.images import size_in_words
from zskt.teachers.loaded import ABOUT, LoadedNetwork

LAYERS = ("Conv", "ConvTranspose", "BatchNormalization", "Gemm")
MOST = 2**26
"""Numbers in a constant that is folded."""
TOLERANCE = 1e-3
"""Largest difference from onnxruntime, as a share of the largest output."""


class OnnxNetwork(nn.Module):
    """A converted graph, which may take images (batch, height, width, channels), by its outputs."""

    def __init__(self, converted: nn.Module, names: Sequence[str], *, channels_last: bool):
        super().__init__()
        self.converted = converted
        self.names = tuple(names)
        self.channels_last = channels_last

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The outputs by name, for images (batch, channels, height, width)."""
        said = self.converted(images.permute(0, 2, 3, 1) if self.channels_last else images)
        return dict(zip(self.names, [said] if len(self.names) == 1 else said, strict=True))


class ShownBatchNorm(nn.Module):
    """A converted layer of batch norm that is called as a module, so that hooks see its input.

    The converter's own wrapper calls its `forward` instead, and sets its constants every time.
    """

    def __init__(self, layer: nn.Module):
        super().__init__()
        # Called as in the wrapper: the digest of a teacher has the names of its weights.
        self.bnu = layer

    def forward(self, maps: Tensor, *constants: Tensor) -> Tensor:
        """Normalised."""
        return self.bnu(maps)


def read_onnx(file: Path) -> LoadedNetwork:
    """A network from an ONNX file, with the size of its images and batches if they are fixed."""
    try:
        import onnx
        import onnx2pytorch  # noqa: F401
    except ImportError as error:
        raise needs_extra("ONNX files", "onnx") from error
    try:
        model = onnx.load(file)
        onnx.checker.check_model(model)
    except Exception as error:
        raise UserError(f"{file} is cut short or no ONNX file; export it anew") from error
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [given for given in model.graph.input if given.name not in constants]
    if len(inputs) != 1:
        raise UserError(f"{file} takes {len(inputs)} inputs; export it with images alone")
    kind = inputs[0].type.tensor_type
    if kind.elem_type != onnx.TensorProto.FLOAT:
        other = onnx.TensorProto.DataType.Name(kind.elem_type).lower()
        raise UserError(f"{file} takes {other} images; export it to take 32-bit floats")
    shape = [max(dimension.dim_value, 0) or None for dimension in kind.shape.dim]
    if len(shape) != 4:
        raise UserError(f"{file} takes {len(shape)} dimensions; export it to take images alone")
    converted = _converted(model, file)
    last = shape[3] in (1, 3) and shape[1] not in (1, 3)
    sides = (shape[3], shape[1], shape[2]) if last else (shape[1], shape[2], shape[3])
    size = None if None in sides else sides
    names = [output.name for output in model.graph.output]
    network = OnnxNetwork(converted, names, channels_last=last)
    about = {entry.key: entry.value for entry in model.metadata_props}.get(ABOUT, "")
    return LoadedNetwork(network, size, batch=shape[0]).told(about)  # ty: ignore


def _converted(model: Any, file: Path) -> nn.Module:
    """A graph in torch, its batch norm shown to hooks."""
    from onnx2pytorch import ConvertModel
    from onnx2pytorch.operations import BatchNormWrapper

    try:
        _fold_identities(model.graph)
        if _computes_weights(model.graph):
            model = _folded(model)
        converted = ConvertModel(model)
    except Exception as error:
        # An operator that it lacks, or has in another form, such as 8-bit convolutions.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{file} cannot be converted: {reason}; export it in 32 bits with simple operators, or "
            "give the network itself"
        ) from error
    for name, module in list(converted.named_children()):
        if isinstance(module, BatchNormWrapper) and not module.has_lazy:
            setattr(converted, name, ShownBatchNorm(module.bnu))
    return converted


def _computes_weights(graph: Any) -> bool:
    """Whether a graph computes weights of its layers, as one that nothing has simplified does."""
    known = {tensor.name for tensor in graph.initializer} | {""}
    known |= {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    layers = [node for node in graph.node if node.op_type in LAYERS]
    return any(name not in known for node in layers for name in node.input[1:])


def _folded(model: Any) -> Any:
    """A model with what it computes of constants alone as constants."""
    from onnxscript import ir, optimizer

    read = ir.serde.deserialize_model(model)
    optimizer.fold_constants(read, input_size_limit=MOST, output_size_limit=MOST)
    optimizer.remove_unused_nodes(read)
    return ir.serde.serialize_model(read)


@torch.no_grad()
def check_against_onnxruntime(
    network: OnnxNetwork, file: Path, images: Tensor, batch: int | None
) -> float:
    """The largest difference between a converted network and onnxruntime on random images.

    It is a share of the largest output; above `TOLERANCE` it is a `UserError`. The file fixes
    `batch` if that is not None.
    """
    if batch is not None:
        images = images[torch.arange(batch) % len(images)]
    given = images.permute(0, 2, 3, 1) if network.channels_last else images
    try:
        wanted = run_by_onnxruntime(file, given)
        said = network(images).values()
    except Exception as error:
        # Of onnxruntime's many kinds, which are not Python's.
        by, reason = size_in_words(images.shape[1:]), " ".join(str(error).split())
        raise UserError(f"{file} cannot take {by} images: {reason}") from error
    worst = 0.0
    for ours, theirs in zip(said, wanted, strict=True):
        difference = (ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-6)
        worst = max(worst, float(difference))
    if not worst <= TOLERANCE:
        raise UserError(
            f"{file} says something else in torch than in onnxruntime, by {worst:.1%} of its "
            "largest output; export it with another opset, or give the network itself"
        )
    return worst


def run_by_onnxruntime(file: Path, images: Tensor) -> list[Tensor]:
    """What a file says of images, laid out as it takes them, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    said = session.run(None, {session.get_inputs()[0].name: images.contiguous().numpy()})
    return [torch.as_tensor(each) for each in said]


def _fold_identities(graph: Any) -> None:
    """Let nodes read a constant itself where the exporter put an Identity before it."""
    renamed = {tensor.name: tensor.name for tensor in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in renamed:
            renamed[node.output[0]] = renamed[node.input[0]]
        else:
            kept.append(node)
    for node in kept:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
    del graph.node[:]
    graph.node.extend(kept)
