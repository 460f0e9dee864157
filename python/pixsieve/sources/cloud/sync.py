"""Copies of remote files in a folder of the work directory."""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

import polars as pl

from pixsieve.config import Config
from pixsieve.sources.cloud import errors, transfer
from pixsieve.sources.cloud.logins import shown
from pixsieve.sources.cloud.loop import wait_for
from pixsieve.sources.cloud.stores import Stores
from pixsieve.sources.cloud.urls import RemoteURL, parse
from pixsieve.sources.listing import is_url
from pixsieve.sources.places import LISTED, Failure

#: One line for each file that was written here: only those are ever deleted.
MANIFEST = "synced.jsonl"
#: A name that means the same file on every system, and cannot lead out of the folder.
_SAFE = re.compile(r"(?!\.)(?!(?i:con|prn|aux|nul|com\d|lpt\d)(\.|$))[^\x00-\x1f\x7f<>:\"\\|?*]+")
LONGEST_NAME, LONGEST_PATH = 200, 700


@dataclass(frozen=True)
class Copy:
    """A file that was written, as it was then."""

    location: str
    file: str
    """Relative to the folder."""
    size: int
    modified: int


@dataclass(frozen=True)
class _Wanted:
    location: bytes
    url: RemoteURL
    file: str
    size: int
    modified: int
    path: str


def sync_to_local(
    rows: pl.DataFrame,
    folder: Path,
    config: Config,
    progress: Callable[[int, int], object] | None,
) -> pl.DataFrame:
    """Copies the remote files that rows lie in, and says where the copies are.

    A copy that is there already, with the size and time of its object, is kept. Each file is
    whole or not there; whatever a key is called, its copy lies within the folder.

    Args:
        rows: Columns of `LISTED`; rows that are not remote are left as they are.
        folder: Made where needed; best one that holds nothing else.
        config: `num_requests` says how many files are copied at the same time.
        progress: Called with the files that are done, and how many there are.

    Returns:
        The rows with the locations of the copies; `path` remains the URL. Rows of files that
        could not be copied are of kind `nothing`, and say why.

    Raises:
        OSError: If the folder cannot be written into.
        ImportError: If obstore is not installed.
    """
    wanted = _wanted(rows)
    if not wanted:
        return rows
    folder.mkdir(parents=True, exist_ok=True)
    known = {(copy.location, copy.file): copy for copy in _manifest(folder)}
    with (folder / MANIFEST).open("a", encoding="utf-8") as manifest:
        run = _Run(folder, known, manifest, Stores(config.num_requests))
        run.stores.store_of(wanted[0].url)

        def tell() -> None:
            if progress is not None:
                progress(run.done, len(wanted))

        wait_for(run.all(wanted, config.num_requests), meanwhile=tell)
        tell()
    return _moved(rows, wanted, run, folder)


def _wanted(rows: pl.DataFrame) -> list[_Wanted]:
    """One entry for each remote file, of which `rows` may hold many members."""
    remote = (
        rows.filter(pl.col("kind") != "nothing")
        .group_by("location", maintain_order=True)
        .agg(
            pl.col("size").filter(pl.col("kind") == "file").first(),
            pl.col("modified", "path").first(),
        )
    )
    entries = []
    for location, size, modified, path in remote.iter_rows():
        text = location.decode("utf-8", errors="replace")
        if is_url(text):
            entries.append((location, parse(text), size or 0, modified, path))
    files = files_of([url for _, url, *_ in entries])
    return [
        _Wanted(location, url, file, size, modified, path)
        for (location, url, size, modified, path), file in zip(entries, files, strict=True)
    ]


def files_of(urls: list[RemoteURL]) -> list[str]:
    """Where the copies go, relative to the folder: as the keys say, where that is safe.

    Keys that lead elsewhere, that differ in case only, or of which one is a folder of the other,
    get names made of their checksum.
    """
    natural = [_natural(url) for url in urls]
    folded = Counter(name.casefold() for name in natural if name)
    above = {str(parent) for name in folded for parent in PurePosixPath(name).parents}
    return [
        name
        if name and folded[name.casefold()] == 1 and name.casefold() not in above
        else _renamed(url)
        for name, url in zip(natural, urls, strict=True)
    ]


def _natural(url: RemoteURL) -> str | None:
    parts = [url.scheme, *([url.host] if url.host else [])]
    parts += url.key.split("/") if url.is_http else [url.bucket, *url.key.split("/")]
    parts = [part.replace(":", "_") if part == url.host else part for part in parts]
    short = all(len(part.encode()) <= LONGEST_NAME for part in parts)
    safe = all(_SAFE.fullmatch(part) and part[-1] not in ". " for part in parts)
    name = "/".join(parts)
    return name if short and safe and len(name.encode()) <= LONGEST_PATH else None


def _renamed(url: RemoteURL) -> str:
    text = shown(url.root + url.key)
    ending = re.search(r"((?:\.tar)?\.[A-Za-z0-9]{1,8})(?:\?|$)", text)
    digest = hashlib.sha256(text.encode()).hexdigest()[:40]
    return f"renamed/{digest}{ending[1].lower() if ending else ''}"


def _manifest(folder: Path) -> Iterator[Copy]:
    path = folder / MANIFEST
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            # The last line may be cut off.
            with contextlib.suppress(ValueError, TypeError):
                copy = Copy(**json.loads(line))
                if ".." not in Path(copy.file).parts and not Path(copy.file).is_absolute():
                    yield copy


class _Run:
    """One synchronisation, on the event loop."""

    def __init__(
        self,
        folder: Path,
        known: dict[tuple[str, str], Copy],
        manifest: IO[str],
        stores: Stores,
    ) -> None:
        self._folder, self._known, self._manifest = folder, known, manifest
        self.done = 0
        self.stores = stores
        self.failures: dict[bytes, Failure] = {}
        self.dates: dict[bytes, int] = {}

    async def all(self, wanted: list[_Wanted], workers: int) -> None:
        left = iter(wanted)
        tasks = [asyncio.create_task(self._worker(left)) for _ in range(min(workers, len(wanted)))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _worker(self, left: Iterator[_Wanted]) -> None:
        for one in left:
            try:
                dated = one if one.modified else await self._dated(one)
                if not self._is_there(dated):
                    await self._copy(dated)
            except _LostError as error:
                self.failures[one.location] = errors.failure_of(error.__cause__ or error, one.path)
            self.done += 1

    async def _dated(self, one: _Wanted) -> _Wanted:
        """The same with its size and time, which lists of URLs do not say."""
        try:
            size, modified = await transfer.described(self.stores, one.url)
        except Exception as error:
            raise _LostError(str(error)) from error
        self.dates[one.location] = modified
        return replace(one, size=size, modified=modified)

    def _is_there(self, one: _Wanted) -> bool:
        copy = self._known.get((one.location.decode(), one.file))
        if copy is None or not one.modified or copy.modified != one.modified:
            return False
        return (not one.size or copy.size == one.size) and _unchanged(self._folder, copy)

    async def _copy(self, one: _Wanted) -> None:
        target = self._folder / one.file
        partial = target.with_name(f".{secrets.token_hex(8)}.part")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            size = await transfer.repeated(
                self.stores, lambda: self._write(one.url, partial), size=one.size or 1 << 50
            )
        except _DiskError as error:
            partial.unlink(missing_ok=True)
            raise error.__cause__ or error from None
        except BaseException as error:
            partial.unlink(missing_ok=True)
            if not isinstance(error, Exception):
                raise
            raise _LostError(str(error)) from error
        os.utime(partial, ns=(one.modified, one.modified))
        partial.replace(target)
        copy = Copy(one.location.decode(), one.file, size, one.modified)
        self._manifest.write(json.dumps(asdict(copy)) + "\n")
        self._manifest.flush()

    async def _write(self, url: RemoteURL, partial: Path) -> int:
        """Writes the object, and gives its size."""
        chunks, size = transfer.stream(self.stores, url), 0
        try:
            with _opened(partial) as file:
                async for chunk in chunks:
                    _put(file, chunk)
                    size += len(chunk)
        finally:
            await chunks.aclose()
        return size


class _LostError(Exception):
    """The object cannot be had, for the reason that caused this."""


class _DiskError(ValueError):
    """What the local disk said, which is no fault of the object."""


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        raise _DiskError(str(error)) from error


def _put(file: IO[bytes], chunk: memoryview) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise _DiskError(str(error)) from error


def _unchanged(folder: Path, copy: Copy) -> bool:
    try:
        status = (folder / copy.file).lstat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (copy.size, copy.modified)


def _moved(rows: pl.DataFrame, wanted: list[_Wanted], run: _Run, folder: Path) -> pl.DataFrame:
    root, failures = folder.absolute(), run.failures
    table = pl.DataFrame(
        {
            "location": [one.location for one in wanted],
            "_copy": [os.fsencode(root / one.file) for one in wanted],
            "_code": [_code(failures.get(one.location)) for one in wanted],
            "_detail": [_detail(failures.get(one.location)) for one in wanted],
            "_date": [run.dates.get(one.location) for one in wanted],
        },
        schema_overrides={
            "_copy": pl.Binary,
            "_code": pl.String,
            "_detail": pl.String,
            "_date": pl.Int64,
        },
    )
    failed = pl.col("_code").is_not_null()
    return (
        rows.join(table, on="location", how="left", maintain_order="left")
        .with_columns(
            location=pl.when(failed).then("location").otherwise(pl.coalesce("_copy", "location")),
            kind=pl.when(failed).then(pl.lit("nothing", LISTED["kind"])).otherwise("kind"),
            error_code=pl.coalesce("_code", "error_code"),
            detail=pl.coalesce("_detail", "detail"),
            modified=pl.coalesce("_date", "modified"),
        )
        .drop("_copy", "_code", "_detail", "_date")
    )


def _code(failure: Failure | None) -> str | None:
    return None if failure is None else failure.code


def _detail(failure: Failure | None) -> str | None:
    return None if failure is None else failure.detail


def _written(folder: Path) -> dict[bytes, Copy]:
    return {os.fsencode(folder.absolute() / copy.file): copy for copy in _manifest(folder)}


def origins_of(folder: Path) -> dict[bytes, bytes]:
    """For the location of each copy in the folder, the URL that it is of."""
    return {place: copy.location.encode() for place, copy in _written(folder).items()}


def delete_synced(folder: Path, locations: Iterable[bytes]) -> int:
    """Deletes copies that `sync_to_local` wrote into the folder, and folders left empty.

    A file that it did not write, or that was changed since, stays.

    Args:
        folder: As it was given to `sync_to_local`.
        locations: Of the copies that are no longer needed, as it gave them.

    Returns:
        How many files are gone.
    """
    root = folder.absolute()
    written = _written(folder)
    count = 0
    for location in dict.fromkeys(locations):
        copy = written.get(location)
        if copy is None or not _unchanged(root, copy):
            continue
        path = root / copy.file
        path.unlink(missing_ok=True)
        count += 1
        for parent in path.relative_to(root).parents[:-1]:
            try:
                (root / parent).rmdir()
            except OSError:
                break  # It holds other files.
    return count
