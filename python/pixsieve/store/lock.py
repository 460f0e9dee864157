"""One run at a time in a work directory."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock; where there are no locks, as on some network disks, nothing.

    The file stays: who removed it could take it from under another's lock.

    Raises:
        BlockingIOError: If another run holds it.
    """
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _acquire(descriptor, folder)
        yield
    finally:
        # Closing releases it.
        os.close(descriptor)


if sys.platform == "win32":

    def _acquire(descriptor: int, folder: Path) -> None:
        pass

else:

    def _acquire(descriptor: int, folder: Path) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(
                f"work_dir {folder} is in use by another run: wait for it, or give another folder"
            ) from None
        except OSError:
            # A disk without locks.
            return
