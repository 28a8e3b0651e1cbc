"""How far a network's images lie from where it changes its mind."""

import torch
from torch import nn

from zskt.data.image_data import Split
from zskt.images import Normalisation
from zskt.modes import evaluating


def distance_to_boundary(network: nn.Module, split: Split, normalisation: Normalisation) -> float:
    """The mean over images of the first-order distance to the nearest decision boundary.

    The margin between the two largest logits by the norm of its gradient, in units of normalised
    pixels: the first step of DeepFool (Moosavi-Dezfooli et al., 2016, arXiv:1511.04599), towards
    the second class alone. It is larger where a network is smoother, and does not change if its
    logits are scaled.
    """
    place = next(network.parameters())
    distances = []
    with evaluating(network), torch.enable_grad():
        for pixels in split.images.split(500):
            images = normalisation.normalised(pixels.to(place.device)).to(place.dtype)
            images.requires_grad_(True)
            first, second = network(images).topk(2).values.unbind(1)
            margin = first - second
            (slope,) = torch.autograd.grad(margin.sum(), images)
            distances.append(margin.detach() / slope.flatten(1).norm(dim=1).clamp_min(1e-12))
    return torch.cat(distances).double().mean().item()
