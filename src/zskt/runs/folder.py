"""A run on disk: settings, metrics, sample sheets, networks and a checkpoint in one folder.

settings.json             everything that was set, versions, machine, the command that made it
metrics.jsonl             one JSON object per recorded round
samples/round-000100.png  images that the student learnt from; .json: what was said of them
snapshots/                what the method draws its images with, as it was
memory/                   images that the method keeps
checkpoint/               the state to resume from
tensorboard/              the metrics again, where TensorBoard is installed
student.safetensors       the student, when the run has ended; student-average: its moving average
source.safetensors        what the method draws its images with, when the run has ended
networks/                 what else the method trained, when the run has ended
result.json               the result, when the run has ended
README.md, report.html, *.png, ...  what people read of it
"""

import json
from pathlib import Path
from typing import Any

from zskt.errors import UserError
from zskt.files import TEMPORARY, write_atomically

STUDENT = "student.safetensors"
AVERAGE = "student-average.safetensors"
"""The student's moving average."""
MODEL = "model.safetensors"
"""A network that was trained on labelled images."""
SOURCE = "source.safetensors"
"""What the method draws its images with."""
RESULT, EVALUATION, VERDICT = "result.json", "evaluation.json", "verdict.json"
FINAL = (STUDENT, AVERAGE, SOURCE, MODEL, RESULT, EVALUATION, VERDICT, "README.md", "report.html")
"""What a run leaves when it has ended."""
PICTURES = (
    "generated.png", "curves.png", "confusion.png", "panels.png", "toy.gif", "noise.png",
    "beliefs.png", "single.png",
)  # fmt: skip
CURVES = "curves.npz"
CAN_GO_ON = ("distill", "train")
"""Commands that take `resume`."""
OURS = (
    "samples/round-*.png", "samples/round-*.json", "snapshots/*.safetensors",
    "networks/*.safetensors", "memory/*.u8",
)  # fmt: skip
"""Files of a run in folders that are wholly its own."""


class RunFolder:
    """Reads and writes one run; every file is written whole or not at all."""

    def __init__(self, path: Path):
        self.path = path
        self.settings_file = path / "settings.json"
        self.metrics_file = path / "metrics.jsonl"
        self.checkpoint_file = path / "checkpoint" / "state.safetensors"
        self.result_file = path / RESULT
        self.samples = path / "samples"
        self.snapshots = path / "snapshots"
        self.networks = path / "networks"
        self.memories = path / "memory"

    @property
    def holds_run(self) -> bool:
        """Whether a run was started here."""
        return self.settings_file.exists()

    def check(self, command_name: str, *, overwrite: bool) -> None:
        """Raise a `UserError` if `create` would refuse."""
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path} is a file; give `out` a folder that is new or empty")
        # A kill can leave a temporary file, whose name starts with a dot.
        if not self.path.exists() or all(file.name[0] == "." for file in self.path.iterdir()):
            return
        if not self.holds_run:
            raise UserError(f"{self.path} holds other files; give `out` a new or empty folder")
        other = self.settings().get("command_name")
        if other != command_name:
            raise UserError(
                f"{self.path} holds a run of zskt {other}, which zskt {command_name} does not "
                "replace; give another `out`"
            )
        if not overwrite:
            on = ", or go on with `resume`" if command_name in CAN_GO_ON else ""
            raise UserError(
                f"{self.path} already holds a run; replace it with `overwrite`, give another "
                f"`out`{on}"
            )

    def create(self, settings: dict[str, Any], *, overwrite: bool = False) -> None:
        """Make the folder and write the settings.

        Args:
            settings: everything that was set, with the `command_name`.
            overwrite: replace a run of the same command.

        Raises:
            UserError: if the folder holds anything and may not be overwritten, or cannot be
                written; what is there is kept.
        """
        self.check(settings["command_name"], overwrite=overwrite)
        self.make()
        self._clear()
        write_atomically(self.settings_file, json.dumps(settings, indent=2) + "\n")

    def make(self) -> None:
        """Make the folder: before long work, so that a place that cannot be written shows early."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"cannot write to {self.path}: {error.strerror}; give another `out`"
            ) from error

    def settings(self) -> dict[str, Any]:
        """What `create` wrote.

        Raises:
            UserError: if there is no run here.
        """
        try:
            settings = json.loads(self.settings_file.read_text())
            if not isinstance(settings, dict):
                raise ValueError(settings)
            return settings
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UserError(f"{self.path} holds no run; give the folder of one") from error
        except (OSError, ValueError) as error:
            raise UserError(f"{self.settings_file} is damaged; start the run anew") from error

    def record(self, row: dict[str, Any]) -> None:
        """Append one row of metrics."""
        try:
            with self.metrics_file.open("a") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise UserError(
                f"cannot write {self.metrics_file}: {error.strerror}; make room and resume"
            ) from error

    def metrics(self, *, until: int | None = None) -> list[dict[str, Any]]:
        """The rows recorded so far, up to a round or epoch, without a last line cut by a kill."""
        rows = []
        lines = self.metrics_file.read_text().splitlines() if self.metrics_file.exists() else []
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                break
            if until is None or row.get("round", row.get("epoch", 0)) <= until:
                rows.append(row)
        return rows

    def rewind(self, number: int) -> list[dict[str, Any]]:
        """Forget what was recorded after a round or epoch; return what was recorded up to it."""
        rows = self.metrics(until=number)
        write_atomically(self.metrics_file, "".join(json.dumps(row) + "\n" for row in rows))
        for file in [*self.samples.glob("round-*.*"), *self.snapshots.glob("*.safetensors")]:
            if int(file.stem.rpartition("-")[2]) > number:
                file.unlink()
        return rows

    def reopen(self) -> None:
        """Take away what an end of the run left, because the run goes on after it."""
        for name in (*FINAL, *PICTURES):
            (self.path / name).unlink(missing_ok=True)
        for file in self.networks.glob("*.safetensors"):
            file.unlink()

    def set_length(self, run: dict[str, Any]) -> None:
        """Write a new length into the settings, if it is another."""
        settings = self.settings()
        length = {name: run[name] for name in ("rounds", "minutes") if name in run}
        if length.items() <= settings.get("run", {}).items():
            return
        settings["run"] |= length
        write_atomically(self.settings_file, json.dumps(settings, indent=2) + "\n")

    def write_result(self, name: str, text: str) -> None:
        """Write a result of the run, such as `result.json`."""
        write_atomically(self.path / name, text)

    def read_result(self, name: str) -> dict[str, Any] | None:
        """A result of the run as `zskt.results.result` made it; None if there is none."""
        file = self.path / name
        return json.loads(file.read_text()) if file.exists() else None

    def save_state(self, state: dict[str, Any]) -> None:
        """Write the checkpoint over the one before, which is kept until then."""
        from zskt.runs.checkpoint import write_state

        self.checkpoint_file.parent.mkdir(exist_ok=True)
        write_state(self.checkpoint_file, state)

    def state(self) -> dict[str, Any] | None:
        """The last checkpoint; None if the run was stopped before its first."""
        from zskt.runs.checkpoint import read_state

        return read_state(self.checkpoint_file) if self.checkpoint_file.exists() else None

    def _clear(self) -> None:
        """Remove what the run before left; other files in the folder are not ours to remove.

        The checkpoint goes first and the settings are replaced last: whenever this is cut short,
        the folder holds the run before, to be played from its start.
        """
        ours = [self.checkpoint_file, self.metrics_file, self.path / CURVES]
        for pattern in (*OURS, "tensorboard/events.*", f".*{TEMPORARY}"):
            ours += self.path.glob(pattern)
        for file in ours:
            file.unlink(missing_ok=True)
        self.reopen()
