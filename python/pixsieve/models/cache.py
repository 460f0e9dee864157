"""Where fetched models lie, whether they are what they should be, and who may write there."""

import hashlib
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pixsieve.errors import ModelError
from pixsieve.models.catalog import Entry

if sys.platform != "win32":
    import fcntl

#: Names the folder in place of the system's own for caches.
VARIABLE = "PIXSIEVE_CACHE"
#: Seconds between two looks at a lock that another process holds.
LOOK = 0.1
HEX_DIGITS = frozenset("0123456789abcdef")


def cache_folder() -> Path:
    """Where models are kept: `PIXSIEVE_CACHE`, else a folder of the system's cache."""
    if given := os.environ.get(VARIABLE):
        return Path(given).expanduser().absolute() / "models"
    import platformdirs  # noqa: PLC0415 - needed only where models are asked for by name

    return platformdirs.user_cache_path("pixsieve", appauthor=False) / "models"


@dataclass(frozen=True)
class Cached:
    """A file of the cache that is what it should be."""

    path: Path
    sha256: str
    pinned: bool
    """Nobody vouches for it but its own first copy."""


def path_of(entry: Entry, cache: Path | None = None) -> Path:
    """Where the file is, or would be."""
    return (cache_folder() if cache is None else cache) / entry.file


def pin_of(path: Path) -> Path:
    """Where the SHA-256 of a first copy is kept, in the form that `sha256sum -c` reads."""
    return path.with_name(f"{path.name}.sha256")


def expected(entry: Entry, path: Path) -> str | None:
    """The SHA-256 that the file must have: the entry's, else that of the first copy.

    Raises:
        ModelError: If what is kept of the first copy cannot be read.
    """
    if entry.sha256 is not None:
        return entry.sha256.lower()
    try:
        text = pin_of(path).read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return None
    digest = text[:64]
    if len(digest) < 64 or not HEX_DIGITS.issuperset(digest):
        raise ModelError(f"{pin_of(path)} holds no SHA-256: delete it to trust {path.name} anew")
    return digest


def digest_of(path: Path, kind: str = "sha256") -> str:
    """The file's digest as hexadecimal digits; it need not fit into memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def wrong(entry: Entry, path: Path, sha256: str, wanted: str | None) -> str | None:
    """What is wrong with a file of this SHA-256 that should be the entry's; None if nothing is."""
    size = path.stat().st_size
    if entry.size is not None and size != entry.size:
        return f"it should have {entry.size:,} bytes, but has {size:,}{_looks(path)}"
    if wanted is not None and sha256 != wanted:
        return f"its SHA-256 should be {wanted}, but is {sha256}{_looks(path)}"
    if wanted is not None:
        return None
    if entry.md5 is not None and (md5 := digest_of(path, "md5")) != entry.md5:
        return f"its MD5 should be {entry.md5}, but is {md5}{_looks(path)}"
    return _looks(path).removeprefix("; ") or None


def _looks(path: Path) -> str:
    """What it is, where that is no model for sure; "" where it may be one."""
    with path.open("rb") as file:
        start = file.read(64).lstrip().lower()
    if not start:
        return "; it is empty"
    if start.startswith((b"<!doctype", b"<html")):
        return "; it is a web page, as of a proxy or a login"
    if start.startswith(b"version https://git-lfs"):
        return "; it is a pointer of Git LFS, not the file"
    return ""


def check(entry: Entry, cache: Path | None = None) -> Cached | None:
    """The cached file, read and compared; None if there is none.

    A file that nobody vouches for, and that is new here, is the one to be from now on.

    Raises:
        ModelError: If it is another file than it should be.
    """
    path = path_of(entry, cache)
    if not path.is_file():
        return None
    sha256 = digest_of(path)
    if reason := wrong(entry, path, sha256, expected(entry, path)):
        raise ModelError(
            f"{path} is not the model {entry.name}: {reason}. "
            f"`pixsieve models fetch {entry.name} --force` replaces it"
        )
    if entry.sha256 is None and not pin_of(path).exists():
        # Where the cache may not be written, as one that is shared, it is compared with no pin.
        with suppress(PermissionError):
            write_pin(path, sha256)
    return Cached(path, sha256, pinned=entry.sha256 is None)


def write_pin(path: Path, sha256: str) -> None:
    """Keeps the SHA-256 of a first copy."""
    pin = pin_of(path)
    temporary = pin.with_name(f"{pin.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        temporary.write_text(f"{sha256}  {path.name}\n", encoding="ascii")
        temporary.replace(pin)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def set_in_place(part: Path, path: Path) -> None:
    """Gives a finished file its name; it is on the disk when this returns."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)
    if sys.platform != "win32":
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def writing(path: Path, waiting: Callable[[], object]) -> Iterator[Path]:
    """The `.part` file to write, which no other process writes at the same time.

    Calls `waiting` where another one does, and goes on when that has ended. Where there are no
    locks, as on some network disks, the file is one's own, and gone afterwards.
    """
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if _acquire(lock, waiting):
            yield path.with_name(f"{path.name}.part")
            return
        own = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
        try:
            yield own
        finally:
            own.unlink(missing_ok=True)
    finally:
        # Closing releases it. The file stays: who removed it could take it from under another.
        os.close(lock)


if sys.platform == "win32":

    def _acquire(_lock: int, _waiting: Callable[[], object]) -> bool:
        return False

else:

    def _acquire(lock: int, waiting: Callable[[], object]) -> bool:
        """Whether the lock is held; False where there are no locks."""
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                time.sleep(LOOK)
            except OSError:
                return False
            else:
                return True
