"""A network in eval mode with each batch norm behind a convolution counted into its weights.

    BN(w * x + b) = (s w) * x + (s (b - mean) + offset)      with s = scale / sqrt(variance + eps)

In eval mode batch norm multiplies and shifts each channel by fixed numbers, and so does a
convolution. One pass over memory less for each pair, forwards and backwards; the same function to
rounding. Batch norm that comes before ReLU and a convolution cannot be folded and stays.
"""

import copy
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils._pytree import tree_leaves

from zskt.images import Images
from zskt.modes import evaluating
from zskt.taps import Operations, tappable


def inference_form(network: nn.Module, images: Images) -> nn.Module:
    """A folded copy in eval mode, in which all other modules have their places, names and hooks.

    What a folded convolution puts out is what its batch norm put out. The network itself comes back
    where nothing can be folded. A network that learns, and one whose batch norm is looked at, must
    not be folded.

    Args:
        network: from images to logits; it stays as it is.
        images: a few of the right size, on its device, to see which layers follow which.
    """
    pairs = foldable(network, images)
    if not pairs:
        return network
    names = {module: name for name, module in network.named_modules()}
    folded = copy.deepcopy(network).eval()
    modules = dict(folded.named_modules())
    for conv, norm in pairs:
        fused = fuse_conv_bn_eval(modules[names[conv]], modules[names[norm]])
        _put(modules, names[conv], fused.to(memory_format=torch.channels_last))
        _put(modules, names[norm], nn.Identity())
    return folded.requires_grad_(False)


def foldable(network: nn.Module, images: Images) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Convolutions, each with the batch norm that alone takes what it puts out."""
    taken: Counter[int] = Counter()
    made: dict[int, nn.Conv2d] = {}
    pairs: list[tuple[Tensor, nn.Conv2d, nn.BatchNorm2d]] = []
    calls: Counter[nn.Module] = Counter()
    alive: list[Tensor] = []

    def see(operation: Any, arguments: Any, named: Any, output: Any) -> None:
        taken.update(id(each) for each in tree_leaves((arguments, named)) if torch.is_tensor(each))

    def record(module: Any, arguments: Any, output: Any) -> None:
        calls[module] += 1
        if isinstance(module, nn.Conv2d):
            made[id(output)] = module
            # Numbers are given again: no earlier tensor's count, and no later tensor, may have it.
            taken[id(output)] = 0
            alive.append(output)
        elif id(arguments[0]) in made:
            pairs.append((arguments[0], made[id(arguments[0])], module))

    layers = [each for each in tappable(network) if type(each) in (nn.Conv2d, nn.BatchNorm2d)]
    watched = {each for each in layers if each._forward_hooks or each._forward_pre_hooks}
    handles = [each.register_forward_hook(record) for each in layers]
    try:
        with evaluating(network), torch.no_grad(), Operations(see):
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    return [
        (conv, norm)
        for tensor, conv, norm in pairs
        if taken[id(tensor)] == 1 and calls[conv] == calls[norm] == 1
        if norm.running_mean is not None and not {conv, norm} & watched
    ]


def _put(modules: dict[str, nn.Module], name: str, module: nn.Module) -> None:
    """Replace a module; names of converted networks have dots in them."""
    for parent in modules.values():
        for key, child in parent.named_children():
            if child is modules[name]:
                setattr(parent, key, module)
