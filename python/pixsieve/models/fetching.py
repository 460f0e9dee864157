"""A model by its name: from the cache, else from the network."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from pixsieve.errors import ModelError
from pixsieve.models import cache as caches
from pixsieve.models.cache import Cached
from pixsieve.models.catalog import Entry
from pixsieve.models.patience import PATIENCE, DownloadError, Patience
from pixsieve.progress import Progress, Silent

if TYPE_CHECKING:
    from pixsieve.models.download import Download

#: What progress counts in.
UNIT = 1000


def fetch(
    entry: Entry,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
    sha256: str | None = None,
    force: bool = False,
    patience: Patience = PATIENCE,
) -> Cached:
    """The entry's file, checked; downloaded if it is not in the cache.

    Args:
        entry: What to fetch.
        cache: The folder to keep it in; default: `cache_folder()`.
        progress: Told how much has come.
        sha256: What it must be, for an entry that has none.
        force: Download it again, whatever is there.
        patience: With slow and failing servers.

    Raises:
        ModelError: If what is there, or what came, is another file.
        OSError: If it cannot be had or kept; says where to put it by hand.
        ValueError: If `sha256` is none, or contradicts the entry.
    """
    wanted = _agreed(entry, sha256)
    path = caches.path_of(entry, cache)
    if not force and (found := _present(entry, path, wanted)):
        return found
    progress = progress or Silent()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        progress.stage(f"fetch {entry.name}", "kB")
        with caches.writing(path, functools.partial(progress.update, 0, 0)) as part:
            # Another process may just have brought it.
            if not force and (found := _present(entry, path, wanted)):
                return found
            if not force:
                wanted = wanted or caches.expected(entry, path)
            digest = _from_anywhere(entry, part, wanted, path, progress, patience)
            caches.set_in_place(part, path)
            if entry.sha256 is None:
                caches.write_pin(path, digest)
    except PermissionError as error:
        raise PermissionError(
            f"{error.filename or path}: the cache may not be written; set {caches.VARIABLE} to "
            "another folder"
        ) from None
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(f"{path.parent}: the cache must be a folder") from None
    return Cached(path, digest, pinned=entry.sha256 is None)


def _agreed(entry: Entry, sha256: str | None) -> str | None:
    """What the file must be, as far as that is known."""
    if sha256 is None:
        return entry.sha256
    given = sha256.strip().lower()
    if len(given) != 64 or not caches.HEX_DIGITS.issuperset(given):
        raise ValueError(f"sha256 must be 64 hexadecimal digits, not {sha256!r}")
    if entry.sha256 is not None and given != entry.sha256:
        raise ValueError(f"the SHA-256 of {entry.name} is {entry.sha256}, not {given}")
    return given


def _present(entry: Entry, path: Path, wanted: str | None) -> Cached | None:
    found = caches.check(entry, path.parent)
    if found and wanted is not None and found.sha256 != wanted:
        raise ModelError(
            f"{path} is another file: its SHA-256 should be {wanted}, but is {found.sha256}. "
            f"`pixsieve models fetch {entry.name} --force` replaces it"
        )
    return found


def _from_anywhere(
    entry: Entry,
    part: Path,
    wanted: str | None,
    path: Path,
    progress: Progress,
    patience: Patience,
) -> str:
    """Brings the file from the first address that has it; returns its SHA-256."""
    from pixsieve.models.download import Download  # noqa: PLC0415 - few runs need a network

    reasons: list[str] = []
    mistaken = False
    for url in entry.urls:
        download = Download(
            url,
            part,
            size=entry.size,
            report=lambda done, total: progress.update(done // UNIT, total // UNIT),
            patience=patience,
        )
        try:
            return _from_one(entry, download, part, wanted)
        except (DownloadError, ModelError) as error:
            mistaken = mistaken or isinstance(error, ModelError)
            reasons.append(f"{url}: {error}")
    text = "\n  from ".join([f"cannot fetch the model {entry.name}", *reasons]) + "\n"
    # What is wrong for sure is no matter of the network.
    kind = ModelError if mistaken else ConnectionError
    raise kind(text + by_hand(entry, path, wanted))


def _from_one(entry: Entry, download: "Download", part: Path, wanted: str | None) -> str:
    """Brings it, and once more if what lay here from an earlier time has spoilt it."""
    reason = None
    for _ in range(2):
        download.run()
        digest = caches.digest_of(part)
        reason = caches.wrong(entry, part, digest, wanted)
        if reason is None:
            return digest
        download.discard()
        if not download.resumed:
            break
    raise ModelError(f"what came is another file: {reason}; nothing of it was kept")


def by_hand(entry: Entry, path: Path, wanted: str | None = None) -> str:
    """Where to put a file that was had in another way."""
    known = [f"{entry.size:,} bytes"] if entry.size is not None else []
    sha256 = wanted or entry.sha256
    known += [f"SHA-256 {sha256}"] if sha256 else [f"MD5 {entry.md5}"] if entry.md5 else []
    facts = f"\n  ({', '.join(known)})" if known else ""
    return f"Without a network, put the file at {path}{facts}"
