"""The folder of a run is struck while it is replaced or gone on with: no networks, and no torch.

python -c "from campaigns.replacing import main; main('PLACE', 'kill')"
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from campaigns import strikes
from zskt.errors import UserError
from zskt.runs.folder import RunFolder

OF_BOTH = {
    "command_name": "distill", "run": {"rounds": 2}, "teacher": "t", "teacher_path": "t",
    "teacher_sha256": "", "teacher_options": {}, "student": "s", "student_arguments": {},
    "student_init": None, "data": None, "method": "zskt", "method_settings": {},
}  # fmt: skip
OLD, NEW = ({**OF_BOTH, "seed": seed} for seed in (0, 1))
FILES = (
    "checkpoint/state.safetensors", "samples/round-000001.png", "samples/round-000002.png",
    "result.json", "snapshots/source-000001.safetensors", "snapshots/source-000002.safetensors",
    "student.safetensors", "networks/critic.safetensors", "memory/images.u8", "mine.txt",
)  # fmt: skip
ROWS = [{"round": 1}, {"round": 2}]


def replace(path: Path) -> None:
    """As `overwrite` does."""
    RunFolder(path).create(NEW, overwrite=True)


def make(path: Path) -> None:
    """As a new run does."""
    RunFolder(path).check("distill", overwrite=True)
    RunFolder(path).create(NEW, overwrite=True)


def go_on(path: Path) -> None:
    """As going on with a finished run from its first round does, to a new length."""
    folder = RunFolder(path)
    folder.tidy()
    folder.rewind(1)
    folder.reopen()
    folder.set_length({"rounds": 3})


def fresh(path: Path) -> None:
    """A finished run, and a file of somebody else's."""
    shutil.rmtree(path, ignore_errors=True)
    RunFolder(path).create(OLD)
    for name in FILES:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("old")
    for row in ROWS:
        RunFolder(path).record(row)


def lying(path: Path) -> list[str]:
    """All that lies there, but the lock."""
    files = {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}
    return sorted(files - {".lock"})


def struck(path: Path, what: Callable[[Path], None], at: int | None, act: str, after: bool) -> int:
    """Do it in a child that is struck; how it ended: 100 and the number of operations if well."""
    shutil.rmtree(path, ignore_errors=True) if what is make else fresh(path)
    pid = os.fork()
    if not pid:
        strike = strikes.Strikes(
            path, at, getattr(strikes, act), after=after, lasting=act != "kill"
        )
        strike.arm()
        code = 2
        try:
            what(path)
            code = 100 + strike.count
        except UserError:
            pass
        except OSError:
            code = 3
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def check_replaced(path: Path) -> bool:
    """Raise unless the old run or the new one is there, and goes on; whether it is the old one."""
    kept = json.loads((path / "settings.json").read_text())["seed"] == 0
    if kept:
        whole = [name for name in lying(path) if name[0] != "."]
        assert whole == sorted((*FILES, "settings.json", "metrics.jsonl", "run.toml")), whole
    assert RunFolder(path).settings() == (OLD if kept else NEW)
    replace(path)
    # What a kill left is gone after the first start or the second, whose folder it is then.
    assert lying(path) == ["mine.txt", "run.toml", "settings.json"], lying(path)
    return kept


def check_made(path: Path) -> bool:
    """Raise unless the next start takes the folder; whether no run has begun in it."""
    empty = not RunFolder(path).holds_run
    RunFolder(path).check("distill", overwrite=True)
    replace(path)
    assert lying(path) == ["run.toml", "settings.json"], lying(path)
    return empty


def check_gone_on(path: Path) -> bool:
    """Raise unless going on again ends as if nothing had happened; whether no length was set."""
    kept = RunFolder(path).settings()["run"]["rounds"] == 2
    assert (path / "checkpoint/state.safetensors").read_text() == "old"
    go_on(path)
    assert RunFolder(path).metrics() == ROWS[:1]
    assert RunFolder(path).settings()["run"]["rounds"] == 3
    left = {"samples/round-000001.png", "snapshots/source-000001.safetensors", "settings.json"}
    assert "rounds = 3" in (path / "run.toml").read_text()
    left |= {
        "run.toml",
        "metrics.jsonl",
        "checkpoint/state.safetensors",
        "memory/images.u8",
        "mine.txt",
    }
    assert set(lying(path)) == left, lying(path)
    return kept


KINDS = {
    "folder made": (make, check_made),
    "folder replaced": (replace, check_replaced),
    "folder gone on with": (go_on, check_gone_on),
}


def ends(place: Path, act: str, name: str) -> Iterator[tuple[int, bool, int]]:
    """The number of operations; then for each strike, whether the old state was left, and how."""
    what, check = KINDS[name]
    path = place.resolve() / "run"
    operations = struck(path, what, None, act, False) - 100
    for after in (False, True):
        for at in range(operations):
            code = struck(path, what, at, act, after)
            yield operations, check(path), code


def main(place: str, act: str, name: str = "folder replaced") -> None:
    """Strike at every operation, look, and print how each ended."""
    print(json.dumps(list(ends(Path(place), act, name))))
