"""The student's exponential moving average, kept beside it: weights and batch-norm statistics.

    average <- average + (student - average) / span        after every round

The span is a share of the run's rounds. The average learns nothing and nothing is learnt from it.
"""

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from zskt.game import Game


class MovingAverage:
    """The moving average of a game's student, part of the game's saved state.

    Args:
        game: whose student is followed.
        share: of the rounds that it reaches back; 0 keeps none.
    """

    def __init__(self, game: Game, share: float):
        self._student = game.student
        self._average: AveragedModel | None = None
        if share == 0:
            return
        span = max(1.0, share * game.rounds)
        follow = get_ema_multi_avg_fn(1 - 1 / span)
        self._average = AveragedModel(game.student, multi_avg_fn=follow, use_buffers=True)
        self._average.requires_grad_(False).eval()
        game.keep(average=self._average)

    def follow(self) -> None:
        """After a round."""
        if self._average is not None:
            self._average.update_parameters(self._student)

    @property
    def network(self) -> nn.Module | None:
        """In eval mode, on the game's device; None if none is kept."""
        return None if self._average is None else self._average.module
