"""The student's exponential moving average, kept beside it: weights and batch-norm statistics.

    average <- average + (student - average) / span        after every round

The span is a share of the run's rounds. The average learns nothing and nothing is learnt from it.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

import torch
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
        self._average: AveragedModel | None = None
        if share == 0:
            return
        average = AveragedModel(session.student)
        average.requires_grad_(False).eval()
        self._average = session.keep("average", average)

    def follow(self, rounds: float) -> None:
        """After a round.

        Args:
            rounds: how many the whole run has, as far as can be told.
        """
        if self._average is None:
            return
        # Not by `update_parameters`, for which a GPU waits twice.
        mixed = get_ema_multi_avg_fn(1 - 1 / max(1.0, self._share * rounds))
        groups = defaultdict[torch.dtype, list[tuple[Tensor, Tensor]]](list)
        for pair in zip(_tensors(self._average.module), _tensors(self._student), strict=True):
            groups[pair[0].dtype].append(pair)
        for pairs in groups.values():
            average, student = zip(*pairs, strict=True)
            if self._average.n_averaged:
                mixed(average, student, 0)
            else:
                for kept, value in pairs:
                    kept.copy_(value)
        self._average.n_averaged += 1

    @property
    def network(self) -> nn.Module | None:
        """In eval mode, on the session's device; None if none is kept."""
        return None if self._average is None else self._average.module


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    """Weights and buffers, without their gradients."""
    return (each.detach() for each in chain(network.parameters(), network.buffers()))
