"""`zskt push`: a finished run's student, its card and its page to the Hugging Face hub."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zskt.errors import UserError, first_line
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result
from zskt.runs.folder import RESULT, STUDENT, RunFolder

if TYPE_CHECKING:
    from zskt.runs.facts import RunFacts

FILES = (STUDENT, "README.md", "report.html")
"""What goes as it is; the settings go without the places of this machine."""
NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", re.ASCII)


@dataclass
class Pushed(Result):
    """What lies on the hub."""

    repo: str
    """With the name of its owner."""
    address: str
    files: tuple[str, ...]


@arg.job
def push(
    run: Path,
    repo: str,
    *,
    private: bool = False,
    revision: str | None = None,
    checkpoint: bool = False,
) -> Pushed:
    """Put a finished run's student on the Hugging Face hub, with its card, page and settings.

    The token is that of HF_TOKEN, or of `hf auth login`. Nothing else of the folder is sent.

    Args:
        run: The folder of a finished run of `zskt distill`.
        repo: OWNER/NAME, or a NAME of your own; it is made if it is not there.
        private: Make it one that only you see; one that is there stays as it is.
        revision: The branch to write to, which is made if it is not there.
        checkpoint: Send the state to resume from, too, with the images that the run keeps.

    Raises:
        UserError: if the run is not finished, a file of it leads elsewhere, or the hub cannot be
            reached or refuses.
    """
    folder = RunFolder(run)
    if folder.settings().get("command_name") != "distill" or not (run / RESULT).is_file():
        raise UserError(f"{run} holds no finished run of zskt distill; give the folder of one")
    if not NAME.fullmatch(repo):
        raise UserError(f"'{ascii(repo)[1:-1]}' is no name on the hub; give OWNER/NAME")
    names = [*FILES]
    if checkpoint:
        kept = (folder.checkpoint_file, *sorted(folder.memories.glob("*.u8")))
        names += [file.relative_to(run).as_posix() for file in kept]
    for name in names:
        if (run / name).resolve() != run.resolve() / name or not (run / name).is_file():
            raise UserError(f"{run / name} is missing or leads elsewhere; make the run anew")

    from zskt.runs.facts import RunFacts

    contents: dict[str, str | bytes] = {name: str(run / name) for name in names}
    contents["settings.json"] = json.dumps(_settings(RunFacts.read(run)), indent=2).encode()
    try:
        return _sent(contents, repo, private, revision)
    except Exception as error:
        # Of the hub's library, and of the network below it: each has exceptions of its own.
        raise UserError(
            f"cannot push to {repo}: {first_line(error)}; check the network, the name and the "
            "token in HF_TOKEN"
        ) from error


def _sent(
    contents: dict[str, str | bytes], repo: str, private: bool, revision: str | None
) -> Pushed:
    """Everything in one commit."""
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(library_name="zskt")
    made = api.create_repo(repo, private=private or None, exist_ok=True)
    if revision is not None:
        api.create_branch(made.repo_id, branch=revision, exist_ok=True)
    operations = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
        for name, content in contents.items()
    ]
    api.create_commit(
        made.repo_id, operations, commit_message="A student distilled without data by zskt",
        revision=revision,
    )  # fmt: skip
    return Pushed(made.repo_id, str(made), tuple(contents))


def _settings(facts: RunFacts) -> dict[str, Any]:
    """A run's settings without the folders of the machine that made it."""
    kept = {
        name: value
        for name, value in facts.settings.items()
        if not name.endswith("_path") and name != "data_dir"
    }
    options = kept.get("teacher_options")
    if isinstance(options, dict) and options.get("weights"):
        kept["teacher_options"] = {**options, "weights": Path(options["weights"]).name}
    if kept.get("student_init"):
        kept["student_init"] = Path(kept["student_init"]).name
    return {**kept, "teacher": facts.teacher}
