"""What a run leaves behind: rows of metrics, sample sheets, checkpoints, and the final networks."""

import time
from typing import Any

import torch

from zskt.errors import UserError
from zskt.game import Game, Round
from zskt.model_file import Card, write_network
from zskt.networks import Generator
from zskt.pictures import save_sheet
from zskt.training.run_folder import RunFolder


class Recorder:
    """Keeps the history of a run, and writes it to a folder if there is one.

    Args:
        folder: where to write; None keeps the history in memory only.
        card: what is known of the images and the student.
        saved: the checkpoint that the run goes on from.
    """

    def __init__(self, folder: RunFolder | None, card: Card, saved: dict[str, Any] | None):
        self.folder = folder
        self.card = card
        self.round: int = saved["round"] if saved else 0
        self.history = folder.rewind(self.round) if folder else []
        self._before: float = saved["seconds"] if saved else 0.0
        self._started = self._last_save = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time spent on the run, in all its parts."""
        return self._before + time.monotonic() - self._started

    def metrics(self, number: int, turn: Round, judged: dict[str, float]) -> dict[str, float]:
        """Record one row; returns its measurements.

        Raises:
            UserError: if a loss is not finite.
        """
        measured = {name: value.item() for name, value in turn.metrics.items()} | judged
        check_finite(number, turn)
        row = {"round": number, **measured, "seconds": round(self.seconds, 2)}
        self.history.append(row)
        if self.folder:
            self.folder.record(row)
        return measured

    def sheet(self, number: int, turn: Round) -> None:
        """Draw the first images of a round."""
        if self.folder:
            file = self.folder.samples / f"round-{number:06d}.png"
            save_sheet(file, turn.images[:32], self.card.mean, self.card.std)

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
            random = {"cpu": torch.get_rng_state()}
            if game.device.type == "cuda":
                random["cuda"] = torch.cuda.get_rng_state(game.device)
            state = {"game": game.state_dict(), "random": random}
            self.folder.save_state({"round": number, "seconds": self.seconds, **state})

    def finish(self, game: Game) -> None:
        """Write the networks."""
        if self.folder is None:
            return
        for name, network in game.networks.items():
            card = Card(architecture=None, input_size=game.input_size)
            if isinstance(network, Generator):
                card = generator_card(network, self.card)
            write_network(self.folder.path / f"{name}.safetensors", network, card)
        write_network(self.folder.path / "student.safetensors", game.student, self.card)


def generator_card(generator: Generator, student: Card) -> Card:
    """A generator draws in the space that its student sees."""
    return Card(
        architecture="generator",
        input_size=generator.output_size,
        noise_size=generator.noise_size,
        width=generator.width,
        mean=student.mean,
        std=student.std,
    )


def restore_random(random: dict[str, torch.Tensor], device: torch.device) -> None:
    """Put torch's own random generators back to where a checkpoint has them."""
    torch.set_rng_state(random["cpu"])
    if device.type == "cuda" and "cuda" in random:
        torch.cuda.set_rng_state(random["cuda"], device)


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
            "--precision 32 (the last good checkpoint is kept)"
        )
