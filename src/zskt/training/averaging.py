"""The student's exponential moving average, kept beside it: weights and batch-norm statistics.

    average <- average + (student - average) / span        after every round

The span is a share of the run's rounds. The average learns nothing and nothing is learnt from it.
"""

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def moving_average(student: nn.Module, *, rounds: int, share: float) -> AveragedModel | None:
    """A copy of the student that follows it by `update_parameters`; None for a share of zero."""
    if share == 0:
        return None
    span = max(1.0, share * rounds)
    average = AveragedModel(
        student, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / span), use_buffers=True
    )
    return average.requires_grad_(False).eval()
