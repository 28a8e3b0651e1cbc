"""The border between a method and whoever runs it.

A method is an object with settings and one verb, `rounds(session)`: a Python generator that makes
its players, says `session.ready()`, then yields one `Round` after another for as long as it is
asked. From the `Session` it gets the two networks, a device and a precision, noise, how far the run
is, and a memory for everything that must survive a restart. It never logs, saves, evaluates or
picks a device; the loop never looks inside a method.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from zskt.chunks import InChunks
from zskt.devices import sent
from zskt.distillation.counts import Counts
from zskt.distillation.processes import Processes, is_own
from zskt.distillation.round import Round as Round
from zskt.distillation.streams import Streams
from zskt.errors import NOT_MEANT, UserError, read_from
from zskt.images import Bounds, Normalisation
from zskt.runs.image_memory import ImageMemory
from zskt.seeds import stream


@runtime_checkable
class Stateful(Protocol):
    """Modules, optimizers, memories of images: what can be saved and put back."""

    def state_dict(self) -> Any: ...  # noqa: D102
    def load_state_dict(self, state: Any, /) -> Any: ...  # noqa: D102


Network = TypeVar("Network", bound=nn.Module)
Kept = TypeVar("Kept", bound=Stateful)


@runtime_checkable
class Method(Protocol):
    """What the loop asks of a method: a frozen dataclass of settings with one verb."""

    def rounds(self, session: "Session") -> Iterator[Round]:
        """Make the players, be ready, then go on for ever."""


class PlayersMade(Exception):
    """Ends a method that was asked for its players alone."""


class Session:
    """What a method works with.

    Attributes:
        teacher: frozen and in eval mode; gradients pass through it to its input.
        student: the network that learns; its dtype is that of the whole session.
        device: where everything lies.
        input_size: channels, height and width of the images.
        classes: number of logits.
        normalisation: the teacher's; None if it is not known.
        progress: share of the run that lies behind, from 0 to below 1, set before each round;
            schedules are arithmetic on it.
        rate_factor, clip: of all steps in a run whose numbers broke (recovery.py).
        counts: images and seconds so far.
        networks: the further networks that the method trains, by name.
        random: draws on the CPU whatever a method decides by chance; its state is saved.
        memories: of images, as the method made them.
        source: name of the network among them that draws the run's images; None without one.
        tell: leaves a sentence for the user.
        processes: all of the run, of which this is one.
    """

    def __init__(
        self,
        teacher: nn.Module,
        student: nn.Module,
        *,
        input_size: tuple[int, int, int],
        classes: int,
        seed: int,
        fabric: Fabric,
        normalisation: Normalisation | None = None,
        memories: Path | None = None,
        sync_batch_norm: bool = False,
        micro_batch: int | None = None,
        tell: Callable[[str], None] = print,
        saved: dict[str, Any] | None = None,
    ):
        self.fabric = fabric
        self.device = fabric.device
        self.dtype = next(student.parameters()).dtype
        self.input_size = input_size
        self.classes = classes
        self.normalisation = normalisation
        self.progress = 0.0
        self.rate_factor = 1.0
        self.clip: float | None = None
        self.networks: dict[str, nn.Module] = {}
        self._makers: dict[str, Callable[[], nn.Module]] = {}
        self.source: str | None = None
        self.tell = tell
        self.is_ready = False
        self.players_alone = False
        self.memories: list[ImageMemory] = []
        self._memories = memories
        self._kept: dict[str, Stateful] = {}
        self._saved = saved
        self._seed = seed
        self.processes = Processes(fabric, sync_batch_norm=sync_batch_norm)
        self._streams = Streams(seed, self.processes, self.device)
        self.random = self._streams.noise
        frozen = self._placed(teacher).eval().requires_grad_(False)
        self.teacher = frozen if micro_batch is None else InChunks(frozen, micro_batch)
        self.student = self.keep("student", self._placed(student))
        self._learning = {id(parameter) for parameter in student.parameters()}
        self.counts = self.keep("counts", Counts())

    def network(self, name: str, make: Callable[[], Network], *, draws: bool = False) -> Network:
        """Make a further network, place it, keep its state, save it with the run.

        Its weights are drawn from a seed of their own. If it draws, the run's images are what it
        makes of noise.
        """
        with torch.random.fork_rng(self._streams.cuda):
            torch.manual_seed(stream(self._seed, name))
            network = make()
        self._placed(network)
        self._makers[name] = make
        self.networks[name] = network
        if draws:
            self.source = name
        return self.keep(name, network)

    def renew(self, name: str) -> None:
        """Draw the weights of a further network anew, in place."""
        seed = torch.randint(2**62, (), generator=self.random).item()
        with torch.random.fork_rng(self._streams.cuda):
            torch.manual_seed(self.processes.told(int(seed)))
            self.networks[name].load_state_dict(self._makers[name]().state_dict())

    def memory(self, name: str, most: int) -> ImageMemory:
        """A memory of at most so many images, the newest, which survives a restart."""
        file = self._memories / f"{name}.u8" if self._memories else None
        gather = self.processes.images
        memory = ImageMemory(file, self.input_size, self.normalisation, most, gather)
        self.memories.append(memory)
        return self.keep(name, memory)

    def adam(self, name: str, network: nn.Module, *, momentum: float = 0.9) -> Adam:
        """Adam for a network; its learning rate is given at every step."""
        betas = (momentum, 0.999)
        return self.keep(name, Adam(network.parameters(), betas=betas, fused=True))

    def sgd(self, name: str, network: nn.Module, *, weight_decay: float) -> SGD:
        """SGD with Nesterov's momentum for a network; its learning rate is given at every step."""
        settings: dict[str, Any] = {"momentum": 0.9, "nesterov": True, "fused": True}
        return self.keep(name, SGD(network.parameters(), weight_decay=weight_decay, **settings))

    def keep(self, name: str, thing: Kept) -> Kept:
        """Make a thing part of the saved state; when the run is resumed, put its state back."""
        assert name not in self._kept, f"{name} is kept twice"
        assert not self.is_ready, f"{name} is kept after session.ready()"
        self._kept[name] = thing
        if self._saved is not None:
            try:
                thing.load_state_dict(self._saved["kept"][name])
            except torch.OutOfMemoryError:
                raise
            except (RuntimeError, *NOT_MEANT) as error:
                raise UserError(
                    f"the checkpoint does not fit the {name} of this run: it is of another "
                    "architecture or method; start the run anew"
                ) from error
        return thing

    def ready(self) -> None:
        """Say that the players are made; a resumed run draws its next random numbers from here."""
        self.is_ready = True
        if self.players_alone:
            raise PlayersMade
        self.processes.share((self.student, *self.networks.values()))
        with read_from("the checkpoint", "start the run anew"):
            self._streams.begin(self._saved)

    def noise(self, *size: int) -> Tensor:
        """Standard normal numbers; the same on every device, others in every process."""
        assert self.is_ready, "a method draws after session.ready()"
        return sent(torch.randn(size, generator=self.random, dtype=self.dtype), self.device)

    def bounds(self) -> Bounds:
        """Lowest and highest pixel of each channel, normalised; or a `UserError`."""
        if self.normalisation is None:
            raise UserError("`bounded` needs the teacher's normalisation; give `mean` and `std`")
        return self.normalisation.bounds

    def bounds_if_known(self) -> Bounds | None:
        """Lowest and highest pixel of each channel, normalised; None where they are not known."""
        return None if self.normalisation is None else self.normalisation.bounds

    def autocast(self) -> AbstractContextManager:
        """The precision of the run, for forward passes."""
        return self.fabric.autocast()

    def descend(
        self, loss: Tensor, optimizer: Optimizer, learning_rate: float, clip: float | None = None
    ) -> None:
        """One optimizer step down the loss, the gradient's total norm clipped before it.

        The one place where gradients are made, and those of several processes averaged. A group of
        parameters with a `scale` takes so many times the learning rate.
        """
        optimizer.zero_grad()
        self.fabric.backward(loss)
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        self.processes.average_gradients(parameters, clipped=clip is not None)
        if clip is not None:
            nn.utils.clip_grad_norm_(parameters, clip)
        elif self.clip is not None:
            # Images are a process's own, and what they have is no measure for all.
            shared = [each for each in parameters if not is_own(each)]
            nn.utils.clip_grad_norm_(shared, self.clip)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * self.rate_factor * group.get("scale", 1.0)
        optimizer.step()
        self.counts.stepped(teaching=id(parameters[0]) in self._learning)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on, for the first process, which saves it."""
        random, first = self._streams.state(), self.processes.rank == 0
        states = {name: thing.state_dict() for name, thing in self._kept.items() if first}
        return {"kept": states, "random": random}

    def _placed(self, network: nn.Module) -> nn.Module:
        """The one place where a network gets its device, dtype and memory layout."""
        return network.to(self.device, self.dtype).to(memory_format=torch.channels_last)
