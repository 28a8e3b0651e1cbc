"""The border between a method and whoever runs it.

A method is an object with settings and one verb, `play(game)`: a Python generator that makes its
players, says `game.ready()`, then yields one `Round` per turn for as long as it is asked. From the
`Game` it gets the two networks, a device and a precision, noise, and a memory for everything that
must survive a restart. It never logs, saves, evaluates or picks a device; the loop never looks
inside a method.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from zskt.errors import UserError
from zskt.networks.generator import Bounds


@runtime_checkable
class Stateful(Protocol):
    """Modules, optimizers, schedules, memories of images: what can be saved and put back."""

    def state_dict(self) -> Any:
        """Nested dicts and lists of tensors and plain values."""

    def load_state_dict(self, state: Any, /) -> Any:
        """Go back to a state."""


Network = TypeVar("Network", bound=nn.Module)


class Round:
    """What one turn of the game leaves for the record.

    Args:
        images: the last images that the student learnt from.
        teacher_logits: what the teacher says of them.
        student_logits: what the student said of them.
        metrics: losses and whatever else explains the run, scalars still on the device or numbers.
    """

    def __init__(
        self,
        images: Float[Tensor, "batch channels height width"],
        *,
        teacher_logits: Float[Tensor, "batch classes"] | None = None,
        student_logits: Float[Tensor, "batch classes"] | None = None,
        **metrics: Float[Tensor, ""] | float,
    ):
        self.images = images.detach()
        said = {"teacher": teacher_logits, "student": student_logits}
        self.logits = {role: each.detach() for role, each in said.items() if each is not None}
        self.metrics = {name: torch.as_tensor(value).detach() for name, value in metrics.items()}


@runtime_checkable
class Method(Protocol):
    """What the loop asks of a method."""

    def play(self, game: "Game") -> Iterator[Round]:
        """Make the players, be ready, then play for ever."""
        ...


def stream(seed: int, name: str) -> int:
    """A seed for one purpose, so that no two purposes draw the same numbers."""
    return zlib.crc32(f"{seed} {name}".encode())


class Game:
    """What a method plays with.

    Attributes:
        teacher: frozen and in eval mode; gradients pass through it to its input.
        student: the network that learns; its dtype is that of the whole game.
        device: where everything lies.
        input_size: channels, height and width of the images.
        classes: number of logits.
        rounds: how many turns there will be, for schedules.
        networks: the further networks that the method trains, by name.
        tell: leaves a sentence for the user.
    """

    def __init__(
        self,
        teacher: nn.Module,
        student: nn.Module,
        *,
        input_size: tuple[int, int, int],
        classes: int,
        rounds: int,
        seed: int,
        fabric: Fabric,
        tell: Callable[[str], None] = print,
        saved: dict[str, Any] | None = None,
        bounds: Bounds | None = None,
    ):
        self.fabric = fabric
        self.device = fabric.device
        self.dtype = next(student.parameters()).dtype
        self.input_size = input_size
        self.classes = classes
        self._bounds = bounds
        self.rounds = rounds
        self.networks: dict[str, nn.Module] = {}
        self.tell = tell
        self._kept: dict[str, Stateful] = {}
        self._saved = saved
        self._seed = seed
        self._cuda = [self.device] if self.device.type == "cuda" else []
        self._random = torch.Generator().manual_seed(stream(seed, "noise"))
        self.teacher = self._placed(teacher).eval().requires_grad_(False)
        self.student = self._placed(student)
        self.keep(student=self.student)

    def network(self, name: str, make: Callable[[], Network]) -> Network:
        """Make a further network, put it on the device, keep its state, save it with the run.

        Its weights are drawn from a seed of their own.
        """
        with torch.random.fork_rng(self._cuda):
            torch.manual_seed(stream(self._seed, name))
            network = make()
        self.networks[name] = self._placed(network)
        self.keep(**{name: network})
        return network

    def keep(self, **things: Stateful) -> None:
        """Make things part of the saved state; when the run is resumed, put their states back."""
        for name, thing in things.items():
            assert name not in self._kept, f"{name} is kept twice"
            self._kept[name] = thing
            if self._saved is not None:
                self._put_back(name, thing)

    def _put_back(self, name: str, thing: Stateful) -> None:
        assert self._saved is not None
        try:
            thing.load_state_dict(self._saved["kept"][name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise UserError(
                f"the checkpoint does not fit the {name} of this run: it is of another "
                "architecture or method; start the run anew"
            ) from error

    def noise(self, *size: int) -> Tensor:
        """Standard normal numbers; the same on every device for the same seed."""
        drawn = torch.randn(size, generator=self._random, dtype=self.dtype)
        return drawn.to(self.device, non_blocking=True)

    def bounds(self) -> Bounds:
        """Lowest and highest pixel of each channel, normalised.

        Raises:
            UserError: if the teacher's normalisation is not known.
        """
        if self._bounds is None:
            raise UserError("--bounded needs the teacher's normalisation; give --mean and --std")
        return self._bounds

    def autocast(self) -> AbstractContextManager:
        """The precision of the run, for forward passes."""
        return self.fabric.autocast()

    def descend(
        self, loss: Tensor, optimizer: torch.optim.Optimizer, *, clip: float | None = None
    ) -> None:
        """One optimizer step down the loss, the gradient's total norm clipped before it."""
        optimizer.zero_grad()
        self.fabric.backward(loss)
        if clip is not None:
            adjusted = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(adjusted, clip)
        optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on."""
        random = {"noise": self._random.get_state(), "cpu": torch.get_rng_state()}
        random |= {str(device): torch.cuda.get_rng_state(device) for device in self._cuda}
        return {
            "kept": {name: it.state_dict() for name, it in self._kept.items()},
            "random": random,
        }

    def ready(self) -> None:
        """Say that the players are made; a resumed run draws its next random numbers from here."""
        if self._saved is None:
            return
        random = self._saved["random"]
        self._random.set_state(random["noise"])
        torch.set_rng_state(random["cpu"])
        for device in self._cuda:
            if str(device) in random:
                torch.cuda.set_rng_state(random[str(device)], device)

    def _placed(self, network: nn.Module) -> nn.Module:
        return network.to(self.device, self.dtype).to(memory_format=torch.channels_last)
