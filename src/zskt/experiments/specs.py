"""One run that an experiment wants, named by everything that decides its result."""

from dataclasses import dataclass
from typing import Any, Literal

from zskt.files import safe_name

Kind = Literal["teacher", "train", "distill", "finetune", "beliefs", "toy", "noise"]


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """A run: its kind, its networks and its seed."""

    kind: Kind
    student: str
    """The network that is trained."""
    teacher: str | None = None
    per_class: int | None = None
    """Real images of each class; None for all of them (train) or none (distill)."""
    seed: int = 0
    method: str = "zskt"
    changes: tuple[tuple[str, Any], ...] = ()
    """Settings of the method that differ from the protocol's."""
    rounds: int | None = None
    """Of a distillation, if they are not the protocol's."""
    images: int | None = None
    """That beliefs are measured on, if they are not the protocol's."""
    after: "RunSpec | None" = None
    """The run whose student is tuned further or judged."""

    @property
    def name(self) -> str:
        """A folder's name."""
        few = [] if self.per_class is None else [f"per-class-{self.per_class}"]
        if self.after is not None:
            on = [] if self.images is None else [f"{self.images}-images"]
            return "-".join([self.kind, self.after.name, *few, *on])
        parts = [self.kind, *([self.teacher, "to"] if self.teacher else []), self.student]
        parts += [] if self.method == "zskt" else [self.method]
        parts += [f"{setting.replace('_', '-')}-{value}" for setting, value in self.changes]
        parts += [] if self.rounds is None else [f"{self.rounds}-rounds"]
        # Names of timm's networks have a colon.
        return safe_name("-".join([*parts, *few, f"seed-{self.seed}"]))


def teacher(name: str) -> RunSpec:
    """The one teacher of an architecture, the same for all seeds, as the authors have it."""
    return RunSpec(kind="teacher", student=name)


def scratch(student: str, seed: int, per_class: int | None = None) -> RunSpec:
    """A student from labels alone."""
    return RunSpec(kind="train", student=student, per_class=per_class, seed=seed)


def few_shot(teacher: str, student: str, seed: int, per_class: int | None = None) -> RunSpec:
    """A student from labels and a teacher: KD + AT."""
    return RunSpec(kind="train", student=student, teacher=teacher, per_class=per_class, seed=seed)


def zero_shot(
    teacher: str, student: str, seed: int, method: str = "zskt", rounds: int | None = None,
    **changes,
) -> RunSpec:  # fmt: skip
    """A student from a teacher alone."""
    varied = tuple(sorted(changes.items()))
    return RunSpec(
        kind="distill", student=student, teacher=teacher, seed=seed, method=method, changes=varied,
        rounds=rounds,
    )  # fmt: skip


def finetuned(run: RunSpec, per_class: int) -> RunSpec:
    """A zero-shot student that goes on with few images."""
    return RunSpec(
        kind="finetune", student=run.student, teacher=run.teacher, per_class=per_class,
        seed=run.seed, after=run,
    )  # fmt: skip


def beliefs(run: RunSpec, images: int | None = None) -> RunSpec:
    """Transition curves of a run's student and its teacher."""
    return RunSpec(
        kind="beliefs", student=run.student, teacher=run.teacher, after=run, images=images
    )


def toy(seed: int) -> RunSpec:
    """The game in the plane."""
    return RunSpec(kind="toy", student="perceptron", seed=seed)


def noise(network: str) -> RunSpec:
    """What a teacher says about uniform noise."""
    return RunSpec(kind="noise", student=network, after=teacher(network))
