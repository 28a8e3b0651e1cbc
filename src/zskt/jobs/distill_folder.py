"""The folder of a distillation: who writes to it, and how a play goes on from what is there."""

from typing import Any

from zskt.distillation.budget import Budget
from zskt.distillation.loop import Play
from zskt.errors import UserError
from zskt.jobs.task import Task
from zskt.model_file import Card
from zskt.runs.folder import STUDENT, RunFolder
from zskt.runs.writer import FolderWriter


def open_folder(
    play: Play, task: Task, card: Card, settings: dict[str, Any], overwrite: bool, rank: int
) -> None:
    """Let a play write to a folder, on the first process, and go on from what is there."""
    assert task.out is not None
    folder = RunFolder(task.out)
    if rank:
        play.memories = folder.memories
        play.saved = folder.state() if task.resumed else None
        return
    play.writer = FolderWriter(
        folder, card, settings, play.normalisation, resumed=task.resumed, overwrite=overwrite,
        log_to=task.log_to,
    )  # fmt: skip
    play.memories = folder.memories
    if folder.holds_run:
        play.writer.hold()
    if not task.resumed:
        return
    play.saved = folder.state()
    last_round = play.saved["round"] if play.saved else 0
    has_student = (folder.path / STUDENT).exists()
    if play.saved and play.run.until and play.run.until < last_round + (not has_student):
        raise UserError(f"{folder.path} is already at round {last_round}; give a later `until`")
    if play.saved and task.length_given:
        budget = Budget(play.run)
        budget.resume(last_round, play.saved["seconds"])
        if budget.over():
            spent = f"{last_round} rounds and {play.saved['seconds'] / 60:.1f} minutes"
            raise UserError(f"{folder.path} has had {spent}; give more `rounds` or `minutes`")
    folder.rewind(last_round)
