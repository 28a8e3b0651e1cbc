"""What is measured of a finished run of a leaderboard or a sweep, once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zskt.experiments.leaderboard_runs import Entry, Terms, made
from zskt.experiments.store import FinishedRun
from zskt.jobs.beliefs import beliefs
from zskt.jobs.verdict import verdict
from zskt.measure.beliefs.settings import Measurement
from zskt.runs.folder import RESULT, VERDICT, RunFolder


@dataclass(frozen=True)
class BoardRun:
    """What came of an entry: a finished run with what was measured of it since."""

    run: FinishedRun
    transition_error: float | None
    verdict: Mapping[str, Any]
    """Its word and, where it can be predicted, the share; empty for a run that diverged."""

    @property
    def error(self) -> str | None:
        """Why the run has no result."""
        return self.run.error


def board_run(entry: Entry, terms: Terms) -> BoardRun:
    """A finished run with what is measured of it, all made first if need be."""
    run = made(entry, terms)
    return BoardRun(run, transition_error(entry, run, terms), verdict_of(entry, run, terms))


def transition_error(entry: Entry, run: FinishedRun, terms: Terms) -> float | None:
    """The mean transition error of a finished run's student, measured once.

    None if it is not asked for, or if student and teacher agree on no image.
    """
    if terms.data is None or not terms.belief_images or not run.row.get("agreement"):
        return None
    out = entry.folder / f"beliefs-{terms.belief_images}"
    if not (out / RESULT).is_file():
        beliefs(
            student=entry.folder, teacher=entry.teacher, options=terms.options, out=out,
            measurement=Measurement(images=terms.belief_images), device=terms.run.device,
            precision=terms.run.precision, overwrite=True, **terms.of_every_run(),
        )  # fmt: skip
    return json.loads((out / RESULT).read_text())["rows"][0]["mean_transition_error"]


def verdict_of(entry: Entry, run: FinishedRun, terms: Terms) -> Mapping[str, Any]:
    """The verdict on a finished run, with the share that its student is predicted to keep.

    Without data the share is what students are ranked by, and is measured once where the run was
    too short to have one.
    """
    if run.error is not None:
        return {}
    folder = RunFolder(entry.folder)
    known = folder.read_result(VERDICT)
    assert known is not None, entry.folder
    if terms.data is None and not ("share" in known["rows"][0] or known["settings"].get("later")):
        allowed = terms.options.allow_code
        judged = verdict(
            entry.folder, teacher=entry.teacher, device=terms.run.device, allow_code=allowed
        )
        return judged.row
    return known["rows"][0]
