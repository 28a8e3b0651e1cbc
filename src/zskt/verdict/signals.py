"""What can be measured of a finished run without data.

    of images the generator draws from new noise         agreement, kappa, KL(T || S), and of the
                                                         teacher entropy, balance of classes
    of images that its past selves draw, in equal parts  agreement, kappa, KL(T || S)
    of probes (see `probes.py`) and blends               agreement, kappa, KL(T || S)
    of the student beside its moving average             drift: share of dead leaves they differ on

Student and teacher are in eval mode, on their own device; generators draw as in the game.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil, log

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from zskt.evaluation import agreement
from zskt.model_file import Card
from zskt.modes import evaluating
from zskt.networks.generator import Generator
from zskt.verdict.probes import PROBES, blends, probe

Images = Float[Tensor, "count channels height width"]
Logits = Float[Tensor, "count classes"]
IMAGES, LARGE_IMAGES = 512, 128
"""How many of each kind, up to 64x64 pixels and above."""
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
    images: int | None = None,
) -> dict[str, float]:
    """Measure a finished run.

    Args:
        teacher: from images to logits.
        student: likewise, on the same device.
        card: of the student: its input size, and its normalisation if that is known.
        generator: as it was after the last round, if the method has one.
        past: the generator as it was earlier in the run.
        average: the student's moving average.
        images: how many of each kind; by default 512, of those above 64x64 pixels 128.

    Returns:
        Numbers by name; shares from 0 to 1, divergences in nats for each image.
    """
    images = images or (IMAGES if max(card.input_size[1:]) <= 64 else LARGE_IMAGES)
    # Drawn one kind after the other, because at 224 px they are large.
    sets: dict[str, Callable[[], Images]] = {}
    if generator is not None:
        drawn = _drawn([generator], images)
        sets |= {"stream": lambda: drawn, "blends": lambda: blends(drawn)}
    if past:
        sets["past"] = partial(_drawn, past, images)
    for name in PROBES:
        sets[name] = partial(probe, name, images, card.input_size, card.bounds, SEED)
    found: dict[str, float] = {}
    for name, draw in sets.items():
        kind = draw()
        target, said = _said(teacher, kind), _said(student, kind)
        found[f"{name}_agreement"] = agreement(said, target)
        found[f"{name}_kappa"] = kappa(target, said)
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


def kappa(target: Logits, said: Logits) -> float:
    """Cohen's kappa (1960): agreement beyond what networks of these habits would have by chance.

    1 for the same predictions everywhere; 0 for a student that always says the same, however often
    its teacher says that too, and where both always say the same.
    """
    classes = target.shape[1]
    habits = [
        torch.bincount(logits.argmax(1), minlength=classes).double() / len(logits)
        for logits in (target, said)
    ]
    chance = (habits[0] @ habits[1]).item()
    return 0.0 if chance == 1 else (agreement(said, target) - chance) / (1 - chance)


def variety(logits: Logits) -> dict[str, float]:
    """How unsure a network is of single images, and how evenly it uses its classes, 0 to 1.

    Both are entropies as shares of the largest possible: of an image's probabilities, on average,
    and of the predicted classes.
    """
    shares = logits.double().softmax(1)
    most, reached = log(logits.shape[1]), log(max(2, min(logits.shape)))
    counts = torch.bincount(logits.argmax(1), minlength=logits.shape[1]).double()
    return {
        "entropy": torch.special.entr(shares).sum(1).mean().item() / most,
        "balance": torch.special.entr(counts / counts.sum()).sum().item() / reached,
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
        like = next(generator.parameters())
        share = count // len(generators) + (number < count % len(generators))
        before = {name: it.clone() for name, it in generator.named_buffers()}
        mode = generator.training
        generator.train()
        noise = torch.randn(max(share, 2), generator.noise_size, generator=random)
        drawn = [
            generator(part.to(like)).float().cpu() for part in noise.chunk(ceil(len(noise) / BATCH))
        ]
        images.append(torch.cat(drawn)[:share])
        generator.train(mode)
        for name, it in generator.named_buffers():
            it.copy_(before[name])
    return torch.cat(images)


@torch.no_grad()
def _said(network: nn.Module, images: Images) -> Logits:
    like = next(network.parameters())
    with evaluating(network):
        parts = [network(part.to(like)).float().cpu() for part in images.split(BATCH)]
    return torch.cat(parts)
