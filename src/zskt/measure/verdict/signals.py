"""What can be measured of a finished run without data.

    of new images of the run's source                    agreement, kappa, KL(T || S), and of the
                                                         teacher entropy, balance of classes
    of images that its past selves drew, in equal parts  agreement, kappa, KL(T || S)
    of probes (see `probes.py`) and blends               agreement, kappa, KL(T || S)
    of images inverted from the teacher alone            agreement, kappa, KL(T || S)
    of the student beside its moving average             drift: share of dead leaves they differ on

Student and teacher are in eval mode, on their own device.
"""

from collections.abc import Callable
from functools import partial
from math import log

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from zskt.images import Images, Normalisation
from zskt.measure.accuracy import Logits, agreement
from zskt.measure.verdict.probes import PROBES, blends, probe
from zskt.modes import evaluating
from zskt.runs.source import ImageSource

IMAGES, LARGE_IMAGES = 512, 128
"""How many of each kind, up to 64x64 pixels and above."""
BATCH = 128
SEED = 1_000_003
"""Of images that no run has drawn: theirs come from hashes of their seeds."""


def signals(
    teacher: nn.Module,
    student: nn.Module,
    input_size: tuple[int, int, int],
    normalisation: Normalisation | None,
    *,
    source: ImageSource | None = None,
    past: ImageSource | None = None,
    average: nn.Module | None = None,
    of_teacher: Images | None = None,
    images: int | None = None,
) -> dict[str, float]:
    """Measure a finished run: shares from 0 to 1, divergences in nats for each image.

    `source` is where the run's images come from as it was after the last round, `past` the same as
    it was earlier, `average` the student's moving average, `of_teacher` images that were inverted
    from the teacher (see `inverted.py`); `images` of each other kind are looked at, by default 512,
    of those above 64x64 pixels 128.
    """
    images = images or (IMAGES if max(input_size[1:]) <= 64 else LARGE_IMAGES)
    bounds = normalisation.bounds if normalisation else None
    # Drawn one kind after the other, because at 224 px they are large.
    kinds: dict[str, Callable[[], Images]] = {}
    if source is not None:
        drawn = source.images(images, SEED)
        kinds |= {"stream": lambda: drawn, "blends": lambda: blends(drawn)}
    if past is not None:
        kinds["past"] = partial(past.images, images, SEED)
    for name in PROBES:
        kinds[name] = partial(probe, name, images, input_size, bounds, SEED)
    if of_teacher is not None:
        kinds["inverted"] = lambda: of_teacher
    measured: dict[str, float] = {}
    for name, draw in kinds.items():
        shown = draw()
        target, answer = _logits(teacher, shown), _logits(student, shown)
        measured[f"{name}_agreement"] = agreement(answer, target)
        measured[f"{name}_kappa"] = kappa(target, answer)
        measured[f"{name}_divergence"] = divergence(target, answer)
        if name == "stream":
            measured |= variety(target)
        if name == "leaves" and average is not None:
            measured["drift"] = 1 - agreement(answer, _logits(average, shown))
    return measured


def divergence(target: Logits, said: Logits) -> float:
    """Mean over images of KL(T || S), in nats."""
    ours, theirs = (logits.double().log_softmax(1) for logits in (said, target))
    return F.kl_div(ours, theirs, log_target=True, reduction="batchmean").item()


def kappa(target: Logits, said: Logits) -> float:
    """Cohen's kappa (1960): agreement beyond what networks of these habits would have by chance.

    1 for the same predictions everywhere; 0 for a student that always says the same, however often
    its teacher says that too, and where both always say the same.
    """
    habits = [_counts(logits) / len(logits) for logits in (target, said)]
    chance = (habits[0] @ habits[1]).item()
    return 0.0 if chance == 1 else (agreement(said, target) - chance) / (1 - chance)


def variety(logits: Logits) -> dict[str, float]:
    """How unsure a network is of single images, and how evenly it uses its classes, 0 to 1.

    Both are entropies as shares of the largest possible: of an image's probabilities, on average,
    and of the predicted classes.
    """
    shares = logits.double().softmax(1)
    most, reached = log(logits.shape[1]), log(max(2, min(logits.shape)))
    used = _counts(logits) / len(logits)
    return {
        "entropy": torch.special.entr(shares).sum(1).mean().item() / most,
        "balance": torch.special.entr(used).sum().item() / reached,
    }


def _counts(logits: Logits) -> Float[Tensor, " classes"]:
    """Images by predicted class."""
    return logits.argmax(1).bincount(minlength=logits.shape[1]).double()


@torch.no_grad()
def _logits(network: nn.Module, images: Images) -> Logits:
    like = next(network.parameters())
    with evaluating(network):
        parts = [network(part.to(like)).float().cpu() for part in images.split(BATCH)]
    return torch.cat(parts)
