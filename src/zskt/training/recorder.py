"""What a run leaves behind: rows of metrics, sample sheets, checkpoints, and the final networks."""

import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zskt import evaluation
from zskt.errors import UserError
from zskt.game import Game, Round
from zskt.model_file import AVERAGE, Card, card_of, write_network
from zskt.pictures.run import save_sheet
from zskt.training.run_folder import RunFolder
from zskt.training.tensorboard import Board


class Recorder:
    """Keeps the history of a run, and writes it to a folder if there is one.

    Args:
        path: the run folder; None keeps the history in memory only.
        card: what is known of the images and the student.
        settings: everything that was set.
        resume: go on with the run in the folder.
        overwrite: replace the run in the folder.

    Raises:
        UserError: if the folder may not be written, or holds no run with these settings to resume.
    """

    def __init__(
        self,
        path: Path | None,
        card: Card,
        settings: dict[str, Any],
        *,
        resume: bool,
        overwrite: bool,
    ):
        if resume and path is None:
            raise UserError("a run without a folder cannot be resumed; give out")
        self.path = path
        self.folder = RunFolder(path) if path is not None else None
        self.card = card
        self.settings = settings
        self.resumed = resume
        self.overwrite = overwrite
        self.saved: dict[str, Any] | None = None
        if self.folder and resume:
            check_same_run(self.folder, settings)
            self.saved = self.folder.state()
            end = settings["run"]["until"]
            left = (self.folder.path / "student.safetensors").exists()
            if self.saved and end and end < self.saved["round"] + (not left):
                raise UserError(
                    f"{path} is already at round {self.saved['round']}; give a later --until"
                )
        elif self.folder:
            self.folder.check(overwrite=overwrite)
        self.round: int = self.saved["round"] if self.saved else 0
        self.history = self.folder.rewind(self.round) if self.folder and resume else []
        self._before: float = self.saved["seconds"] if self.saved else 0.0
        self._started = self._last_save = time.monotonic()
        self._last_row = (self.round, self._started)
        self.board = Board(path / "tensorboard" if path else None, self.round)

    @property
    def where(self) -> str:
        """The end of a sentence that says where the state is."""
        return f"; its state is saved in {self.path}" if self.path else ""

    def begin(self) -> None:
        """Make the folder, when the first round has shown that the run can be played."""
        if self.folder and not self.resumed:
            self.folder.create(self.settings, overwrite=self.overwrite)

    @property
    def seconds(self) -> float:
        """Time spent on the run, in all its parts."""
        return self._before + time.monotonic() - self._started

    def metrics(
        self, number: int, turn: Round, judged: dict[str, float], *, histograms: bool = False
    ) -> dict[str, float]:
        """Record one row, with histograms of what both networks say or without.

        Returns:
            Its measurements that are single numbers.

        Raises:
            UserError: if a loss is not finite.
        """
        measured = {name: value.item() for name, value in turn.metrics.items()}
        for role, logits in turn.logits.items():
            measured[f"{role}_confidence"] = evaluation.confidence(logits)
        measured |= judged
        check_finite(number, turn)
        row: dict[str, Any] = {"round": number, **measured}
        if histograms:
            for role, logits in turn.logits.items():
                counts = evaluation.histograms(logits)
                row |= {f"{role}_{name}": values for name, values in counts.items()}
        row |= {"seconds": round(self.seconds, 2), "rounds_per_second": self._rate(number)}
        self.history.append(row)
        if self.folder:
            self.folder.record(row)
        self.board.record(row)
        return measured

    def _rate(self, number: int) -> float:
        """Rounds per second since the row before."""
        now = time.monotonic()
        (before, then), self._last_row = self._last_row, (number, now)
        return round((number - before) / max(now - then, 1e-9), 3)

    def sheet(self, number: int, turn: Round) -> None:
        """Draw the first images of a round."""
        if self.folder:
            file = self.folder.samples / f"round-{number:06d}.png"
            save_sheet(file, turn.images[:32], self.card.mean, self.card.std)

    def snapshot(self, number: int, game: Game) -> None:
        """Keep the networks that the method trains beside the student as they are, in 16 bits."""
        if self.folder:
            for name, network in game.networks.items():
                file = self.folder.snapshots / f"{name}-{number:06d}.safetensors"
                file.parent.mkdir(exist_ok=True)
                write_network(file, network, card_of(network, self.card), half=True)

    def save_due(self, every: float) -> bool:
        """Whether so many seconds have passed since the last checkpoint."""
        return time.monotonic() - self._last_save >= every

    def save(self, number: int, turn: Round, game: Game) -> None:
        """Write a checkpoint, unless what it would hold is broken.

        Raises:
            UserError: if a loss or a weight is not finite; the checkpoint before is kept.
        """
        check_finite(number, turn, game)
        self.round = number
        self._last_save = time.monotonic()
        if self.folder:
            state = {"round": number, "seconds": self.seconds}
            self.folder.save_state({**state, **game.state_dict()})

    def finish(
        self, number: int, turn: Round, game: Game, average: nn.Module | None = None
    ) -> None:
        """Write the networks, unless they are broken.

        Raises:
            UserError: if a loss or a weight is not finite.
        """
        check_finite(number, turn, game)
        if self.path is None:
            return
        for name, network in game.networks.items():
            write_network(self.path / f"{name}.safetensors", network, card_of(network, self.card))
        if average is not None:
            write_network(self.path / AVERAGE, average, self.card)
        write_network(self.path / "student.safetensors", game.student, self.card)


def check_same_run(folder: RunFolder, settings: dict[str, Any]) -> None:
    """Raise a `UserError` unless the run in a folder was started with these settings.

    How far to play now, where, and how often to save may differ.
    """
    asked = folder.settings()
    if "method_settings" not in asked:
        raise UserError(f"{folder.path} was not made by a distillation; it cannot be resumed")
    for part, free in {"method_settings": (), "run": ("until", "device", "save_seconds")}.items():
        for name, value in settings[part].items():
            # A setting that did not exist yet had the effect of its default.
            if name not in free and value != asked[part].get(name, value):
                raise UserError(
                    f"{folder.path} was started with {name} {asked[part][name]}, not {value}; "
                    "resume it with its own settings"
                )


def check_finite(number: int, turn: Round, game: Game | None = None) -> None:
    """Raise a `UserError` if a metric of the round or a weight in the game is not finite."""
    broken = [name for name, value in turn.metrics.items() if not torch.isfinite(value)]
    if game is not None:
        networks = {"student": game.student, **game.networks}
        broken += [
            f"a weight of the {name}"
            for name, network in networks.items()
            if not all(torch.isfinite(p).all() for p in network.parameters())
        ]
    if broken:
        raise UserError(
            f"in round {number} {broken[0]} is no longer finite; lower the learning rates or use "
            "--precision 32 (a checkpoint from before is kept)"
        )
