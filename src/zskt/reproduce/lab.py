"""Where the runs of reproductions are made: each once, whichever experiment asks for it.

A run that is finished is read, one that was cut short goes on, any other is started. A run is
finished when its `result.json` is there, which every command writes last; a distillation also needs
all its rounds, because one that was asked to stop early leaves a result too.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from zskt.beliefs.curves import Measurement
from zskt.commands.beliefs import beliefs_command
from zskt.commands.distill import distill_command
from zskt.commands.finetune import FineTuning, FineTuningGuidance, finetune_command
from zskt.commands.noise_predictions import noise_predictions_command
from zskt.commands.toy import toy_command
from zskt.commands.train import train_command
from zskt.devices import Precision, resolve
from zskt.errors import UserError
from zskt.files import write_atomically
from zskt.methods import ZSKT
from zskt.reproduce.protocol import Protocol
from zskt.reproduce.wanted import Wanted, teacher
from zskt.toy.game import Toy
from zskt.training.lessons import Guidance
from zskt.training.run import Run

IN_NAMES = ("pairs", "pair", "noise_networks", "per_class", "table_1_per_class")
"""What a protocol asks for and the name of each run tells: it may differ between experiments."""


@dataclass(frozen=True)
class Made:
    """A finished run."""

    path: Path
    row: dict[str, Any]
    """The last row of its result."""
    seconds: float

    @property
    def accuracy(self) -> float:
        """Of its network on the test set, after the last step."""
        return self.row.get("student_accuracy", self.row.get("test_accuracy", float("nan")))


class Lab:
    """Makes runs in one folder, by one protocol.

    Args:
        root: the folder; each run is a folder in it.
        protocol: what to run, already scaled.
        data: the name or file of the data.
        data_dir: where public data sets lie.
        teachers: a folder of finished teachers, `NAME.safetensors`; those it lacks are trained.
        device: where to run.
        precision: how precisely.

    Attributes:
        published: the data set whose published numbers are comparable; None if it is another.

    Raises:
        UserError: if the folder holds runs of another protocol or data, or `teachers` is no folder.
    """

    def __init__(
        self,
        root: Path,
        protocol: Protocol,
        *,
        data: str,
        data_dir: Path = Path("data"),
        teachers: Path | None = None,
        device: str = "auto",
        precision: Precision = "auto",
    ):
        self.root = root
        self.protocol = protocol
        self.data = data
        self.data_dir = data_dir
        self.teachers = teachers
        self.device, self.precision = resolve(device, precision)
        self.published = protocol.name if Path(data).stem == protocol.name else None
        if teachers is not None and not teachers.is_dir():
            raise UserError(
                f"there is no folder {teachers}; give --teachers a folder or leave it out"
            )
        self._check_same()

    def made(self, wanted: Wanted) -> Made | None:
        """A run if it is finished."""
        path = self.root / wanted.name
        try:
            result = json.loads((path / "result.json").read_text())
        except FileNotFoundError:
            return None
        row = result["rows"][-1]
        if wanted.kind == "distill" and row["round"] < self.protocol.rounds:
            return None
        return Made(path, row, result["seconds"])

    def make(self, wanted: Wanted) -> Made:
        """A finished run, made first if need be."""
        if self.made(wanted) is None:
            makers: dict[str, Callable[[Wanted, Path], None]] = {
                "teacher": self._teach,
                "train": self._train,
                "distill": self._distill,
                "finetune": self._finetune,
                "beliefs": self._beliefs,
                "noise": self._noise,
                "toy": self._toy,
            }
            makers[wanted.kind](wanted, self.root / wanted.name)
        made = self.made(wanted)
        assert made is not None, wanted.name
        return made

    def model(self, name: str) -> Path:
        """The file of a teacher: from the folder of teachers, or trained here."""
        given = self.teachers / f"{name}.safetensors" if self.teachers else None
        if given is not None and given.is_file():
            return given
        return self.make(teacher(name)).path / "model.safetensors"

    @property
    def _common(self) -> dict[str, Any]:
        common = {"data": self.data, "data_dir": self.data_dir, "device": self.device}
        return {**common, "precision": self.precision, "overwrite": True}

    def _teach(self, wanted: Wanted, out: Path) -> None:
        train_command(wanted.student, out=out, recipe=self.protocol.teacher, **self._common)

    def _train(self, wanted: Wanted, out: Path) -> None:
        train_command(
            wanted.student,
            out=out,
            recipe=replace(self.protocol.student, seed=wanted.seed),
            per_class=wanted.per_class,
            distill_from=str(self.model(wanted.teacher)) if wanted.teacher else None,
            guidance=self.protocol.guidance if wanted.teacher else Guidance(),
            **self._common,
        )

    def _distill(self, wanted: Wanted, out: Path) -> None:
        assert wanted.teacher is not None
        if (out / "checkpoint" / "state.safetensors").exists():
            distill_command(resume=out, run=Run(device=self.device))
            return
        rounds = self.protocol.rounds
        run = Run(
            rounds=rounds, seed=wanted.seed, device=self.device, precision=self.precision,
            evaluate_every=max(1, rounds // 10),
        )  # fmt: skip
        distill_command(
            teacher=str(self.model(wanted.teacher)),
            student=wanted.student,
            out=out,
            method=wanted.method,
            settings=self._settings(wanted),
            run=run,
            data=self.data,
            data_dir=self.data_dir,
            overwrite=True,
        )

    def _settings(self, wanted: Wanted) -> ZSKT:
        """The protocol's settings with the changes; another method has its defaults."""
        settings = self.protocol.method if wanted.method == "zskt" else ZSKT()
        return replace(settings, **dict(wanted.changes))

    def _finetune(self, wanted: Wanted, out: Path) -> None:
        assert wanted.after
        assert wanted.teacher
        assert wanted.per_class
        finetune_command(
            self.make(wanted.after).path,
            out=out,
            per_class=wanted.per_class,
            teacher=str(self.model(wanted.teacher)),
            recipe=FineTuning(seed=wanted.seed, evaluate_every=10**6),
            **self._common,
        )

    def _beliefs(self, wanted: Wanted, out: Path) -> None:
        assert wanted.after
        assert wanted.teacher
        beliefs_command(
            student=self.make(wanted.after).path,
            teacher=str(self.model(wanted.teacher)),
            out=out,
            measurement=Measurement(images=self.protocol.belief_images),
            **self._common,
        )

    def _noise(self, wanted: Wanted, out: Path) -> None:
        noise_predictions_command(
            self.model(wanted.student), out=out, device=self.device, overwrite=True
        )

    def _toy(self, wanted: Wanted, out: Path) -> None:
        rounds = self.protocol.toy_rounds
        toy_command(out=out, toy=Toy(seed=wanted.seed, rounds=rounds), overwrite=True)

    def _check_same(self) -> None:
        """Runs of different protocols must not meet in one table."""
        file = self.root / "protocol.json"
        asked = {"data": self.data, "precision": self.precision, **asdict(self.protocol)}
        asked = {name: value for name, value in asked.items() if name not in IN_NAMES}
        tuning: list[Any] = [FineTuning(), FineTuningGuidance(), Measurement()]
        asked |= {type(settings).__name__: asdict(settings) for settings in tuning}
        files = sorted(self.teachers.glob("*.safetensors")) if self.teachers else []
        asked["teachers"] = {file.stem: sha256(file.read_bytes()).hexdigest() for file in files}
        text = json.dumps(asked, indent=2) + "\n"
        if not file.exists():
            self.root.mkdir(parents=True, exist_ok=True)
            write_atomically(file, text)
        elif file.read_text() != text:
            raise UserError(
                f"{self.root} holds runs of another protocol, data, precision or teachers; "
                "give another --runs"
            )
