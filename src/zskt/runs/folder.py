"""A run on disk: settings, metrics, sample sheets, networks and a checkpoint in one folder.

settings.json             everything that was set, versions, machine, the command that made it
run.toml                  of a distillation: its settings as `zskt distill` takes them again
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

from zskt.errors import UserError, read_from
from zskt.files import REPLACES, TEMPORARY, remove_leftovers, write_atomically
from zskt.runs.rows import read_rows
from zskt.runs.run_file import write_run_file

STUDENT, AVERAGE = "student.safetensors", "student-average.safetensors"
"""The student and its moving average."""
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
    """Reads and writes one run; files are written whole or not at all, rows are appended."""

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

        A run is replaced at one moment, when new settings take the place of the old ones. They
        say then that what else lies here belongs to the run before. A kill after it leaves the
        new run, not yet begun: whoever reads its settings first takes away the rest.

        Args:
            settings: everything that was set, with the `command_name`.
            overwrite: replace a run of the same command.

        Raises:
            UserError: if the folder holds anything and may not be overwritten, or cannot be
                written; what is there is kept.
        """
        self.check(settings["command_name"], overwrite=overwrite)
        self.make()
        self._write_settings({REPLACES: True, **settings})
        self._begin(settings)

    def make(self) -> None:
        """Make the folder: before long work, so that a place that cannot be written shows early."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            wrong = f"cannot write to {self.path}: {error.strerror}; give another `out`"
            raise UserError(wrong) from error

    def settings(self) -> dict[str, Any]:
        """What `create` wrote.

        Raises:
            UserError: if there is no run here.
        """
        try:
            settings = json.loads(self.settings_file.read_text())
            if not isinstance(settings, dict):
                raise ValueError(settings)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UserError(f"{self.path} holds no run; give the folder of one") from error
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{self.settings_file} is damaged; start the run anew") from error
        return self._recovered(settings) if REPLACES in settings else settings

    def record(self, row: dict[str, Any]) -> None:
        """Append one row of metrics."""
        try:
            with self.metrics_file.open("a") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            wrong = f"cannot write {self.metrics_file}: {error.strerror}; make room and resume"
            raise UserError(wrong) from error

    def metrics(self, *, until: int | None = None) -> list[dict[str, Any]]:
        """The rows recorded so far, up to a round or epoch, without a last line cut by a kill."""
        return read_rows(self.metrics_file, until=until)

    def rewind(self, number: int) -> list[dict[str, Any]]:
        """Forget what was recorded after a round or epoch; return what was recorded up to it."""
        rows = self.metrics(until=number)
        write_atomically(self.metrics_file, "".join(json.dumps(row) + "\n" for row in rows))
        for file in [*self.samples.glob("round-*.*"), *self.snapshots.glob("*.safetensors")]:
            end = file.stem.rpartition("-")[2]
            if end.isdecimal() and int(end) > number:
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
        if not length.items() <= settings.get("run", {}).items():
            settings["run"] |= length
            self._write_settings(settings)
        write_run_file(self.path, settings)

    def write_result(self, name: str, text: str) -> None:
        """Write a result of the run, such as `result.json`."""
        write_atomically(self.path / name, text)

    def read_result(self, name: str) -> dict[str, Any] | None:
        """A result of the run as `zskt.results.result` made it; None if there is none.

        Raises:
            UserError: if it is damaged.
        """
        file = self.path / name
        if not file.exists():
            return None
        with read_from(file, "remove it, or make it anew"):
            found = json.loads(file.read_text())
            return {**found, "rows": [dict(row) for row in found["rows"]]}

    def save_state(self, state: dict[str, Any]) -> None:
        """Write the checkpoint over the one before, which is kept until then."""
        from zskt.runs.checkpoint import write_state

        self.checkpoint_file.parent.mkdir(exist_ok=True)
        write_state(self.checkpoint_file, state)

    def state(self) -> dict[str, Any] | None:
        """The last checkpoint; None if the run was stopped before its first."""
        from zskt.runs.checkpoint import read_state

        if not self.checkpoint_file.exists():
            return None
        state = read_state(self.checkpoint_file)
        with read_from(self.checkpoint_file, "start the run anew"):
            # A training counts steps, and has what it keeps beside them.
            number, seconds = state["round" if "round" in state else "step"], state["seconds"]
            kept, random = state.get("kept", state).keys(), state["random"].keys()
            if not (type(number) is int and 0 <= number < 2**63 and seconds >= 0 and kept | random):
                raise ValueError((number, seconds))
        return state

    def tidy(self) -> None:
        """Remove the temporary files of processes that were killed."""
        parts = (self.checkpoint_file.parent, self.samples, self.snapshots, self.networks)
        for folder in (self.path, *parts):
            remove_leftovers(folder)

    def _write_settings(self, settings: dict[str, Any]) -> None:
        write_atomically(self.settings_file, json.dumps(settings, indent=2) + "\n")

    def _recovered(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings, once what a killed process was to take away is gone."""
        from zskt.runs.lock import FolderLock

        del settings[REPLACES]
        lock = FolderLock(self.path)
        lock.take()
        try:
            self._begin(settings)
        finally:
            lock.release()
        return settings

    def _begin(self, settings: dict[str, Any]) -> None:
        """What is between settings that replace a run, and those of one that has begun."""
        self._clear()
        write_run_file(self.path, settings)
        self._write_settings(settings)

    def _clear(self) -> None:
        """Remove what the run before left; other files in the folder are not ours to remove."""
        ours = [self.checkpoint_file, self.metrics_file, self.path / CURVES]
        for pattern in (*OURS, "tensorboard/events.*", f".*{TEMPORARY}"):
            ours += self.path.glob(pattern)
        for file in ours:
            file.unlink(missing_ok=True)
        self.reopen()
        self.tidy()
