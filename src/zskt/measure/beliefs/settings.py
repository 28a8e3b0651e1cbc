"""The settings of transition curves, light enough for the command line."""

from dataclasses import dataclass
from typing import Literal

from zskt.errors import check_settings

RelativeTo = Literal["predicted", "true"]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What is measured, and how; the defaults are the paper's."""

    images: int = 1000
    """Drawn among those on which both networks agree; all of these if they are fewer."""
    steps: int = 100
    """K: probabilities recorded for each image and target, the first on the image itself."""
    step_size: float = 1.0
    """xi: on the gradient in the space of normalised images."""
    step_on: Literal["student", "teacher"] = "student"
    """The network whose gradient is followed."""
    relative_to: RelativeTo = "predicted"
    """Step towards every class but the one that both predict (as the paper has it), or but the
    label (as the authors' code has it)."""
    batch_size: int = 64
    """Pairs of an image and a target stepped together; bounds the memory."""
    seed: int = 0
    """For the draw of the images."""
    shown_steps: int = 32
    """Steps on the horizontal axis of the pictures."""

    def __post_init__(self):
        check_settings(self, "seed")
