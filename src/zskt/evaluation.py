"""How good a network is on labelled images, and how much two networks agree."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zskt.data.batches import normalise
from zskt.data.image_data import Split
from zskt.modes import evaluating

Logits = Float[Tensor, "count classes"]


@dataclass(frozen=True)
class Normalisation:
    """How a network wants its images: (pixel / 255 - mean) / std."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class Translated(nn.Module):
    """A network that takes images in another normalisation than its own.

    Args:
        network: what is run.
        own: how the network wants its images.
        given: how the images are that it will get.
    """

    def __init__(self, network: nn.Module, own: Normalisation, given: Normalisation):
        super().__init__()
        self.scale: Tensor
        self.shift: Tensor
        self.network = network
        device = next(network.parameters()).device
        ours, theirs = (
            torch.tensor([it.mean, it.std], device=device)[..., None, None] for it in (own, given)
        )
        # They follow the network to its device without being weights of it.
        self.register_buffer("scale", theirs[1] / ours[1], persistent=False)
        self.register_buffer("shift", (theirs[0] - ours[0]) / ours[1], persistent=False)

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes"]:
        """Logits."""
        return self.network(images * self.scale + self.shift)


@torch.no_grad()
def predict(
    network: nn.Module, split: Split, normalisation: Normalisation
) -> Float[Tensor, "count classes"]:
    """Logits of a network in eval mode for every image of a split, on the CPU.

    Computed in the network's own dtype on its own device; its modes are put back afterwards.
    """
    parameter = next(network.parameters())
    logits = []
    with evaluating(network):
        for images in split.images.split(500):
            ready = normalise(images.to(parameter.device), normalisation.mean, normalisation.std)
            logits.append(network(ready.to(parameter.dtype)).float().cpu())
    return torch.cat(logits)


def accuracy(logits: Logits, labels: Int64[Tensor, " count"]) -> float:
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
    # It takes longer to import than everything else together.
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    matrix = multiclass_confusion_matrix(
        student.argmax(1), teacher.argmax(1), num_classes=teacher.shape[1]
    )
    return matrix.tolist()


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
