"""Two processes and one folder: the second is told, and what the first wrote stays."""

import subprocess
import sys

import pytest

import zskt
from zskt.methods.noise import Noise
from zskt.runs.lock import FolderLock

TEACHER = "src/zskt/assets/digits-teacher.safetensors"
HOLD = """
import sys, time
from pathlib import Path
from zskt.runs.lock import FolderLock

lock = FolderLock(Path(sys.argv[1]))
lock.take()
print("held", flush=True)
time.sleep(60)
"""


def distil(out, **more):
    run = zskt.Run(rounds=2, device="cpu")
    method = Noise(batch_size=4, student_steps=1)
    return zskt.distill(
        TEACHER, "wrn-10-1", method=method, run=run, out=out, progress=False, **more
    )


def contents(folder):
    return {
        file.name: file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name != ".lock"
    }


def test_a_second_process_is_told_until_the_first_has_gone(tmp_path):
    out = tmp_path / "run"
    distil(out)
    before = contents(out)
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(out)], stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == b"held\n"
        for again in (lambda: distil(out, overwrite=True), lambda: zskt.distill(resume=out)):
            with pytest.raises(zskt.UserError, match="another process is writing to"):
                again()
        assert contents(out) == before
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    # A kill leaves the file, which holds nobody back.
    distil(out, overwrite=True)


def test_a_run_that_failed_lets_go(tmp_path):
    out = tmp_path / "run"
    distil(out)
    settings = out / "settings.json"
    settings.write_text(settings.read_text().replace('"rounds": 2', '"rounds": 3'))
    with pytest.raises(zskt.UserError, match="later `until`"):
        zskt.distill(resume=out, run=zskt.Run(until=1), progress=False)
    FolderLock(out).take()
