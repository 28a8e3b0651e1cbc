"""Where the runs of experiments are made: each once, whichever experiment asks for it.

A run that is finished is read, one that was cut short goes on, any other is started. A run is
finished when its `result.json` is there, which every job writes last; a distillation also needs all
its rounds, because one that was asked to stop early leaves a result too. A run that diverged leaves
`diverged.json` and is not tried again unless that is asked for: it would diverge again.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from math import nan
from pathlib import Path
from typing import Any

from zskt.devices import Precision, resolve
from zskt.distillation.run import Run
from zskt.errors import DivergedError, UserError
from zskt.experiments.protocol import Protocol
from zskt.experiments.specs import RunSpec, teacher
from zskt.files import write_atomically
from zskt.jobs.beliefs import beliefs
from zskt.jobs.distill import distill
from zskt.jobs.finetune import finetune
from zskt.jobs.noise_predictions import noise_predictions
from zskt.jobs.toy import toy
from zskt.jobs.train import train
from zskt.measure.beliefs.settings import Measurement
from zskt.methods import method_class
from zskt.plane.settings import Toy
from zskt.runs.folder import MODEL, RESULT, RunFolder
from zskt.supervised.recipe import FineTuning, FineTuningDistillation, KnowledgeDistillation

IN_NAMES = ("pairs", "pair", "noise_networks", "per_class", "table_1_per_class")
"""What a protocol asks for and the name of each run tells: it may differ between experiments."""
DIVERGED = "diverged.json"


@dataclass(frozen=True)
class FinishedRun:
    """A finished run, or one that diverged."""

    path: Path
    row: dict[str, Any]
    """The last row of its result."""
    seconds: float
    error: str | None = None
    """Why it has no result."""

    @property
    def accuracy(self) -> float:
        """Of its network on the test set, after the last step; not a number if it diverged."""
        return self.row.get("student_accuracy", self.row.get("test_accuracy", nan))


class RunStore:
    """Makes runs in one folder, by one protocol.

    Args:
        root: the folder; each run is a folder in it.
        protocol: what to run, already scaled.
        data: the name or file of the data.
        data_dir: where public data sets lie.
        teachers: a folder of finished teachers, `NAME.safetensors`; those it lacks are trained.
        device: where to run.
        precision: how precisely.
        retry: try runs again that diverged.

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
        retry: bool = False,
    ):
        self.root = root
        self.protocol = protocol
        self.data = data
        self.data_dir = data_dir
        self.teachers = teachers
        self.where = resolve(device, precision)
        self.retry = retry
        self.published = protocol.name if Path(data).stem == protocol.name else None
        if teachers is not None and not teachers.is_dir():
            raise UserError(
                f"there is no folder {teachers}; give `teachers` a folder or leave it out"
            )
        self._check_same()

    def finished(self, spec: RunSpec) -> FinishedRun | None:
        """A run if it is finished, or if it diverged and is not to be tried again."""
        path = self.root / spec.name
        if (path / RESULT).is_file():
            result = json.loads((path / RESULT).read_text())
            row = result["rows"][-1]
            if spec.kind != "distill" or row["round"] >= self.protocol.rounds:
                return FinishedRun(path, row, result["seconds"])
        if (path / DIVERGED).is_file() and not self.retry:
            error = json.loads((path / DIVERGED).read_text())["error"]
            return FinishedRun(path, {}, 0.0, error)
        return None

    def make(self, spec: RunSpec) -> FinishedRun:
        """A finished run, made first if need be; one that diverges says so."""
        if (made := self.finished(spec)) is not None:
            return made
        makers: dict[str, Callable[[RunSpec, Path], object]] = {
            "teacher": self._teach,
            "train": self._train,
            "distill": self._distill,
            "finetune": self._finetune,
            "beliefs": self._beliefs,
            "noise": self._noise,
            "toy": self._toy,
        }
        path = self.root / spec.name
        try:
            makers[spec.kind](spec, path)
        except DivergedError as error:
            path.mkdir(parents=True, exist_ok=True)
            write_atomically(path / DIVERGED, json.dumps({"error": str(error)}) + "\n")
            return FinishedRun(path, {}, 0.0, str(error))
        (path / DIVERGED).unlink(missing_ok=True)
        made = self.finished(spec)
        assert made is not None, spec.name
        return made

    def model(self, name: str) -> Path:
        """The file of a teacher: from the folder of teachers, or trained here."""
        given = self.teachers / f"{name}.safetensors" if self.teachers else None
        if given is not None and given.is_file():
            return given
        return self._whole(self.make(teacher(name))).path / MODEL

    def _whole(self, run: FinishedRun) -> FinishedRun:
        """The run, if another can be made of it."""
        if run.error is not None:
            raise DivergedError(f"{run.path.name} diverged: {run.error}")
        return run

    @property
    def _common(self) -> dict[str, Any]:
        common = {"data": self.data, "data_dir": self.data_dir, "device": self.where.name}
        return {**common, "precision": self.where.precision, "overwrite": True}

    def _teach(self, spec: RunSpec, out: Path) -> object:
        return train(spec.student, out=out, recipe=self.protocol.teacher, **self._common)

    def _train(self, spec: RunSpec, out: Path) -> object:
        return train(
            spec.student,
            out=out,
            recipe=replace(self.protocol.student, seed=spec.seed),
            per_class=spec.per_class,
            distill_from=self.model(spec.teacher) if spec.teacher else None,
            guidance=self.protocol.guidance if spec.teacher else KnowledgeDistillation(),
            **self._common,
        )

    def _distill(self, spec: RunSpec, out: Path) -> object:
        assert spec.teacher is not None
        # After a divergence the checkpoint may hold what led to it.
        if RunFolder(out).checkpoint_file.exists() and not (out / DIVERGED).exists():
            return distill(resume=out, run=Run(device=self.where.name))
        rounds = self.protocol.rounds
        run = Run(
            rounds=rounds, seed=spec.seed, device=self.where.name, precision=self.where.precision,
            evaluate_every=max(1, rounds // 10),
        )  # fmt: skip
        return distill(
            self.model(spec.teacher), spec.student, out=out, method=self._method(spec), run=run,
            data=self.data, data_dir=self.data_dir, overwrite=True,
        )  # fmt: skip

    def _method(self, spec: RunSpec) -> Any:
        """The protocol's method with the changes; another method has its defaults."""
        own = spec.method == "zskt"
        method = self.protocol.method if own else method_class(spec.method)()
        return replace(method, **dict(spec.changes))

    def _finetune(self, spec: RunSpec, out: Path) -> object:
        assert spec.after
        assert spec.teacher
        assert spec.per_class
        return finetune(
            self._whole(self.make(spec.after)).path,
            out=out,
            per_class=spec.per_class,
            teacher=self.model(spec.teacher),
            recipe=FineTuning(seed=spec.seed, evaluate_every=10**6),
            **self._common,
        )

    def _beliefs(self, spec: RunSpec, out: Path) -> object:
        assert spec.after
        assert spec.teacher
        return beliefs(
            student=self._whole(self.make(spec.after)).path,
            teacher=self.model(spec.teacher),
            out=out,
            measurement=Measurement(images=self.protocol.belief_images),
            **self._common,
        )

    def _noise(self, spec: RunSpec, out: Path) -> object:
        model = self.model(spec.student)
        return noise_predictions(model, out=out, device=self.where.name, overwrite=True)

    def _toy(self, spec: RunSpec, out: Path) -> object:
        rounds = self.protocol.toy_rounds
        return toy(out=out, toy=Toy(seed=spec.seed, rounds=rounds), overwrite=True)

    def _check_same(self) -> None:
        """Runs of different protocols must not meet in one table."""
        file = self.root / "protocol.json"
        asked = {"data": self.data, "precision": self.where.precision, **asdict(self.protocol)}
        asked = {name: value for name, value in asked.items() if name not in IN_NAMES}
        tuning: list[Any] = [FineTuning(), FineTuningDistillation(), Measurement()]
        asked |= {type(settings).__name__: asdict(settings) for settings in tuning}
        files = sorted(self.teachers.glob("*.safetensors")) if self.teachers else []
        asked["teachers"] = {each.stem: sha256(each.read_bytes()).hexdigest() for each in files}
        text = json.dumps(asked, indent=2) + "\n"
        if not file.exists():
            self.root.mkdir(parents=True, exist_ok=True)
            write_atomically(file, text)
        elif file.read_text() != text:
            raise UserError(
                f"{self.root} holds runs of another protocol, data, precision or teachers; "
                "give another `runs`"
            )
