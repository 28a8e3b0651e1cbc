"""Run the commands that pages show, and write down what they print.

    uv run python docs/record.py docs/start.md docs/guides/*.md
    uv run python docs/record.py docs/guides/paper.md --folder runs/paper

A page's blocks of `console` are one session: each line after `$` is run, in an empty folder, and
what stood under it gives way to what it prints now. With a folder, commands that have their output
already are left alone, so that a session can be gone on with. Times differ from machine to machine.
"""

import argparse
import os
import re
import subprocess
import sys
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
BUSY = re.compile(r"^Other processes hold the processor .*\n", re.MULTILINE)
"""Says something of the machine that recorded, and nothing of the command."""
PROGRESS = re.compile(r"^\d+/\d+ rounds .*\n", re.MULTILINE)
"""One line that changes, in a terminal."""
COLUMNS = 88
"""So wide that no line of a page must be scrolled on a usual screen."""


def record(page: Path, folder: Path, *, missing_only: bool) -> None:
    """Run the commands of a page in a folder; the page is written after each."""
    for number, (command, output) in enumerate(commands(page.read_text())):
        if not (missing_only and output):
            text = printed(command, folder)
            page.write_text(with_output(page.read_text(), number, text))


def with_output(page: str, number: int, output: str) -> str:
    """A page whose command of a number, from zero, has another output."""
    numbers = count()

    def each(found: re.Match[str]) -> str:
        return f"$ {found[1]}\n{output}" if next(numbers) == number else found[0]

    return BLOCK.sub(lambda block: COMMAND.sub(each, block[1]), page)


def commands(page: str) -> list[tuple[str, str]]:
    """The commands of a page, each with what stands under it."""
    return [found for block in BLOCK.findall(page) for found in COMMAND.findall(block)]


def printed(command: str, folder: Path) -> str:
    """What a command prints, errors included."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": programs, "COLUMNS": str(COLUMNS), "NO_COLOR": "1"}
    run = subprocess.run(
        command, shell=True, cwd=folder, env=environment, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    text = PROGRESS.sub("", BUSY.sub("", run.stdout)).replace(f"{folder}/", "")
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--folder", type=Path, help="keep the session's files, and go on with them")
    return parser.parse_args(words)


if __name__ == "__main__":
    told = arguments()
    for page in told.pages:
        with TemporaryDirectory() as empty:
            folder = (told.folder or Path(empty)).resolve()
            folder.mkdir(parents=True, exist_ok=True)
            record(page, folder, missing_only=told.folder is not None)
