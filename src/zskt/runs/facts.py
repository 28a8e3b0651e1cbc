"""What a run folder tells, read once: the card, the pictures and the page are made of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zskt.model_file import Card, read_card
from zskt.runs.folder import EVALUATION, RESULT, STUDENT, VERDICT, RunFolder


@dataclass(frozen=True)
class RunFacts:
    """A run as its folder tells it; what is not there yet is None or empty."""

    path: Path
    settings: dict[str, Any]
    metrics: list[dict[str, Any]]
    """Recorded rows, oldest first."""
    sheets: list[Path]
    """Pictures of images that the student learnt from, oldest first."""
    result: dict[str, Any] | None
    evaluation: dict[str, Any] | None
    """On real images."""
    verdict: dict[str, Any] | None
    """Without data: its word, reason and advice, and the signals."""
    card: Card | None
    """Of the student."""

    @classmethod
    def read(cls, path: Path) -> "RunFacts":
        """The facts in a folder.

        Raises:
            UserError: if it holds no run.
        """
        folder = RunFolder(path)
        student = path / STUDENT
        verdict = folder.read_result(VERDICT)
        return cls(
            path=path,
            settings=folder.settings(),
            metrics=folder.metrics(),
            sheets=sorted(folder.samples.glob("round-*.png")),
            result=folder.read_result(RESULT),
            evaluation=folder.read_result(EVALUATION),
            verdict=verdict["rows"][0] if verdict else None,
            card=read_card(student) if student.is_file() else None,
        )

    @property
    def teacher(self) -> str | None:
        """The teacher's name, without folders of the machine."""
        given = self.settings.get("teacher")
        place = Path(self.settings.get("teacher_path") or "")
        return Path(given).name if given and place.is_absolute() else given

    @property
    def last(self) -> dict[str, Any]:
        """The last recorded row."""
        return self.metrics[-1]
