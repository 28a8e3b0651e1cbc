"""The student's exponential moving average, kept beside it: weights and batch-norm statistics.

    average <- average + (student - average) / span        after every round

The span is a share of the run's rounds. The average learns nothing and nothing is learnt from it.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from zskt.distillation.session import Session


class MovingAverage:
    """The moving average of a session's student, part of the session's saved state.

    Args:
        session: whose student is followed.
        share: of the rounds that it reaches back; 0 keeps none.
    """

    def __init__(self, session: Session, share: float):
        self._student = session.student
        self._share = share
        self._span = 1.0
        self._average: AveragedModel | None = None
        if share == 0:
            return
        average = AveragedModel(session.student, multi_avg_fn=self._mixed, use_buffers=True)
        average.requires_grad_(False).eval()
        self._average = session.keep("average", average)

    def follow(self, rounds: float) -> None:
        """After a round.

        Args:
            rounds: how many the whole run has, as far as can be told.
        """
        if self._average is not None:
            self._span = max(1.0, self._share * rounds)
            self._average.update_parameters(self._student)

    @property
    def network(self) -> nn.Module | None:
        """In eval mode, on the session's device; None if none is kept."""
        return None if self._average is None else self._average.module

    def _mixed(
        self, average: Sequence[Tensor], student: Sequence[Tensor], count: Tensor | int
    ) -> None:
        get_ema_multi_avg_fn(1 - 1 / self._span)(list(average), list(student), count)
