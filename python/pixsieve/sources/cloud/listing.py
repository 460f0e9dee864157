"""What lies in a bucket, or behind a URL."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from pixsieve.config import Config
from pixsieve.sources.cloud import errors, stores, transfer
from pixsieve.sources.cloud.logins import public, shown
from pixsieve.sources.cloud.loop import wait_for
from pixsieve.sources.cloud.stores import Stores
from pixsieve.sources.cloud.urls import RemoteURL, parse
from pixsieve.sources.places import LISTED

if TYPE_CHECKING:
    from obstore import ObjectMeta

    Chunk = Iterable[ObjectMeta]

#: Objects per chunk: as many as S3 lists by one request.
CHUNK = 1000
#: Chunks are put together when there are so many: each has its own small buffers.
TOGETHER = 64
FOUND = pl.Schema({"key": pl.String(), "size": pl.UInt64(), "modified": pl.Int64()})

Progress = Callable[[int, int], object]


def list_remote(
    url: str, *, config: Config, extensions: frozenset[str], progress: Progress | None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Lists an object, or all objects below a prefix, which is taken for a folder.

    Args:
        url: Of an object, a folder or a bucket.
        config: `hidden` says whether names that begin with a dot are listed.
        extensions: Of the objects to be listed, lower case, without dot (`jpg`, `tar.gz`). An
            object given by itself is listed whatever its name.
        progress: Called with the objects seen so far, and 0: how many there are is not known.

    Returns:
        Columns of `LISTED`, sorted by path, all of kind `file`; and counts of what was left out:
        `not_pictures`, `hidden`, `unreadable_names` (names such as `a//b` and `../c`).

    Raises:
        FileNotFoundError: If there is no such bucket, or no such file on a server.
        PermissionError: If the server denies access, or there are no credentials.
        ConnectionError, OSError: If it cannot be reached, or fails.
        ValueError: If the URL or a setting in the environment cannot be understood.
        ImportError: If obstore is not installed.
    """
    parsed, sources = parse(url), Stores(config.num_requests, stores.TRIES - 1)
    notes = {"not_pictures": 0, "hidden": 0, "unreadable_names": 0}
    asking = Stores(config.num_requests)
    try:
        single = _single(asking, parsed)
        if single is not None:
            return _listed(single, parsed, single=True), notes
        chunks = _Walk(sources, parsed, notes).chunks(_folder(parsed.key))
        found = _gathered(chunks, parsed, config, extensions, progress, notes)
        if not found.height and parsed.key and not parsed.key.endswith("/"):
            return _listed(_unlisted(asking, parsed), parsed, single=True), notes
    except (ImportError, ValueError):
        raise
    except PermissionError as error:
        if error.errno is None and str(error).startswith(shown(parsed.root)):
            raise
        raise errors.explained(error, parsed, url) from None
    except Exception as error:  # noqa: BLE001 - obstore's errors have many types
        raise errors.explained(error, parsed, url) from None
    return _listed(found, parsed, single=False), notes


def _folder(key: str) -> str:
    return f"{key.rstrip('/')}/" if key.strip("/") else ""


def _single(sources: Stores, url: RemoteURL) -> pl.DataFrame | None:
    """The object itself, if the URL names one; None if a folder is meant.

    What has no extension is a folder rather than an object: that is asked later, if need be.
    """
    if url.is_http:
        return _frame_of(url, wait_for(transfer.described(sources, url)))
    name = url.key.rpartition("/")[2]
    if "." not in name.strip("."):
        return None
    return _asked(sources, url)


def _asked(sources: Stores, url: RemoteURL) -> pl.DataFrame | None:
    try:
        return _frame_of(url, wait_for(transfer.described(sources, url)))
    except Exception as error:
        # Without the right to list, 403 stands for 404: the listing will tell.
        if isinstance(error, FileNotFoundError) or errors.status_of(error) in {403, 404}:
            return None
        raise


def _unlisted(sources: Stores, url: RemoteURL) -> pl.DataFrame:
    """The object of this name without extension, or nothing."""
    found = _asked(sources, url) if "." not in url.key.rpartition("/")[2].strip(".") else None
    return pl.DataFrame(schema=FOUND) if found is None else found


def _frame_of(url: RemoteURL, described: tuple[int, int]) -> pl.DataFrame:
    return pl.DataFrame([(url.key, *described)], schema=FOUND, orient="row")


def _gathered(
    chunks: Iterator["Chunk"],
    url: RemoteURL,
    config: Config,
    extensions: frozenset[str],
    progress: Progress | None,
    notes: dict[str, int],
) -> pl.DataFrame:
    """All chunks in compact form: no more than one is held as Python objects."""
    frames, recent, seen = [pl.DataFrame(schema=FOUND)], [], 0
    for chunk in chunks:
        frame = _frame(chunk)
        seen += frame.height
        recent.append(_chosen(frame, len(_folder(url.key)), config, extensions, notes))
        if len(recent) == TOGETHER:
            frames.append(pl.concat(recent, rechunk=True))
            recent = []
        if progress is not None:
            progress(seen, 0)
    return pl.concat([*frames, *recent], rechunk=True)


def _frame(chunk: "Chunk") -> pl.DataFrame:
    columns: Mapping[str, list[Any]] = {"key": [], "size": [], "modified": []}
    for meta in chunk:
        columns["key"].append(meta["path"])
        columns["size"].append(meta["size"])
        columns["modified"].append(int(meta["last_modified"].timestamp()) * 1_000_000_000)
    return pl.DataFrame(columns, schema=FOUND)


def _chosen(
    frame: pl.DataFrame,
    front: int,
    config: Config,
    extensions: frozenset[str],
    notes: dict[str, int],
) -> pl.DataFrame:
    name = pl.col("key").str.to_lowercase()
    known = [
        name.str.extract(pattern).is_in(sorted(extensions)).fill_null(value=False)
        for pattern in (r"\.([^./]+)$", r"\.([^./]+\.[^./]+)$")
    ]
    hidden = pl.col("key").str.slice(front).str.contains(r"(^|/)\.")
    marked = frame.with_columns(known=known[0] | known[1], hidden=hidden & (not config.hidden))
    notes["hidden"] += int(marked["hidden"].sum())
    notes["not_pictures"] += marked.select((~pl.col("known") & ~pl.col("hidden")).sum()).item()
    return marked.filter("known", ~pl.col("hidden")).select(FOUND.names())


def _listed(found: pl.DataFrame, url: RemoteURL, *, single: bool) -> pl.DataFrame:
    folder = "" if single else _folder(url.key)
    key = pl.col("key")
    name = key.str.slice(len(folder))
    path = pl.concat_str(pl.lit(shown(url.base)), key)
    location = pl.concat_str(pl.lit(url.root), key)
    if single:
        name = pl.lit(url.key.rpartition("/")[2] or shown(url.base), pl.String())
        location = pl.lit(public(url.root + url.key), pl.String())
    return (
        found.sort("key")
        .select(
            path=path,
            relative=name,
            location=location.cast(pl.Binary),
            kind=pl.lit("file"),
            offset=0,
            stored="size",
            size="size",
            check=None,
            modified="modified",
            error_code=None,
            detail=None,
        )
        .cast(LISTED)
    )


class _Walk:
    """Lists a folder; by its parts, where one stream cannot name all that is there."""

    def __init__(self, sources: Stores, url: RemoteURL, notes: dict[str, int]) -> None:
        self._store, self._url, self._notes = sources.store_of(url), url, notes

    def chunks(self, folder: str, last: str | None = None) -> Iterator["Chunk"]:
        """All objects below a folder, or those that sort behind `last`."""
        import obstore  # noqa: PLC0415 - needed only for remote inputs

        stream = obstore.list(self._store, folder or None, offset=last, chunk_size=CHUNK)
        while True:
            try:
                chunk = wait_for(_next(stream))
            except Exception as error:
                if errors.broken_name(error) is None:
                    raise
                break
            if chunk is None:
                return
            yield chunk
            last = chunk[-1]["path"]
        yield from self._parts(folder, last)

    def _parts(self, folder: str, last: str | None) -> Iterator["Chunk"]:
        """The same, folder by folder: a name that object_store refuses costs a page of others."""
        try:
            objects, folders = wait_for(_delimited(self._store, folder))
        except Exception as error:
            broken = errors.broken_name(error)
            if broken is None:
                raise
            self._notes["unreadable_names"] += 1
            yield from self.chunks(folder, self._behind(broken, last))
            return
        left = [meta for meta in objects if last is None or meta["path"] > last]
        for start in range(0, len(left), CHUNK):
            yield left[start : start + CHUNK]
        for inner in map(_folder, folders):
            within = last is not None and last.startswith(inner)
            if last is None or inner > last or within:
                yield from self.chunks(inner, last if within else None)

    def _behind(self, broken: str, last: str | None) -> str:
        """The first name behind the folder, or the name, that cannot be said."""
        parts = broken.split("/")
        bad = next((n for n, part in enumerate(parts) if part in {"", ".", ".."}), None)
        # The character that follows the slash.
        behind = "" if bad is None else "/".join(parts[: bad + 1]) + "0"
        if not behind or (last is not None and behind <= last):
            raise ValueError(
                f"{self._url.root}: the name {broken!r} cannot be read: give the folders beside it "
                "one by one"
            )
        return behind


async def _next(stream: AsyncIterator[Any]) -> Any:
    return await anext(stream, None)


async def _delimited(store: "stores.Store", folder: str) -> tuple[Any, Any]:
    import obstore  # noqa: PLC0415 - needed only for remote inputs

    found = await obstore.list_with_delimiter_async(store, folder or None)
    return found["objects"], found["common_prefixes"]
