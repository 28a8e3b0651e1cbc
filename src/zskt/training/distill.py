"""The loop: it asks a method for rounds and does everything that is not the method.

    set up the game, from the checkpoint if there is one
    for every round
        the method plays                       (its file says how)
        now and then: record, draw, measure, save

This file looks into no method, and a method knows nothing of this file.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zskt.devices import attention_kernel, make_fabric, resolve
from zskt.game import Game, Method
from zskt.methods import ZSKT
from zskt.model_file import Card
from zskt.networks import architecture_of
from zskt.results import machine, versions
from zskt.training.averaging import MovingAverage
from zskt.training.compatibility import count_classes
from zskt.training.progress import ProgressLine
from zskt.training.recorder import Recorder
from zskt.training.run import Run
from zskt.training.stopping import Stopped, StopRequest, stop_request

Measure = Callable[[int, nn.Module], dict[str, float]]
"""What looks at the student after a round now and then, for example on a test set."""


@dataclass
class Distilled:
    """What a run gives back."""

    student: nn.Module
    """The network that was passed in, trained, in eval mode."""
    networks: dict[str, nn.Module]
    """What else the method trained, by name, in eval mode, on the student's device."""
    average: nn.Module | None
    """The student's moving average over the last rounds, in eval mode; None if none was kept."""
    history: list[dict[str, Any]]
    """The recorded metrics, oldest first."""
    folder: Path | None
    """Where the run lies on disk."""

    @property
    def generator(self) -> nn.Module | None:
        """The generator, if the method has one."""
        return self.networks.get("generator")


def distill(
    teacher: nn.Module,
    student: nn.Module,
    *,
    input_size: tuple[int, int, int],
    method: Method | None = None,
    run: Run | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    measure: Measure | None = None,
    card: Card | None = None,
    about: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Distilled:
    """Train a student to match a teacher without any data.

    Args:
        teacher: a module from images (batch, channels, height, width), normalised as it was
            trained on, to logits (batch, classes). It is copied and never changed.
        student: a module of the same kind, trained in place, in its own dtype; it comes back to the
            device it is on.
        input_size: channels, height and width of the teacher's images.
        method: what to play; by default zero-shot knowledge transfer with the authors' settings.
        run: how long, where and how precisely.
        out: a run folder to write; without it nothing is written.
        resume: go on with the run in `out` as if it had never stopped.
        overwrite: replace the run in `out`.
        measure: looks at the student now and then; its numbers are recorded, never acted on.
        card: what the student's file says of it; `input_size` and `classes` are filled in, and the
            architecture of a network that `zskt.create` made.
        about: what the caller wants in `settings.json` besides.
        progress: show how far it is.

    Returns:
        The student with the other networks and the recorded metrics.

    Raises:
        UserError: for networks that do not fit the input size or each other, a folder in use, a
            run to resume that was started with other settings, a full disk, or a loss that is no
            longer finite.
        Stopped: after Ctrl-C, at the end of a round, with the state saved.
    """
    method, run = method or ZSKT(), run or Run()
    device, precision = resolve(run.device, run.precision)
    run = replace(run, precision=precision)
    classes = count_classes(teacher, student, input_size)
    card = card or Card(architecture=architecture_of(student), input_size=input_size)
    settings = {**(about or {}), "method_settings": asdict(method), "run": asdict(run)}  # ty: ignore
    settings |= {"input_size": input_size, "versions": versions(), "machine": machine(device)}
    recorder = Recorder(
        Path(out) if out is not None else None,
        replace(card, input_size=input_size, classes=classes),
        settings,
        resume=resume,
        overwrite=overwrite,
    )
    home = next(student.parameters()).device
    fabric = make_fabric(device, precision)
    cuda = [fabric.device] if fabric.device.type == "cuda" else []
    line = ProgressLine("rounds", run.end, recorder.round, shown=progress)
    try:
        with torch.random.fork_rng(cuda), attention_kernel(fabric), stop_request() as stop, line:
            torch.manual_seed(run.seed)
            game = Game(
                copy.deepcopy(teacher),
                student,
                input_size=input_size,
                classes=classes,
                rounds=run.rounds,
                seed=run.seed,
                fabric=fabric,
                tell=line.say,
                saved=recorder.saved,
                bounds=card.bounds,
            )
            average = MovingAverage(game, run.average_over)
            play(method, game, run, recorder, line, stop, measure, average)
    finally:
        recorder.board.close()
        student.to(home)
    for network in (student, average.network or student, *game.networks.values()):
        network.to(home).eval()
    return Distilled(student, game.networks, average.network, recorder.history, recorder.path)


def play(
    method: Method,
    game: Game,
    run: Run,
    recorder: Recorder,
    line: ProgressLine,
    stop: StopRequest,
    measure: Measure | None,
    average: MovingAverage,
) -> None:
    """Play the rounds that are left."""
    turns = method.play(game)
    for number in range(recorder.round + 1, run.end + 1):
        turn = next(turns)
        last = number == run.end
        if number == 1:
            recorder.begin()
        look = last or run.evaluates(number)
        average.follow()
        looked = measure(number, game.student) if measure and look else {}
        if look or number % run.record_every == 0:
            line.show(recorder.metrics(number, turn, looked, histograms=look))
        line.advance(number)
        if last or run.draws(number):
            recorder.sheet(number, turn)
        if run.keeps(number):
            recorder.snapshot(number, game)
        if last:
            # Before the checkpoint, after which nothing is left to play.
            recorder.finish(number, turn, game, average.network)
        if last or stop.made or recorder.save_due(run.save_seconds):
            recorder.save(number, turn, game)
        if stop.made and not last:
            raise Stopped(f"stopped after round {number} of {run.rounds}{recorder.where}")
