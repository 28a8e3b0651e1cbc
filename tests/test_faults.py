"""Kills and full disks at every file operation that replaces a run, in a process without torch.

The long form, over every command that writes, is benchmarks/faults.py.
"""

import json
import os
import subprocess
import sys

import pytest

from zskt.errors import UserError
from zskt.files import REPLACES, TEMPORARY, remove_leftovers, write_atomically
from zskt.model_file import network_file
from zskt.runs.folder import RunFolder

STRUCK = """
import json, os, shutil, sys
from pathlib import Path

sys.path.insert(0, "benchmarks")
from campaigns import strikes
from zskt.errors import UserError
from zskt.runs.folder import RunFolder

OLD, NEW = ({"command_name": "distill", "seed": seed} for seed in (0, 1))
FILES = (
    "metrics.jsonl", "checkpoint/state.safetensors", "samples/round-000001.png", "result.json",
    "snapshots/source-000001.safetensors", "student.safetensors", "networks/critic.safetensors",
    "memory/images.u8", "mine.txt",
)
place, act = Path(sys.argv[1]).resolve(), getattr(strikes, sys.argv[2])


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    RunFolder(path).create(OLD)
    for name in FILES:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("old")


def lying(path):
    files = {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}
    return sorted(files - {".lock"})


def struck(path, at, after):
    fresh(path)
    pid = os.fork()
    if not pid:
        strike = strikes.Strikes(path, at, act, after=after, lasting=act is not strikes.kill)
        strike.arm()
        try:
            RunFolder(path).create(NEW, overwrite=True)
        except UserError:
            os._exit(2)
        except OSError:
            os._exit(3)
        os._exit(100 + strike.count)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


operations = struck(place / "run", None, False) - 100
ends = []
for after in (False, True):
    for at in range(operations):
        path = place / "run"
        code = struck(path, at, after)
        kept = json.loads((path / "settings.json").read_text())["seed"] == 0
        if kept:
            whole = [name for name in lying(path) if name[0] != "."]
            assert whole == sorted((*FILES, "settings.json")), whole
        assert RunFolder(path).settings() == (OLD if kept else NEW)
        if kept:
            RunFolder(path).create(NEW, overwrite=True)
        RunFolder(path).create(NEW, overwrite=True)
        assert lying(path) == ["mine.txt", "settings.json"], lying(path)
        ends.append((kept, code))
print(json.dumps([operations, ends]))
"""


def struck(folder, act):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STRUCK, str(folder), act],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_kill_leaves_the_old_run_or_the_new_one(tmp_path):
    operations, ends = struck(tmp_path, "kill")
    assert operations > 15
    assert len(ends) == 2 * operations
    # What an operation refuses has no afterwards: those runs came to their end.
    assert {code for _, code in ends} <= {-9, 100 + operations}
    # The settings are put in place early: from there on it is the new run.
    assert 3 <= sum(kept for kept, _ in ends) <= 10


@pytest.mark.parametrize("act", ["full", "read_only"])
def test_a_full_disk_leaves_the_old_run_or_the_new_one(tmp_path, act):
    _, ends = struck(tmp_path, act)
    assert {code for _, code in ends} <= {2, 3}


def test_a_run_that_is_being_replaced_is_not_read(tmp_path):
    settings = {"command_name": "distill", REPLACES: True}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    (tmp_path / "student.safetensors").write_text("of the run before")
    with pytest.raises(UserError, match="being replaced"):
        network_file(tmp_path)
    assert RunFolder(tmp_path).settings() == {"command_name": "distill"}
    with pytest.raises(UserError, match="holds neither"):
        network_file(tmp_path)


def test_leftovers_of_processes_that_are_gone(tmp_path, monkeypatch):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write_atomically(tmp_path / "file", "first")
    for process in (ended.pid, os.getpid()):
        monkeypatch.setattr("os.replace", lambda *_: os._exit)
        monkeypatch.setattr("os.getpid", lambda process=process: process)
        monkeypatch.setattr("pathlib.Path.replace", lambda *_: None)
        write_atomically(tmp_path / "file", "second")
    monkeypatch.undo()
    left = {file.name for file in tmp_path.iterdir() if file.name.endswith(TEMPORARY)}
    assert len(left) == 1
    assert f"-{os.getpid()}-" in left.pop()
    (tmp_path / ".notes.tmp").write_text("somebody else's")
    remove_leftovers(tmp_path)
    assert (tmp_path / ".notes.tmp").exists()
