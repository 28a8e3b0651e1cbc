"""The settings of the game in the plane, light enough for the command line."""

from dataclasses import dataclass

from zskt.errors import check_settings


@dataclass(frozen=True, kw_only=True)
class Toy:
    """Settings of the experiment; the defaults are the authors'."""

    seed: int = 4
    """Of the data, both networks and the points."""
    rounds: int = 2000
    """Turns of the game."""
    points: int = 50
    """Pseudo points, in place of a generator."""
    ascent_steps: int = 50
    """Steps of the points in a round."""
    student_steps: int = 10
    """Steps of the student in a round."""
    ascent_learning_rate: float = 1e-3
    """Of the points' Adam."""
    student_learning_rate: float = 1e-3
    """Of the student's Adam."""
    ascent_clamp: float = 3.0
    """Largest entry of the points' gradient."""
    student_clip: float = 3.0
    """Largest norm of the student's gradient."""
    teacher_epochs: int = 30
    """Passes over the training data."""
    teacher_batch_size: int = 50
    """Points in a batch of the teacher's training."""
    teacher_learning_rate: float = 1e-3
    """Of the teacher's Adam."""

    def __post_init__(self):
        check_settings(self, "seed")
