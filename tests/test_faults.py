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

STRUCK = "import sys; sys.path.insert(0, 'benchmarks'); from campaigns.replacing import main; "


def struck(folder, act, name="folder replaced"):
    script = f"{STRUCK}main({str(folder)!r}, {act!r}, {name!r})"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_kill_leaves_the_old_run_or_the_new_one(tmp_path):
    ends = struck(tmp_path, "kill")
    operations = ends[0][0]
    assert len(ends) == 2 * operations > 60
    # What an operation refuses has no afterwards: those runs came to their end.
    assert {code for *_, code in ends} <= {-9, 100 + operations}
    # The settings are put in place early: from there on it is the new run.
    assert 3 <= sum(kept for _, kept, code in ends if code == -9) <= 10


def test_a_kill_while_a_folder_is_made_leaves_one_that_the_next_start_takes(tmp_path):
    ends = struck(tmp_path, "kill", "folder made")
    assert sum(code == -9 for *_, code in ends) > 20


def test_a_kill_while_a_run_is_gone_on_with(tmp_path):
    ends = struck(tmp_path, "kill", "folder gone on with")
    assert sum(code == -9 for *_, code in ends) > 30


@pytest.mark.parametrize("act", ["full", "read_only"])
def test_a_full_disk_leaves_the_old_run_or_the_new_one(tmp_path, act):
    ends = struck(tmp_path, act)
    assert {code for *_, code in ends} <= {2, 3, 100 + ends[0][0]}


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
