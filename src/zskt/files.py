"""Writing files whole or not at all, and what they may be called."""

import errno
import os
import platform
import re
import zlib
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from zskt.errors import UserError

CANNOT_BE_SYNCED = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EISDIR)
"""What systems say that have no fsync for folders: network shares, Windows."""
TEMPORARY = ".tmp"
"""How the names of files end that a kill can leave half written; they begin with a dot."""

REPLACES = "replaces_the_run_here"
"""In the settings of a run while what else lies there is still that of the run before it."""


def safe_name(text: str) -> str:
    """A text as a part of a file's name."""
    return re.sub(r"[^\w.-]+", "-", text)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a temporary file, flush it to the disk, and rename it over the old one.

    Whoever reads the path, at any moment and after any kill, finds the old content or the new,
    never a part. Two writers never share a temporary file: the last to rename it wins.

    Raises:
        UserError: if the disk is full or the folder is not writable; no part of it is left.
    """
    data = content.encode() if isinstance(content, str) else content
    if not path.name:
        raise UserError(f"{path} is a folder; give a file")
    remove_leftovers(path.parent)
    mark = f"{_machine()}-{os.getpid()}-{token_hex(4)}"
    temporary = path.with_name(f".{path.name}.{mark}{TEMPORARY}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        _unlink(temporary)
        raise UserError(
            f"cannot write {path}: {error.strerror}; make room or choose another place"
        ) from error
    except BaseException:
        _unlink(temporary)
        raise


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes of this machine that were killed."""
    if os.name != "posix":
        # Elsewhere a process cannot be asked for without harm.
        return
    for file in folder.glob(f".*.{_machine()}-*{TEMPORARY}"):
        writer = file.name.rsplit("-", 2)[1]
        if writer.isdigit() and not _lives(int(writer)):
            _unlink(file)


def check_writable(file: Path) -> None:
    """Raise a `UserError` if it shows, before long work, that a file cannot be written there."""
    above = next(each for each in file.absolute().parents if os.path.exists(each))
    if file.is_dir():
        raise UserError(f"{file} is a folder; give a file")
    if not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
        raise UserError(f"cannot write to {above}; choose another place for {file}")


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises:
        UserError: if the place cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot make the folder {path}: {error.strerror}; choose another place"
        ) from error


def _machine() -> str:
    """A few letters for the machine: folders are shared, and so are numbers of processes."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _unlink(file: Path) -> None:
    """Remove a file, if it is there and can be."""
    with suppress(OSError):
        file.unlink()


def _sync_folder(folder: Path) -> None:
    """Put the new name on the disk too, where folders can be synced."""
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno in CANNOT_BE_SYNCED:
            return
        raise
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in CANNOT_BE_SYNCED:
            raise
    finally:
        os.close(opened)
