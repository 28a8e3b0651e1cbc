"""The processes of a run, as session and loop see them; alone, each thing here does nothing.

    every process          draws noise of its own, makes images of it, computes its gradients
    together               gradients are averaged, images for a memory gathered, statistics of the
                           teacher's batch norm taken over all
    the first              decides, measures, writes; the others wait for it

So a run of N processes is one of a batch N times as large, as far as a loss is a mean over images.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
from jaxtyping import UInt8
from lightning_fabric import Fabric
from torch import Tensor, distributed, nn

from zskt.distillation.batch_statistics import MeanOfAll, SharedStatistics

Value = TypeVar("Value")


class Processes:
    """All processes of a run, seen from one of them.

    Args:
        fabric: launched.
        sync_batch_norm: batch norm in train mode takes its statistics over all.

    Attributes:
        rank: of this process; the first is 0.
        count: of all.
    """

    def __init__(self, fabric: Fabric, *, sync_batch_norm: bool = False):
        self.fabric = fabric
        self.rank, self.count = fabric.global_rank, fabric.world_size
        self.sync_batch_norm = sync_batch_norm and self.count > 1

    def told(self, value: Value) -> Value:
        """What the first process has."""
        return self.fabric.broadcast(value)

    def all(self, value: Value) -> list[Value]:
        """What each process has, in their order."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        distributed.all_gather_object(values, value)
        return values

    def statistics(self) -> AbstractContextManager:
        """Within it batch norm is that of the run's setting."""
        return SharedStatistics() if self.sync_batch_norm else nullcontext()

    def mean(self, value: Tensor) -> Tensor:
        """The mean over all processes; gradients flow back to each."""
        return value if self.count == 1 else MeanOfAll.apply(value)

    def images(
        self, pixels: UInt8[Tensor, "count channels height width"]
    ) -> UInt8[Tensor, "all channels height width"]:
        """Those of all processes, in their order, on the CPU."""
        if self.count == 1:
            return pixels
        ours = pixels.contiguous().to(self.fabric.device)
        gathered = [torch.empty_like(ours) for _ in range(self.count)]
        distributed.all_gather(gathered, ours)
        return torch.cat(gathered).cpu()

    def average_gradients(self, adjusted: Sequence[Tensor], *, clipped: bool = False) -> None:
        """Make each gradient that of the mean of all losses.

        Networks are the same on every process, and so are their gradients afterwards. Images and
        noise that are trained are a process's own; so their gradients are not averaged, but of the
        mean loss they are only a share.
        """
        if self.count == 1:
            return
        pairs = [(each.grad, is_own(each)) for each in adjusted if each.grad is not None]
        own = [gradient for gradient, alone in pairs if alone]
        assert not (own and clipped), "the norm of gradients differs where some are a process's own"
        for gradient in own:
            gradient.div_(self.count)
        self._average([gradient for gradient, alone in pairs if not alone])

    def average_metrics(self, metrics: dict[str, Tensor]) -> dict[str, Tensor]:
        """Means over the processes, of which each has the same names; without gradients."""
        if self.count == 1 or not metrics:
            return metrics
        values = torch.stack([each.to(self.fabric.device).double() for each in metrics.values()])
        self._average([values])
        return dict(zip(metrics, values, strict=True))

    def settle(self, networks: Iterable[nn.Module]) -> None:
        """Average the running statistics, which each process has gathered on its own images."""
        if self.count > 1 and not self.sync_batch_norm:
            buffers = [each for network in networks for each in network.buffers()]
            self._average([each for each in buffers if each.is_floating_point()])

    def share(self, networks: Iterable[nn.Module]) -> None:
        """Give every process the first one's weights."""
        if self.count > 1:
            for network in networks:
                for each in (*network.parameters(), *network.buffers()):
                    dense = each.detach().contiguous()
                    distributed.broadcast(dense, 0)
                    each.detach().copy_(dense)

    @torch.no_grad()
    def _average(self, tensors: Sequence[Tensor]) -> None:
        """In place, in one message: on many machines each costs its own time on the way."""
        if not tensors:
            return
        flat = torch.cat([each.reshape(-1) for each in tensors])
        distributed.all_reduce(flat)
        flat.div_(self.count)
        for each, part in zip(tensors, flat.split([each.numel() for each in tensors]), strict=True):
            each.copy_(part.view(each.shape))


def is_own(adjusted: Tensor) -> bool:
    """Whether what is trained is this process's own: images or noise, not a network's weights."""
    return not isinstance(adjusted, nn.Parameter) or getattr(adjusted, "is_noise", False)
