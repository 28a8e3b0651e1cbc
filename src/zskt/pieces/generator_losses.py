"""What generators and pixels descend in several methods: pure functions of logits.

Means are over images alone, the "batchmean" of the papers that these come from.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zskt.losses import full_precision

Logits = Float[Tensor, "batch classes"]


def certainty(teacher: Logits) -> Float[Tensor, ""]:
    """Cross-entropy with the teacher's own predictions: small where it is sure.

    Chen et al. (2019, arXiv:1904.01186), equation 4, there the one-hot loss.
    """
    return F.cross_entropy(full_precision(teacher), teacher.argmax(1))


def imbalance(teacher: Logits) -> Float[Tensor, ""]:
    """Minus the entropy of the mean prediction: small where all classes come up equally.

    Chen et al. (2019, arXiv:1904.01186), equation 6, there the information entropy loss.
    """
    mean = full_precision(teacher).softmax(1).mean(0)
    return (mean * (mean + 1e-12).log()).sum()


def divergence(
    teacher: Logits, student: Logits, temperature: float = 1.0
) -> Float[Tensor, " batch"]:
    """KL(T || S) of each image, times the squared temperature (Hinton et al., 2015)."""
    log_p = F.log_softmax(full_precision(teacher) / temperature, 1)
    log_q = F.log_softmax(full_precision(student) / temperature, 1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(1)


def disagreement(teacher: Logits, student: Logits) -> Float[Tensor, ""]:
    """KL(T || S), counted where both still predict the same class.

    Fang et al. (2022, arXiv:2112.08083) and after them Tran et al. (2024, arXiv:2310.00258): where
    the two already differ, no image has to be made harder.
    """
    agree = teacher.argmax(1) == student.argmax(1)
    return (divergence(teacher, student) * agree).mean()


def balanced_labels(count: int, classes: int, random: torch.Generator) -> Int64[Tensor, " count"]:
    """Every class as often as any other, in random order."""
    labels = torch.arange(count) % classes
    # Where the classes do not divide the count, which of them come once more is drawn.
    return torch.randperm(classes, generator=random)[labels][
        torch.randperm(count, generator=random)
    ]
