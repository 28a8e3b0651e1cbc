"""What the loop leaves on the disk: on the process that writes a folder, and nowhere else."""

import json
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from zskt.files import write_atomically
from zskt.images import Images, Normalisation, sheet
from zskt.model_file import Card, card_of, write_network
from zskt.runs.folder import AVERAGE, SOURCE, STUDENT, RunFolder
from zskt.runs.lock import FolderLock
from zskt.runs.mlflow_board import MlflowBoard
from zskt.runs.tensorboard import Board
from zskt.runs.wandb_board import WandbBoard

BOARDS = {"wandb": WandbBoard, "mlflow": MlflowBoard}
"""Where metrics go that are sent elsewhere, too."""
SHOWN = 32
"""Images on a sample sheet."""


class NullWriter:
    """Leaves nothing on the disk: for runs without a folder, and on every process but the first."""

    def __init__(self):
        self._keeps = False
        self._rows: list[dict[str, Any]] = []
        self._state: dict[str, Any] | None = None

    def keep_state(self, state: dict[str, Any] | None, *, wanted: bool) -> None:
        """Have the last state in memory, to go back to; the first is what the run goes on from."""
        self._keeps = wanted
        self.save(state)

    def record(self, row: dict[str, Any]) -> None:
        """Have it in memory."""
        self._rows.append(row)

    def rows(self) -> list[dict[str, Any]]:
        """What was recorded, oldest first."""
        return self._rows

    def save(self, state: dict[str, Any] | None) -> None:
        """Have a copy, if it is wanted."""
        if self._keeps:
            self._state = _copied(state)

    def state(self) -> dict[str, Any] | None:
        """What was saved last; a copy, because optimizers go on with the tensors they are given."""
        return _copied(self._state)

    def rewind(self, number: int) -> None:
        """Forget what was recorded after a round."""
        self._rows = [row for row in self._rows if row["round"] <= number]

    has_student = True  # none is wanted

    def _nothing(self, *_: Any, **__: Any) -> None: ...

    hold = begin = draw = keep = finish = close = release = _nothing


class FolderWriter:
    """Writes a run folder. Making one touches no disk.

    Args:
        folder: the run folder.
        card: of the student.
        settings: everything that was set.
        normalisation: the teacher's, if it is known.
        resumed: go on with the run in the folder.
        overwrite: replace a run of the same command.
        log_to: names of `BOARDS` that get the metrics besides.
    """

    def __init__(
        self,
        folder: RunFolder,
        card: Card,
        settings: dict[str, Any],
        normalisation: Normalisation | None,
        *,
        resumed: bool = False,
        overwrite: bool = False,
        log_to: Sequence[str] = (),
    ):
        self.folder = folder
        self.card = card
        self.settings = settings
        self.normalisation = normalisation
        self.resumed = resumed
        self.overwrite = overwrite
        others = [BOARDS[name](folder.path, settings) for name in log_to]
        self.curves = Board(folder.path / "tensorboard")
        self.boards = [self.curves, *others]
        self.lock = FolderLock(folder.path)

    def keep_state(self, state: dict[str, Any] | None, *, wanted: bool) -> None:
        """Nothing: the last state is on the disk."""

    def hold(self) -> None:
        """Make the folder ours, until `release`: nobody else may write to it."""
        self.folder.make()
        self.lock.take()

    def begin(self) -> None:
        """Make the folder, or take away what an earlier end of this run left."""
        self.hold()
        self.folder.tidy()
        if self.resumed:
            self.folder.reopen()
            self.folder.set_length(self.settings.get("run", {}))
        else:
            self.folder.create(self.settings, overwrite=self.overwrite)

    def record(self, row: dict[str, Any]) -> None:
        """Append it to the metrics, and give it to TensorBoard and the like."""
        self.folder.record(row)
        for board in self.boards:
            board.record(row)

    def draw(self, number: int, images: Images, logits: dict[str, Tensor]) -> None:
        """A sheet, and the class that each network names for an image, with its probability."""
        self.folder.samples.mkdir(exist_ok=True)
        file = self.folder.samples / f"round-{number:06d}.png"
        write_atomically(file, sheet(images[:SHOWN], self.normalisation))
        said = {}
        for role, each in logits.items():
            sure, named = each[:SHOWN].float().softmax(1).max(1)
            pairs = zip(named.tolist(), sure.tolist(), strict=True)
            said[role] = [(label, round(share, 4)) for label, share in pairs]
        write_atomically(file.with_suffix(".json"), json.dumps(said))

    def keep(self, number: int, source: nn.Module) -> None:
        """A snapshot in 16 bits."""
        self.folder.snapshots.mkdir(exist_ok=True)
        file = self.folder.snapshots / f"source-{number:06d}.safetensors"
        write_network(file, source, card_of(source, self.card), half=True)

    def save(self, state: dict[str, Any]) -> None:
        """A checkpoint."""
        self.folder.save_state(state)

    def state(self) -> dict[str, Any] | None:
        """The last checkpoint."""
        return self.folder.state()

    def rows(self) -> list[dict[str, Any]]:
        """What was recorded, oldest first; not held in memory, which long runs would fill."""
        return self.folder.metrics()

    def rewind(self, number: int) -> None:
        """Forget what was recorded after a round, to go on from there."""
        self.resumed = True
        self.folder.rewind(number)
        # Weights & Biases takes no step twice within a run; the next row begins another.
        self.close()

    def finish(
        self,
        student: nn.Module,
        average: nn.Module | None,
        networks: dict[str, nn.Module],
        source: str | None,
    ) -> None:
        """Each network in a file of its own, the student last."""
        for name, network in networks.items():
            file = self.folder.path / SOURCE
            if name != source:
                self.folder.networks.mkdir(exist_ok=True)
                file = self.folder.networks / f"{name}.safetensors"
            write_network(file, network, card_of(network, self.card))
        if average is not None:
            write_network(self.folder.path / AVERAGE, average, self.card)
        write_network(self.folder.path / STUDENT, student, self.card)

    @property
    def has_student(self) -> bool:
        """Whether an end of this run has written one."""
        return (self.folder.path / STUDENT).is_file()

    def close(self) -> None:
        """Write what TensorBoard and the like have left."""
        for board in self.boards:
            board.close()

    def release(self) -> None:
        """Others may write to the folder."""
        self.lock.release()


def _copied(state: Any) -> Any:
    return tree_map_only(Tensor, lambda it: it.detach().cpu().clone(), state)


Writer = FolderWriter | NullWriter
