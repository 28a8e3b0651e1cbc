"""Where the runs of experiments are made: each once, whichever experiment asks for it.

A run that is finished is read, a distillation or a training that was cut short goes on from its
checkpoint, any other is started anew. A run is finished when its `result.json` is there, which
every job writes last; a distillation also needs all its rounds, because one that was asked to stop
early leaves a result too. A run that diverged leaves `diverged.json` and is not tried again unless
`forget_diverged` is called: it would diverge again.
"""

import json
from dataclasses import KW_ONLY, asdict, dataclass, replace
from hashlib import sha256
from math import nan
from pathlib import Path
from typing import Any

from zskt.devices import Precision, resolve
from zskt.distillation.run import Run
from zskt.errors import DivergedError, UserError
from zskt.experiments.protocol import Protocol
from zskt.experiments.specs import RunSpec, teacher
from zskt.files import safe_name, write_atomically
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
from zskt.supervised.recipe import FineTuning, FineTuningDistillation

IN_NAMES = ("pairs", "pair", "grid", "noise_networks", "per_class", "table_1_per_class")
"""What a protocol asks for and the name of each run tells: it may differ between experiments."""
DIVERGED = "diverged.json"


class BaseDivergedError(DivergedError):
    """The run diverged of which another is made."""


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


@dataclass
class RunStore:
    """Makes runs in one folder, by one protocol."""

    root: Path
    """Each run is a folder in it."""
    protocol: Protocol
    """What to run, already scaled."""
    _: KW_ONLY
    data: str
    data_dir: Path = Path("data")
    teachers: Path | None = None
    """A folder of finished teachers, `NAME.safetensors`; those it lacks are trained."""
    device: str = "auto"
    precision: Precision = "auto"

    def __post_init__(self):
        self.where = resolve(self.device, self.precision)
        # The data set whose published numbers are comparable; None if it is another.
        self.published = self.protocol.name if Path(self.data).stem == self.protocol.name else None
        if self.teachers is not None and not self.teachers.is_dir():
            raise UserError(
                f"there is no folder {self.teachers}; give `teachers` a folder or leave it out"
            )
        self._check_same()

    def finished(self, spec: RunSpec) -> FinishedRun | None:
        """A run if it is finished, or if it diverged."""
        path = self.root / spec.name
        if (path / RESULT).is_file():
            result = json.loads((path / RESULT).read_text())
            row = result["rows"][-1]
            if spec.kind != "distill" or row["round"] >= self._rounds(spec):
                return FinishedRun(path, row, result["seconds"])
        if (path / DIVERGED).is_file():
            error = json.loads((path / DIVERGED).read_text())["error"]
            return FinishedRun(path, {}, 0.0, error)
        return None

    def make(self, spec: RunSpec) -> FinishedRun:
        """A finished run, made first if need be; one that diverges says so."""
        if (made := self.finished(spec)) is not None:
            return made
        path = self.root / spec.name
        try:
            self._run(spec, path)
        except BaseDivergedError as error:
            # Nothing to write down: it can be made once the other is mended.
            return FinishedRun(path, {}, 0.0, str(error))
        except DivergedError as error:
            path.mkdir(parents=True, exist_ok=True)
            write_atomically(path / DIVERGED, json.dumps({"error": str(error)}) + "\n")
            return FinishedRun(path, {}, 0.0, str(error))
        made = self.finished(spec)
        assert made is not None, spec.name
        return made

    def forget_diverged(self, spec: RunSpec) -> None:
        """Have a run tried again that diverged, from its start."""
        path = self.root / spec.name
        if (path / DIVERGED).is_file():
            # The checkpoint may hold what led to it.
            RunFolder(path).checkpoint_file.unlink(missing_ok=True)
            (path / DIVERGED).unlink()

    def model(self, name: str) -> Path:
        """The file of a teacher: from the folder of teachers, or trained here."""
        return self.given(name) or self._made(teacher(name)) / MODEL

    def given(self, name: str) -> Path | None:
        """The file of a finished teacher, if the folder of teachers has one."""
        file = self.teachers / f"{safe_name(name)}.safetensors" if self.teachers else None
        return file if file and file.is_file() else None

    def _rounds(self, spec: RunSpec) -> int:
        return spec.rounds or self.protocol.rounds

    def _made(self, spec: RunSpec | None) -> Path:
        """The folder of a run of which another is made."""
        assert spec is not None
        run = self.make(spec)
        if run.error is not None:
            raise BaseDivergedError(f"{run.path.name} diverged: {run.error}")
        return run.path

    def _teacher(self, spec: RunSpec) -> Path:
        assert spec.teacher is not None
        return self.model(spec.teacher)

    def _run(self, spec: RunSpec, out: Path) -> None:
        protocol, device = self.protocol, self.where.name
        new: dict[str, Any] = {"out": out, "overwrite": True}
        labelled: dict[str, Any] = {**new, "data": self.data, "data_dir": self.data_dir}
        labelled |= {"device": device, "precision": self.where.precision}
        match spec.kind:
            case "teacher" | "train" | "finetune" if RunFolder(out).checkpoint_file.exists():
                train(resume=out, data=self.data, data_dir=self.data_dir, device=device)
            case "teacher":
                train(spec.student, recipe=protocol.teacher, **labelled)
            case "train":
                if spec.teacher:
                    labelled["distill_from"] = self.model(spec.teacher)
                    labelled["guidance"] = protocol.guidance
                recipe = replace(protocol.student, seed=spec.seed)
                train(spec.student, recipe=recipe, per_class=spec.per_class, **labelled)
            case "distill":
                self._distill(spec, out)
            case "finetune":
                assert spec.per_class is not None
                labelled["recipe"] = FineTuning(seed=spec.seed, evaluate_every=10**6)
                finetune(
                    self._made(spec.after), teacher=self._teacher(spec), per_class=spec.per_class,
                    **labelled,
                )  # fmt: skip
            case "beliefs":
                labelled["measurement"] = Measurement(images=spec.images or protocol.belief_images)
                beliefs(student=self._made(spec.after), teacher=self._teacher(spec), **labelled)
            case "noise":
                noise_predictions(self.model(spec.student), device=device, **new)
            case "toy":
                toy(toy=Toy(seed=spec.seed, rounds=protocol.toy_rounds), **new)

    def _distill(self, spec: RunSpec, out: Path) -> None:
        if RunFolder(out).checkpoint_file.exists():
            distill(resume=out, run=Run(device=self.where.name))
            return
        rounds = self._rounds(spec)
        run = Run(
            rounds=rounds, seed=spec.seed, device=self.where.name, precision=self.where.precision,
            # Runs with rounds of their own are a grid's, and a grid is read at its end; more looks
            # at a test set would take most of the time.
            evaluate_every=max(1, rounds // 10) if spec.rounds is None else rounds,
        )  # fmt: skip
        # Another method than the protocol's has its defaults.
        own = spec.method == "zskt"
        method: Any = self.protocol.method if own else method_class(spec.method)()
        method = replace(method, **dict(spec.changes))
        distill(
            self._teacher(spec), spec.student, out=out, method=method, run=run, data=self.data,
            data_dir=self.data_dir, overwrite=True,
        )  # fmt: skip

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
