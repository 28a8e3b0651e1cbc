"""The loop: it asks a method for rounds and does everything that is not the method.

    set up the game, from the checkpoint if there is one
    for every round
        the method plays                       (its file says how)
        now and then: record, draw, judge, save

This file knows nothing of a particular method, and a method nothing of this file.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zskt.devices import Precision, make_fabric, resolve
from zskt.errors import check_settings
from zskt.game import Game, Method
from zskt.methods import ZSKT
from zskt.model_file import Card
from zskt.results import machine, versions
from zskt.training.matching import count_classes
from zskt.training.progress import ProgressLine
from zskt.training.recorder import Recorder, restore_random
from zskt.training.run_folder import RunFolder
from zskt.training.stopping import Stopped, StopRequest, stop_request

SHEETS = 12
"""Sample sheets in a run, besides that of the first round."""

Judge = Callable[[int, nn.Module], dict[str, float]]
"""What measures the student after a round now and then, for example on a test set."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Settings of a run, whatever the method."""

    rounds: int = 80_000
    """Turns of the game, over which learning rates decay."""
    until: int | None = None
    """The round to stop at, if the run is not to be played to its end at once."""
    seed: int = 0
    """For weights, noise and everything else that is drawn."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:N` or `mps`."""
    precision: Precision = "auto"
    """`bf16` autocast, exact `32`, or `auto`: bf16 where the hardware has it."""
    record_every: int = 10
    """Rounds between two rows of metrics."""
    evaluate_every: int | None = None
    """Rounds between two looks at the test set, if one is given; by default 100 in a run."""
    save_seconds: float = 60.0
    """Seconds between two checkpoints: how much a kill can cost."""

    def __post_init__(self):
        check_settings(self, "seed", "save_seconds")

    @property
    def end(self) -> int:
        """The last round to be played."""
        return min(self.rounds, self.until or self.rounds)


@dataclass
class Distilled:
    """What a run gives back."""

    student: nn.Module
    """The network that was passed in, trained, in eval mode."""
    networks: dict[str, nn.Module]
    """What else the method trained, by name; empty if a resumed run had nothing left to play."""
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
    judge: Judge | None = None,
    card: Card | None = None,
    about: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Distilled:
    """Train a student to match a teacher without any data.

    Args:
        teacher: a module from images (batch, channels, height, width), normalised as it was
            trained on, to logits (batch, classes). It is copied and never changed.
        student: a module of the same kind, trained in place, in its own dtype.
        input_size: channels, height and width of the teacher's images.
        method: what to play; by default zero-shot knowledge transfer with the authors' settings.
        run: how long, where and how precisely.
        out: a run folder to write; without it nothing is written.
        resume: go on with the run in `out` as if it had never stopped.
        overwrite: replace the run in `out`.
        judge: measures the student now and then; its numbers are recorded, never acted on.
        card: what the student's file says of it; `input_size` and `classes` are filled in.
        about: what the caller wants in `settings.json` besides.
        progress: show how far it is.

    Returns:
        The student with the other networks and the recorded metrics.

    Raises:
        UserError: for networks that do not fit the input size or each other, a folder in use, a
            full disk, or a loss that is no longer finite.
        Stopped: after Ctrl-C, at the end of a round, with the state saved.
    """
    method, run = method or ZSKT(), run or Run()
    device, precision = resolve(run.device, run.precision)
    fabric = make_fabric(device, precision)
    classes = count_classes(teacher, student, input_size)
    card = replace(card or Card(architecture=None, input_size=input_size), classes=classes)
    folder, saved = RunFolder(Path(out)) if out is not None else None, None
    if folder and resume:
        saved = folder.state()
    elif folder:
        settings = {"method_settings": asdict(method), "run": asdict(run)}  # ty: ignore
        facts = {"input_size": input_size, "resolved": {"device": device, "precision": precision}}
        facts |= {"versions": versions(), "machine": machine()}
        folder.create({**(about or {}), **settings, **facts}, overwrite=overwrite)

    recorder = Recorder(folder, card, saved)
    line = ProgressLine("rounds", run.end, recorder.round, shown=progress)
    cuda = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(cuda), stop_request() as stop, line:
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
            saved=saved["game"] if saved else None,
        )
        if saved:
            restore_random(saved["random"], game.device)
        play(method, game, run, recorder, line, stop, judge)
    student.eval()
    return Distilled(
        student, game.networks, recorder.history, Path(out) if out is not None else None
    )


def play(
    method: Method,
    game: Game,
    run: Run,
    recorder: Recorder,
    line: ProgressLine,
    stop: StopRequest,
    judge: Judge | None,
) -> None:
    """Play the rounds that are left."""
    evaluate_every = run.evaluate_every or max(1, run.rounds // 100)
    sheet_every = max(1, run.rounds // SHEETS)
    turns = method.play(game)
    for number in range(recorder.round + 1, run.end + 1):
        turn = next(turns)
        last = number == run.end
        judged = {}
        if judge and (last or number % evaluate_every == 0):
            judged = judge(number, game.student)
        if last or judged or number % run.record_every == 0:
            line.update(number, recorder.metrics(number, turn, judged))
        if number == 1 or number % sheet_every == 0:
            recorder.sheet(number, turn)
        if last:
            # Before the checkpoint, after which nothing is left to play.
            recorder.finish(game)
        if last or stop.made or recorder.save_due(run.save_seconds):
            recorder.save(number, turn, game)
        if stop.made and not last:
            how = f"go on with --resume {recorder.folder.path}" if recorder.folder else "not saved"
            raise Stopped(f"stopped after round {number} of {run.rounds}; {how}")
