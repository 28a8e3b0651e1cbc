"""One writer for a folder: a second process is told, at once."""

from pathlib import Path

from filelock import FileLock, Timeout

from zskt.errors import UserError


class FolderLock:
    """Held from `take` to `release`, or to the end of the process, however that comes.

    Args:
        folder: what it is for; the lock is a file in it that stays and means nothing by itself.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._lock = FileLock(folder / ".lock")

    def take(self) -> None:
        """Hold it; taken twice it is held once.

        Raises:
            UserError: if another process holds it.
        """
        if self._lock.is_locked:
            return
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise UserError(
                f"another process is writing to {self.folder}; wait for its end, or give another "
                "`out`"
            ) from error
        except OSError as error:
            raise UserError(f"cannot write to {self.folder}: {error.strerror}") from error

    def release(self) -> None:
        """Let others have it."""
        self._lock.release(force=True)
