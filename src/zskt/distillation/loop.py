"""The loop: it asks a method for rounds and does everything that is not the method.

    make the session, from the checkpoint if there is one
    until the budget is spent
        the method does a round                (its file says how)
        now and then: record, draw, measure, save

This file looks into no method, and a method knows nothing of this file. Of several processes the
first decides what is due after a round and tells the others; it alone measures and writes.
"""

import copy
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from zskt.devices import Where, settled
from zskt.distillation.averaging import MovingAverage
from zskt.distillation.budget import Budget
from zskt.distillation.fabric import make_fabric
from zskt.distillation.history import History
from zskt.distillation.memory import much_memory
from zskt.distillation.recovery import Recovery, check_finite
from zskt.distillation.run import Run
from zskt.distillation.session import Method, PlayersMade, Round, Session
from zskt.distillation.stopping import Stopped, StopRequest, stop_request
from zskt.errors import DivergedError
from zskt.images import Normalisation
from zskt.networks.strides import fitting_strides
from zskt.progress import ProgressLine
from zskt.runs.image_memory import ImageMemory
from zskt.runs.writer import NullWriter, Writer

Measure = Callable[[int, nn.Module], dict[str, float]]
"""What looks at the student after a round now and then, for example on a test set."""


@dataclass(frozen=True)
class Due:
    """What is to be done after a round, the same on every process."""

    look: bool
    record: bool
    draw: bool
    keep: bool
    save: bool
    last: bool
    stop: bool


@dataclass
class Played:
    """What the loop gives back: networks in eval mode, on the student's device."""

    student: nn.Module
    networks: dict[str, nn.Module]
    """What else the method trained, by name."""
    source: str | None
    """The one among them that draws the run's images."""
    memory: ImageMemory | None
    """The first that it kept, if it kept images."""
    average: nn.Module | None
    history: list[dict[str, Any]]
    """The recorded metrics, oldest first."""
    recovered: list[dict[str, Any]]
    """How often its numbers broke, and how far it went back."""


@dataclass(kw_only=True)
class Play:
    """One part of a run: the method and everything around it."""

    method: Method
    run: Run
    where: Where
    input_size: tuple[int, int, int]
    classes: int
    normalisation: Normalisation | None = None
    """The teacher's, if it is known."""
    writer: Writer = field(default_factory=NullWriter)
    memories: Path | None = None
    """A folder for memories of images."""
    measure: Measure | None = None
    """Its numbers are recorded, never acted on."""
    saved: dict[str, Any] | None = None
    """The state to go on from."""
    budget: Budget | None = None
    """By default that of the run, from now."""
    progress: bool = True
    """Show how far it is."""

    def __call__(self, teacher: nn.Module, student: nn.Module) -> Played:
        """Go on to the end, or until a signal comes.

        The teacher is copied and never changed, the student trained in place; it comes back to the
        device it is on. Raises `DivergedError` if a loss or a weight is no longer finite once too
        often, `Stopped` after Ctrl-C, at the end of a round, with the state saved.
        """
        saved = self.saved or {"round": 0, "seconds": 0.0}
        budget = self.budget or Budget(self.run)
        budget.resume(saved["round"], saved["seconds"])
        fabric = make_fabric(self.where, next(student.parameters()).dtype)
        if fabric.global_rank > 0:
            self.writer, self.measure, self.progress = NullWriter(), None, False
        self.recovery = Recovery(
            self.run.recoveries, student, self.saved, self.writer, fabric.broadcast
        )
        student_device = next(student.parameters()).device
        cuda = [fabric.device] if fabric.device.type == "cuda" else []
        end = self.run.until or self.run.total_rounds
        line = ProgressLine("rounds", end, budget.round, budget.progress(), shown=self.progress)
        with (
            torch.random.fork_rng(cuda), settled(self.where), stop_request() as stop, line,
            fitting_strides(student, self.input_size, self.where),
        ):  # fmt: skip
            try:
                while True:
                    session, average = self._session(teacher, student, fabric, line)
                    try:
                        self._play(session, budget, average, line, stop)
                        break
                    except DivergedError as error:
                        line.say(self.recovery.go_back(error, budget.round))
                        budget.go_back(self.recovery.round)
            finally:
                self.writer.close()
                student.to(student_device)
        for network in (student, average.network or student, *session.networks.values()):
            network.to(student_device).eval()
        memory = next((each for each in session.memories if len(each)), None)
        return Played(
            student, session.networks, session.source, memory, average.network, self.writer.rows(),
            self.recovery.made,
        )  # fmt: skip

    def _session(
        self, teacher: nn.Module, student: nn.Module, fabric: Fabric, line: ProgressLine
    ) -> tuple[Session, MovingAverage]:
        """What a method works with, as it was saved or at its beginning."""
        torch.manual_seed(self.run.seed)
        session = Session(
            copy.deepcopy(teacher), student, input_size=self.input_size, classes=self.classes,
            seed=self.run.seed, fabric=fabric, normalisation=self.normalisation,
            memories=self.memories, sync_batch_norm=self.run.sync_batch_norm,
            micro_batch=self.run.micro_batch, tell=line.say, saved=self.recovery.saved,
        )  # fmt: skip
        session.rate_factor, session.clip = self.recovery.rate_factor, self.recovery.clip
        return session, MovingAverage(session, self.run.average_over)

    def _play(
        self, session: Session, budget: Budget, average: MovingAverage, line: ProgressLine,
        stop: StopRequest,
    ) -> None:  # fmt: skip
        """Do the rounds that are left."""
        self.history = History(budget.round, budget.seconds)
        self.last_save = budget.seconds
        rounds, processes = self.method.rounds(session), session.processes
        over = budget.round > 0 and budget.paused() and not self.recovery.went_back
        if processes.told(over):
            session.players_alone = True
            with suppress(PlayersMade):
                next(rounds)
            self._complete(session, budget, average)
            return
        due = None
        # However little time is left, a new run has a student to judge.
        while due is None or not due.last:
            session.progress = processes.told(budget.progress())
            with processes.statistics():
                played = next(rounds)
            assert session.is_ready, "the method yields a round before session.ready()"
            session.counts.add(played.made, played.seen, processes.count)
            processes.settle((session.student, *session.networks.values()))
            budget.advance()
            if due is None:
                self.writer.begin()
                if sentence := much_memory(session.device):
                    line.say(sentence)
            look, expected = processes.told((budget.look_due(), budget.expected_rounds()))
            average.follow(expected)
            with budget.looking():
                measurements = self._judged(budget, session) if look else {}
            # Decided after the look, in which the time may have run out.
            due = processes.told(self._due(budget, any(processes.all(stop.made)), look))
            self._do(due, budget, session, average, played, measurements, line)
            if due.stop and not due.last:
                raise Stopped(f"stopped after round {budget.round}")

    def _complete(self, session: Session, budget: Budget, average: MovingAverage) -> None:
        """Judge and write the networks of a run that was stopped with no time for another round."""
        if not self.writer.has_student:
            self.writer.begin()
            # The last row may be of an earlier round, whose student is not this one.
            judged = self._judged(budget, session)
            self.writer.record(self.history.last_row(budget.round, judged, session.counts))
            self.writer.finish(session.student, average.network, session.networks, session.source)

    def _judged(self, budget: Budget, session: Session) -> dict[str, float]:
        return self.measure(budget.round, session.student) if self.measure else {}

    def _due(self, budget: Budget, stop: bool, look: bool) -> Due:
        """What the process that decides finds due."""
        number, last = budget.round, look and budget.paused()
        save = last or stop or budget.seconds - self.last_save >= self.run.save_seconds
        return Due(
            look=look, record=look or number % self.run.record_every == 0,
            draw=last or number == 1 or budget.crossed(12), keep=budget.crossed(8),
            save=save, last=last, stop=stop,
        )  # fmt: skip

    def _do(
        self, due: Due, budget: Budget, session: Session, average: MovingAverage, played: Round,
        measurements: dict[str, float], line: ProgressLine,
    ) -> None:  # fmt: skip
        """Record, draw, keep and save what is due."""
        number = budget.round
        if due.record or due.save:
            played.metrics = session.processes.average_metrics(played.metrics)
            check_finite(number, played, session, weights=due.save)
        if due.record:
            row = self.history.row(
                number, played, measurements, counts=session.counts, seconds=budget.seconds,
                with_histograms=due.look,
            )  # fmt: skip
            row |= self.recovery.row()
            self.writer.record(row)
            line.show(row)
        line.advance(number, budget.progress())
        if due.draw:
            self.writer.draw(number, played.images, played.logits)
        if due.keep and session.source is not None:
            self.writer.keep(number, session.networks[session.source])
        if due.last:
            # Before the checkpoint, after which nothing is left to do.
            self.writer.finish(session.student, average.network, session.networks, session.source)
        if due.save:
            state = {"round": number, "seconds": budget.seconds}
            self.writer.save({**state, **self.recovery.state(), **session.state_dict()})
            self.last_save = budget.seconds
        session.counts.restart_clock()
