"""A network in eval mode with each batch norm behind a convolution counted into its weights.

    BN(w * x + b) = (s w) * x + (s (b - mean) + offset)      with s = scale / sqrt(variance + eps)

In eval mode batch norm multiplies and shifts each channel by fixed numbers, and so does a
convolution. One pass over memory less for each pair, forwards and backwards; the same function to
rounding. Batch norm that comes before ReLU and a convolution cannot be folded and stays.
"""

import copy
from collections import Counter

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def inference_form(network: nn.Module) -> nn.Module:
    """A folded copy in eval mode, in which all other modules have their places, names and hooks.

    The network itself where nothing can be folded, or where its forward pass cannot be followed.
    A network that learns, and one whose batch norm is looked at, must not be folded.
    """
    pairs = foldable(network)
    if not pairs:
        return network
    folded = copy.deepcopy(network).eval()
    modules = dict(folded.named_modules())
    for conv, norm in pairs:
        fused = fuse_conv_bn_eval(modules[conv], modules[norm])  # ty: ignore[invalid-argument-type]
        fused.to(memory_format=torch.channels_last)
        folded.set_submodule(conv, fused)
        folded.set_submodule(norm, nn.Identity())
    return folded.requires_grad_(False)


def foldable(network: nn.Module) -> list[tuple[str, str]]:
    """Names of convolutions and of the batch norm that alone sees what they put out."""
    modules = dict(network.named_modules())
    try:
        graph = fx.Tracer().trace(network)
    except Exception:  # Strangers' code, run on symbols: it may raise anything.
        return []
    nodes = list(graph.nodes)
    calls = Counter(node.target for node in nodes if node.op == "call_module")
    # Weights that something else reads, too, must stay.
    read = {str(node.target).rpartition(".")[0] for node in nodes if node.op == "get_attr"}
    found = []
    for node in nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        names = (str(before.target), str(node.target))
        conv, norm = (modules[name] for name in names)
        if type(conv) is not nn.Conv2d or type(norm) is not nn.BatchNorm2d:
            continue
        alone = all(calls[name] == 1 and name not in read for name in names)
        if alone and norm.running_mean is not None and not (_watched(conv) or _watched(norm)):
            found.append(names)
    return found


def _watched(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)
