"""A few rounds of a method on copies of its networks, counted and timed, before a run.

round 1         every operation of torch is counted, for each phase (which is slow)
round 2, ...    timed, until the seconds are spent
"""

import copy
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from zskt.devices import Where, settled
from zskt.distillation.fabric import make_fabric
from zskt.distillation.memory import measured_bytes
from zskt.distillation.session import Method, Session
from zskt.images import Normalisation
from zskt.taps import Operations

PROGRESS = 0.5
"""Where in a run the trial pretends to be: after what some methods do only at first."""


@dataclass
class Phase:
    """What a round spends on making images, or on teaching from them."""

    seconds: float = 0.0
    operations: int = 0
    """Of floating point, in convolutions and matrix products: a multiplication and an addition
    are two."""
    bytes: int = 0
    """Read and written by operations, each tensor once for each operation that takes or makes it:
    what passes through memory if no cache helps."""
    kernels: int = 0
    """Operations that were started, each of which takes its own time on a GPU."""


@dataclass
class Trial:
    """What one round of a method costs."""

    rounds: int
    """How many were timed."""
    seconds: float
    """Of one round."""
    images_made: int
    images_seen: int
    memory_bytes: int
    """The most that the process has held: on a GPU in its tensors, else in all."""
    phases: dict[str, Phase] = field(default_factory=dict)


def tried(
    method: Method,
    teacher: nn.Module,
    student: nn.Module,
    where: Where,
    *,
    input_size: tuple[int, int, int],
    classes: int,
    normalisation: Normalisation | None = None,
    micro_batch: int | None = None,
    seconds: float = 10.0,
) -> Trial:
    """Play at least two rounds; neither network, nor any random state, is changed.

    Args:
        method: with its settings.
        teacher: any that can teach.
        student: of the same input and classes.
        where: device and precision; the trial is of one process.
        input_size: channels, height and width.
        classes: number of logits.
        normalisation: the teacher's, if it is known.
        micro_batch: images that pass the teacher at once; None for all.
        seconds: to spend on timed rounds, of which there is at least one.
    """
    fabric = make_fabric(replace(where, devices=1, nodes=1), next(student.parameters()).dtype)
    cuda = [fabric.device] if fabric.device.type == "cuda" else []
    for device in cuda:
        torch.cuda.reset_peak_memory_stats(device)
    with torch.random.fork_rng(cuda), settled(where):
        session = Session(
            copy.deepcopy(teacher), copy.deepcopy(student), input_size=input_size, classes=classes,
            seed=0, fabric=fabric, normalisation=normalisation, micro_batch=micro_batch,
            tell=lambda sentence: None,
        )  # fmt: skip
        session.progress = PROGRESS
        rounds = method.rounds(session)
        phases = counted(rounds, session)
        _wait(fabric.device)
        counts, played, start = session.counts, 0, time.perf_counter()
        counts.wait = partial(_wait, fabric.device)
        making, teaching = counts.seconds_making, counts.seconds_teaching
        counts.restart_clock()
        while not played or time.perf_counter() - start < seconds:
            last = next(rounds)
            _wait(fabric.device)
            played += 1
        spent = time.perf_counter() - start
    phases["making"].seconds = (counts.seconds_making - making) / played
    phases["teaching"].seconds = (counts.seconds_teaching - teaching) / played
    return Trial(
        played, spent / played, last.made, last.seen, measured_bytes(fabric.device), phases
    )


def counted(rounds: Any, session: Session) -> dict[str, Phase]:
    """What the next round of a method computes and moves, by the kind of step that it leads to."""
    phases = {"making": Phase(), "teaching": Phase()}
    since = Phase()

    def see(operation: Any, arguments: Any, named: Any, output: Any) -> None:
        if (rule := flop_registry.get(operation.overloadpacket)) is not None:
            since.operations += rule(*arguments, **named, out_val=output)
        if not operation.is_view:
            tensors = [
                each for each in tree_leaves((arguments, named, output)) if isinstance(each, Tensor)
            ]
            since.bytes += sum(each.nbytes for each in tensors)
            since.kernels += 1

    def stepped(teaching: bool) -> None:
        phase = phases["teaching" if teaching else "making"]
        phase.operations += since.operations
        phase.bytes += since.bytes
        phase.kernels += since.kernels
        since.operations = since.bytes = since.kernels = 0

    session.counts.after_step = stepped
    with Operations(see):
        next(rounds)
    session.counts.after_step = lambda teaching: None
    return phases


def _wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
