"""What classifiers say about images of nothing: Micaelli & Storkey (2019), appendix 2, Fig. 5."""

from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from zskt.data.image_data import Split
from zskt.images import Normalisation
from zskt.measure.accuracy import confidence, predict
from zskt.seeds import stream


@dataclass(frozen=True)
class NoisePredictions:
    """What one network says about noise."""

    counts: tuple[int, ...]
    """Images for each class, by the largest logit."""
    confidence: float
    """Mean over images of the largest probability, 0 to 1."""


def uniform_noise(
    count: int, input_size: tuple[int, int, int], seed: int
) -> UInt8[Tensor, "count channels height width"]:
    """Images whose every pixel is drawn uniformly from 0 to 255; the same for the same seed."""
    random = torch.Generator().manual_seed(stream(seed, "uniform noise"))
    return torch.randint(256, (count, *input_size), generator=random, dtype=torch.uint8)


def noise_predictions(
    network: nn.Module,
    images: UInt8[Tensor, "count channels height width"],
    normalisation: Normalisation,
) -> NoisePredictions:
    """Count the classes that a network in eval mode predicts for pixels 0 to 255."""
    unlabelled = Split(images, torch.zeros(len(images), dtype=torch.int64))
    logits = predict(network, unlabelled, normalisation)
    counts = logits.argmax(1).bincount(minlength=logits.shape[1])
    return NoisePredictions(tuple(counts.tolist()), confidence(logits))
