"""How good a network is on labelled images, and how much two networks agree."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zskt.data.image_data import Split
from zskt.images import Normalisation
from zskt.modes import evaluating

Logits = Float[Tensor, "count classes"]
Labels = Int64[Tensor, " count"]


@torch.no_grad()
def predict(network: nn.Module, split: Split, normalisation: Normalisation) -> Logits:
    """Logits of a network in eval mode for every image of a split, on the CPU.

    Computed in the network's own dtype on its own device; its modes are put back afterwards.
    """
    parameter = next(network.parameters())
    logits = []
    with evaluating(network):
        for images in split.images.split(500):
            ready = normalisation.normalised(images.to(parameter.device))
            logits.append(network(ready.to(parameter.dtype)).float().cpu())
    return torch.cat(logits)


def accuracy(logits: Logits, labels: Labels) -> float:
    """Share of images whose largest logit is that of the label, 0 to 1."""
    return (logits.argmax(1) == labels).double().mean().item()


def agreement(logits: Logits, others: Logits) -> float:
    """Share of images for which two networks predict the same class, 0 to 1."""
    return (logits.argmax(1) == others.argmax(1)).double().mean().item()


def confidence(logits: Logits) -> float:
    """Mean over images of the largest probability, 0 to 1."""
    return logits.float().softmax(1).amax(1).mean().item()


def histograms(logits: Logits) -> dict[str, list[int]]:
    """Images by their largest probability, in ten steps from 0 to 1, and by predicted class."""
    largest, predicted = logits.float().softmax(1).max(1)
    steps = (largest * 10).long().clamp(max=9)
    return {
        "confidence_histogram": torch.bincount(steps, minlength=10).tolist(),
        "classes": torch.bincount(predicted, minlength=logits.shape[1]).tolist(),
    }


def confusion(teacher: Logits, student: Logits) -> list[list[int]]:
    """Images by the teacher's predicted class (rows) and the student's (columns)."""
    from sklearn.metrics import confusion_matrix

    labels = range(teacher.shape[1])
    return confusion_matrix(teacher.argmax(1), student.argmax(1), labels=labels).tolist()


def calibration_error(logits: Logits, labels: Labels, bins: int = 15) -> float:
    """Expected calibration error over bins of equal width (Guo et al., 2017, arXiv:1706.04599).

    The mean over images of |accuracy - confidence| of the image's bin, 0 to 1.
    """
    largest, predicted = logits.double().softmax(1).max(1)
    right = (predicted == labels).double()
    # The bins are open below and closed above.
    of_each = (largest * bins).ceil().long().clamp(1, bins) - 1
    apart = torch.zeros(bins, dtype=torch.double).index_add_(0, of_each, right - largest)
    return (apart.abs().sum() / len(labels)).item()


def qualities(logits: Logits, teachers: Logits, labels: Labels) -> dict[str, float]:
    """How good logits are: accuracy, top 5, agreement with a teacher, calibration error, 0 to 1."""
    best = logits.topk(min(5, logits.shape[1])).indices
    return {
        "accuracy": accuracy(logits, labels),
        "top_5_accuracy": (best == labels[:, None]).any(1).double().mean().item(),
        "agreement": agreement(logits, teachers),
        "calibration_error": calibration_error(logits, labels),
    }


@dataclass(frozen=True)
class Judge:
    """Measures a student on a test split during a run; nothing acts on what it says."""

    split: Split
    normalisation: Normalisation
    teacher_logits: Logits

    def __call__(self, number: int, student: nn.Module) -> dict[str, float]:
        """Accuracy and agreement with the teacher, 0 to 1."""
        logits = predict(student, self.split, self.normalisation)
        return {
            "student_accuracy": accuracy(logits, self.split.labels),
            "agreement": agreement(logits, self.teacher_logits),
        }
