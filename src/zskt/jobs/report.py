"""`zskt report`: one page that tells what happened in a run, or in several beside each other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from zskt.errors import UserError
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result


@dataclass
class Reported(Result):
    """Where the page lies."""

    file: Path
    finished: bool
    """Whether all of its runs are."""


@arg.job
def report(
    runs: Annotated[tuple[Path, ...], arg.Many],
    *,
    out: Path | None = None,
    watch: bool = False,
    progress: arg.Progress = True,
) -> Reported:
    """Make a page of a run: verdict, curves, images, settings; it opens without a network.

    Args:
        runs: The folder of a run, or several to be laid over each other.
        out: The page; by default `report.html` in the run's folder, of several runs in the
            current one.
        watch: Make it anew every few seconds until its runs are finished. The page reloads itself.

    Raises:
        UserError: if a folder holds no run.
        KeyboardInterrupt: after Ctrl-C while watching; the last page stays.
    """
    folders = (Path(runs),) if isinstance(runs, str | Path) else tuple(map(Path, runs))
    if not folders:
        raise UserError("give at least one folder of a run")

    from zskt.reports.page import PAGE, SECONDS, write_page
    from zskt.runs.folder import RESULT

    file = out or (folders[0] / PAGE if len(folders) == 1 else Path(PAGE))
    if file.is_dir():
        raise UserError(f"{file} is a folder; give `out` a file")
    while True:
        finished = all((folder / RESULT).is_file() for folder in folders)
        write_page(file, folders, watched=watch and not finished)
        if finished or not watch:
            return Reported(file, finished)
        if progress:
            print(f"{file}: made anew every {SECONDS} s; Ctrl-C ends it", flush=True)
            progress = False
        time.sleep(SECONDS)
