"""The log of a review: lines are added to it, and none is ever changed or removed."""

import errno
import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

if sys.platform != "win32":
    import fcntl

LOG = "decisions.jsonl"
#: Bytes that tell one log from another.
HEAD = 64


class Read(NamedTuple):
    """What was read of a log."""

    events: list[dict[str, Any]]
    #: Where to read on.
    end: int
    #: Lines that cannot be read: a crash leaves at most one, whose decision nobody was told of.
    damaged: int


def append_event(folder: Path, event: dict[str, Any]) -> None:
    """Adds one event; it is on the disk when this returns.

    Raises:
        OSError: If it cannot be written.
    """
    line = json.dumps(event, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
    descriptor = _open(folder, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    try:
        with _alone(descriptor):
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                # What a crash cut off must not swallow this line.
                line = b"\n" + line
            _write(descriptor, line, size)
    finally:
        os.close(descriptor)


def _open(folder: Path, flags: int) -> int:
    """The log, and nothing else that somebody has put in its place: a link, a pipe, a folder.

    Raises:
        FileNotFoundError: If there is none.
        OSError: If it is no file, or may not be opened.
    """
    path = folder / LOG
    special = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags | os.O_CLOEXEC | special, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a file that decisions could be written to", str(path))
    return descriptor


def _write(descriptor: int, line: bytes, size: int) -> None:
    """Writes all of the line, or none of it."""
    try:
        written = 0
        while written < len(line):
            written += os.write(descriptor, line[written:])
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def read_events(folder: Path, start: int = 0) -> Read:
    """The events of the log from a place on, in their order; none where there is no log.

    A last line without its end is not there yet: another process may be writing it.

    Raises:
        OSError: If it cannot be read.
    """
    try:
        with os.fdopen(_open(folder, os.O_RDONLY), "rb") as file:
            file.seek(start)
            data = file.read()
    except FileNotFoundError:
        return Read([], 0, 0)
    whole = data[: data.rfind(b"\n") + 1]
    events, damaged = [], 0
    for line in whole.splitlines():
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict):
            events.append(event)
        elif line.strip():
            damaged += 1
    return Read(events, start + len(whole), damaged)


def log_mark(folder: Path) -> tuple[int, bytes]:
    """How long the log is, and how it begins; nothing where there is none.

    Another one that was put in its place begins otherwise: every event has a random key.
    """
    try:
        with os.fdopen(_open(folder, os.O_RDONLY), "rb") as file:
            return os.fstat(file.fileno()).st_size, file.read(HEAD)
    except FileNotFoundError:
        return 0, b""


@contextmanager
def _alone(descriptor: int) -> Iterator[None]:
    """Keeps other writers waiting; where there are no locks, adding a line is one step anyway."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            yield
            return
    # Closing the file releases it.
    yield
