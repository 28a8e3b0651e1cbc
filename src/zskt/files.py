"""Writing files whole or not at all."""

import os
from pathlib import Path

from zskt.errors import UserError


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a temporary file, flush it to the disk, and rename it over the old one.

    Whoever reads the path, at any moment and after any kill, finds the old content or the new,
    never a part.

    Raises:
        UserError: if the disk is full or the folder is not writable; no part of it is left.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(
            f"cannot write {path}: {error.strerror}; make room or choose another place"
        ) from error
