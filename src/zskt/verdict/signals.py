"""What can be measured of a finished run without data.

    of images the generator draws from new noise        agreement, KL(T || S), and of the teacher
                                                         entropy, balance of classes
    of images that its past selves draw, in equal parts  agreement, KL(T || S)
    of probes (see `probes.py`) and blends                agreement, KL(T || S)
    of the student beside its moving average             drift: share of dead leaves they differ on

Everything is in eval mode, in float32.
"""

from collections.abc import Sequence
from math import log

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from zskt.evaluation import agreement
from zskt.model_file import Card
from zskt.modes import evaluating
from zskt.networks.generator import Generator
from zskt.verdict.probes import blends, probes

Images = Float[Tensor, "count channels height width"]
Logits = Float[Tensor, "count classes"]
IMAGES = 512
BATCH = 128
SEED = 1_000_003
"""Of noise that no run has drawn: theirs is hashed from their seeds."""


def signals(
    teacher: nn.Module,
    student: nn.Module,
    card: Card,
    *,
    generator: Generator | None = None,
    past: Sequence[Generator] = (),
    average: nn.Module | None = None,
    images: int = IMAGES,
) -> dict[str, float]:
    """Measure a finished run.

    Args:
        teacher: from images to logits, on the CPU like the others.
        student: likewise.
        card: of the student: its input size, and its normalisation if that is known.
        generator: as it was after the last round, if the method has one.
        past: the generator as it was earlier in the run.
        average: the student's moving average.
        images: how many of each kind.

    Returns:
        Numbers by name; shares from 0 to 1, divergences in nats for each image.
    """
    sets: dict[str, Images] = {}
    if generator is not None:
        sets["stream"] = _drawn([generator], images)
        sets["blends"] = blends(sets["stream"])
    if past:
        sets["past"] = _drawn(past, images)
    sets |= probes(images, card.input_size, card.bounds, SEED)
    found: dict[str, float] = {}
    for name, kind in sets.items():
        target, said = _said(teacher, kind), _said(student, kind)
        found[f"{name}_agreement"] = agreement(said, target)
        found[f"{name}_divergence"] = divergence(target, said)
        if name == "stream":
            found |= variety(target)
        if name == "leaves" and average is not None:
            found["drift"] = 1 - agreement(said, _said(average, kind))
    return found


def divergence(target: Logits, said: Logits) -> float:
    """Mean over images of KL(T || S), in nats."""
    ours, theirs = (logits.double().log_softmax(1) for logits in (said, target))
    return F.kl_div(ours, theirs, log_target=True, reduction="batchmean").item()


def variety(logits: Logits) -> dict[str, float]:
    """How unsure a network is of single images, and how evenly it uses its classes, 0 to 1.

    Both are entropies as shares of the largest possible: of an image's probabilities, on average,
    and of the predicted classes.
    """
    shares = logits.double().softmax(1)
    most = log(logits.shape[1])
    counts = torch.bincount(logits.argmax(1), minlength=logits.shape[1]).double()
    return {
        "entropy": torch.special.entr(shares).sum(1).mean().item() / most,
        "balance": torch.special.entr(counts / counts.sum()).sum().item() / most,
    }


@torch.no_grad()
def _drawn(generators: Sequence[Generator], count: int) -> Images:
    """Images in equal parts by several generators, each by the statistics of its own batches.

    In eval mode a generator of few rounds draws by statistics that have not settled; in train mode
    it draws what a student would learn from. Its own statistics are put back.
    """
    random = torch.Generator().manual_seed(SEED)
    images = []
    for number, generator in enumerate(generators):
        share = count // len(generators) + (number < count % len(generators))
        before = {name: it.clone() for name, it in generator.named_buffers()}
        mode = generator.training
        generator.train()
        noise = torch.randn(max(share, 2), generator.noise_size, generator=random)
        images.append(generator(noise)[:share])
        generator.train(mode)
        for name, it in generator.named_buffers():
            it.copy_(before[name])
    return torch.cat(images)


@torch.no_grad()
def _said(network: nn.Module, images: Images) -> Logits:
    with evaluating(network):
        return torch.cat([network(part).float() for part in images.split(BATCH)])
