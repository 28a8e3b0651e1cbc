"""The runs of a leaderboard or a sweep, as they come."""

from collections.abc import Iterator, Sequence
from functools import partial

from zskt.experiments.leaderboard_judged import BoardRun, board_run
from zskt.experiments.leaderboard_runs import Entry, Terms
from zskt.experiments.placing import Placing, Task, placed


def judged_in_turn(
    entries: Sequence[Entry], left: Sequence[Entry], terms: Terms, placing: Placing
) -> Iterator[tuple[Entry, BoardRun]]:
    """Each entry with what came of it: first those that are there, then those that are made."""
    yield from ((entry, board_run(entry, terms)) for entry in entries if entry not in left)
    by_name = {entry.folder.name: entry for entry in left}
    tasks = [
        Task(name=name, folder=entry.folder, make=partial(board_run, entry, terms))
        for name, entry in by_name.items()
    ]
    made_of = placed(tasks, placing, device=terms.run.device, progress=terms.progress)
    yield from ((by_name[name], came) for name, came in made_of)
