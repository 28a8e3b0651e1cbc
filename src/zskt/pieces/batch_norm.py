"""How far images are from the statistics that the teacher's batch norm remembers.

    R(x) = sum over layers  |mean_l(x) - running mean_l|_2 + |var_l(x) - running var_l|_2

Yin et al. (2020, arXiv:1912.08795), equation 4. Means and variances are over a batch and all
places, of what goes into each layer. With a memory m, those of a batch are first averaged with
earlier batches': m * earlier + (1 - m) * this one's, so that batches together, not each for
itself, look like the data (Fang et al., 2022, arXiv:2112.08083). With several processes a batch is
that of all.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zskt.chunks import in_chunks
from zskt.distillation.session import Session
from zskt.statistics import channel_statistics, norms, remembering, running
from zskt.taps import tapped

Images = Float[Tensor, "batch channels height width"]
Channels = Float[Tensor, " channels"]
Distance = Callable[[Channels, Channels, Channels, Channels], Float[Tensor, ""]]
"""Of a batch's mean and variance, and the running ones, in one layer."""


def gaussian(mean: Channels, variance: Channels, ours: Channels, spread: Channels) -> Tensor:
    """KL(N(mean, variance) || N(ours, spread)), a mean over channels.

    Choi et al. (2020, arXiv:2005.04136), equation 4.
    """
    spread, variance = spread + 1e-5, variance + 1e-5
    ratio = variance / spread
    return ((mean - ours).square() / spread + ratio - ratio.log() - 1).mean() / 2


class BatchNormPrior:
    """A session's teacher that tells the distance R after its logits.

    Where no batch norm of it can be seen, R is zero and the user is told.

    Args:
        session: whose teacher it is.
        distance: in one layer; R is the sum over layers.
        memory: share of earlier batches in the statistics.
    """

    def __init__(self, session: Session, distance: Distance = norms, memory: float = 0.0):
        self.teacher = session.teacher
        self.mean = session.processes.mean
        self.distance = distance
        self.memory = memory
        self.layers = remembering(self.teacher)
        self.remembered: list[tuple[Tensor, Tensor]] = []
        self._ran: list[nn.Module] = []
        self._last: list[tuple[Tensor, Tensor]] = []
        if not self.layers:
            session.tell("No batch norm of the teacher can be seen; images are made without it.")
        if memory:
            session.keep("batch_norm_prior", self)

    def __call__(self, images: Images) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, ""]]:
        """Logits, and R of these images."""
        logits, *parts = in_chunks(self.teacher, self._seen, images)
        seen = self._together(parts)
        if self.remembered:
            share = self.memory
            seen = [
                (
                    share * earlier[0] + (1 - share) * now[0],
                    share * earlier[1] + (1 - share) * now[1],
                )
                for earlier, now in zip(self.remembered, seen, strict=True)
            ]
        self._last = [(mean.detach(), variance.detach()) for mean, variance in seen]
        apart = [
            self.distance(*now, *running(layer)) for now, layer in zip(seen, self._ran, strict=True)
        ]
        return logits, torch.stack(apart).sum() if apart else images.new_zeros(())

    def _seen(self, images: Images) -> tuple[Tensor, ...]:
        """Logits, and of each layer the statistics of these images, in the order they ran."""
        with tapped(self.layers, inputs=True) as inputs:
            logits = self.teacher(images)
        self._ran = list(inputs)
        parts = [channel_statistics(inputs[layer]) for layer in inputs]
        counts = [torch.full_like(mean, len(images)) for mean, _ in parts]
        pairs = zip(parts, counts, strict=True)
        return logits, *[torch.stack([*part, count])[None] for part, count in pairs]

    def _together(
        self, parts: Sequence[Float[Tensor, "pieces 3 _"]]
    ) -> list[tuple[Channels, Channels]]:
        """Mean and variance of each layer over all pieces of a batch, and of all processes."""
        if not parts:
            return []
        # All layers at once: between processes each message takes its own time.
        means, variances, counts = torch.cat(list(parts), 2).unbind(1)
        shares = counts / counts.sum(0)
        mean = self.mean((shares * means).sum(0))
        variance = self.mean((shares * (variances + (means - mean).square())).sum(0))
        sizes = [part.shape[2] for part in parts]
        return list(zip(mean.split(sizes), variance.split(sizes), strict=True))

    def remember(self) -> None:
        """Count the last batch among the earlier ones."""
        self.remembered = self._last

    def state_dict(self) -> dict[str, Any]:
        """What is remembered."""
        return {"remembered": self.remembered}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from it."""
        device = next(self.teacher.parameters()).device
        self.remembered = [(mean.to(device), var.to(device)) for mean, var in state["remembered"]]
