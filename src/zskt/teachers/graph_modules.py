"""Operations of an exported graph as modules, so that hooks see what goes in and comes out.

`torch.export` leaves a flat list of operations. Batch norm becomes a layer again, with what it
remembers; every other operation that gives maps becomes a module that does the same.
"""

from collections.abc import Callable
from operator import getitem
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from zskt.images import Images

FORM = torch.ops.aten.batch_norm.default
PLAIN = torch.ops.aten._native_batch_norm_legit_no_training.default
"""Batch norm as a program that was decomposed has it; it gives a tuple, its maps first."""


class Operation(nn.Module):
    """One operation of torch."""

    def __init__(self, operation: Callable[..., Tensor]):
        super().__init__()
        self.operation = operation

    def forward(self, *arguments: Any, **named: Any) -> Tensor:
        """What it gives."""
        return self.operation(*arguments, **named)


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Of maps of any shape."""

    def _check_input_dim(self, input: Images) -> None:
        """Whatever the graph gives it."""


def show(network: GraphModule) -> None:
    """Replace each operation of a graph that gives maps by a module that does the same."""
    graph = network.graph
    for number, node in enumerate(list(graph.nodes)):
        layer = _batch_norm(network, node) if node.op == "call_function" else None
        if layer is None and not _gives_maps(node):
            continue
        name = f"operation_{number}"
        network.add_submodule(name, layer or Operation(node.target))
        with graph.inserting_before(node):
            given = (node.args[:1],) if layer else (node.args, node.kwargs)
            shown = graph.call_module(name, *given)
        # Where batch norm gives a tuple, other nodes take the maps out of it.
        for each in [*node.users] if node.target is PLAIN else [node]:
            each.replace_all_uses_with(shown)
            graph.erase_node(each)
        if node.target is PLAIN:
            graph.erase_node(node)
    network.recompile()


def _gives_maps(node: Node) -> bool:
    """Whether a node computes something of (batch, channels, height, width)."""
    value = node.meta.get("val")
    computes = node.op == "call_function" and node.target is not getitem
    return computes and isinstance(value, Tensor) and value.ndim == 4


def _batch_norm(network: GraphModule, node: Node) -> BatchNorm | None:
    """The layer that a node stands for; None if it is not batch norm on running statistics."""
    form = node.target
    if form is PLAIN:
        tensors, eps = node.args[1:5], node.args[6]
    elif form is FORM and not node.args[5]:
        tensors, eps = node.args[1:5], node.args[7]
    else:
        return None
    if any(isinstance(each, Node) and each.op != "get_attr" for each in tensors):
        return None  # computed
    weight, bias, mean, variance = (_tensor(network, each) for each in tensors)
    if mean is None or variance is None:
        return None
    layer = BatchNorm(len(mean), eps=eps, affine=False).eval()  # ty: ignore
    layer.running_mean, layer.running_var = mean, variance
    layer.weight, layer.bias = _weight(weight), _weight(bias)  # ty: ignore
    return layer


def _weight(values: Any) -> nn.Parameter | None:
    """A weight; some networks hold it as a buffer."""
    if values is None or isinstance(values, nn.Parameter):
        return values
    return nn.Parameter(values, requires_grad=False)


def _tensor(network: GraphModule, node: Any) -> Any:
    """What a node that gets an attribute gets."""
    if not isinstance(node, Node):
        return None
    place: Any = network
    for part in str(node.target).split("."):
        place = getattr(place, part)
    return place
