"""From whatever the user gives to one listing."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

from pixsieve.config import Config
from pixsieve.sources.alone import check_readable
from pixsieve.sources.expand import HOLDING, expanded
from pixsieve.sources.files import (
    PICTURE_EXTENSIONS,
    Progress,
    extension_of,
    list_files,
    list_folder,
)
from pixsieve.sources.globs import fitting, front, is_glob, is_remote_glob, list_glob
from pixsieve.sources.listing import Listing, combined, is_url, plain, resolved, shown
from pixsieve.sources.opening import Opener
from pixsieve.sources.tables.lists import is_list, read_list

#: A folder, a file, a URL, a table, a dataset, or a list of any of them.
Input: TypeAlias = str | os.PathLike[str] | Iterable[Any] | Any

#: Folder of the work directory that copies of remote files go to.
SYNCED = "synced"
#: Of names in a bucket those that are listed.
REMOTE = frozenset([*PICTURE_EXTENSIONS, *HOLDING, "tar.gz", "tar.bz2", "tar.xz"])

#: Of files that say where pictures are, lists aside.
DESCRIBING = frozenset({"yaml", "yml", "json"})


def list_input(
    source: Input, *, config: Config, work_dir: Path | None, progress: Progress
) -> Listing:
    """Lists the pictures of an input.

    Args:
        source: A folder; a file: a picture, an archive, a video, a Parquet file, a list of paths
            (text, CSV, JSON Lines), the data.yaml of a YOLO data set or the JSON of a COCO one; a
            pattern of paths; a URL; a table; a dataset of Hugging Face or PyTorch; pictures in
            memory; or a list of these.
        config: The settings.
        work_dir: The work directory, which is left out; copies of remote files go there.
        progress: Is told how many were found.

    Raises:
        FileNotFoundError: If a folder or file that was given does not exist, but for pictures
            in a list, which become rows.
        ImportError: If a package is missing that reads such an input.
        PermissionError: If it may not be read.
        ValueError: If there is no picture, or the input is of no kind that is known.
    """
    lister = _Lister(config, work_dir, progress)
    listing = lister.listing(source)
    if not len(listing):
        described = os.fspath(source) if isinstance(source, _PATH) else "the list of files"
        raise ValueError(f"{described}: {_nothing(listing)}")
    return listing


_PATH = (str, os.PathLike)


@dataclass(frozen=True)
class _Lister:
    config: Config
    work_dir: Path | None
    progress: Progress

    def listing(self, source: Input) -> Listing:
        """Of one input."""
        if isinstance(source, str | os.PathLike):
            return self._path(os.fspath(source))
        found = self._object(source)
        if found is None and isinstance(source, Iterable) and not isinstance(source, Mapping):
            return self._several(list(source))
        if found is None:
            raise ValueError(
                f"cannot read a {type(source).__name__}: give a folder, a file, a URL, a table, a "
                "dataset, or a list of these"
            )
        return found

    def _path(self, path: str) -> Listing:
        if not path:
            raise ValueError("the path of the input is empty")
        path = plain(path)
        if is_url(path):
            special = self._described_by_file(path)
            return self._remote(path) if special is None else special
        if is_glob(path):
            return self._glob(path)
        if not os.path.lexists(path) and extension_of(path):
            raise FileNotFoundError(f"{shown(path)}: there is no such file")
        if not Path(path).is_file():
            return self._expanded(self._folder(path))
        special = self._described_by_file(path)
        return self._file(path) if special is None else special

    def _glob(self, pattern: str) -> Listing:
        found = list_glob(
            pattern,
            self._several,
            config=self.config,
            exclude=self.work_dir,
            progress=self.progress,
        )
        return self._expanded(found)

    def _file(self, path: str) -> Listing:
        """Of one file: what it holds is called by its name in there."""
        check_readable(path)
        listing = list_files([path])
        held = expanded(listing, config=self.config, progress=self.progress, alone=True)
        relative = pl.col("relative").str.strip_prefix(f"{shown(path)}/")
        return replace(held, frame=held.frame.with_columns(relative))

    def _folder(self, path: str) -> Listing:
        return list_folder(
            Path(path), config=self.config, exclude=self.work_dir, progress=self.progress
        )

    def _expanded(self, listing: Listing) -> Listing:
        found = expanded(self._synced(listing), config=self.config, progress=self.progress)
        # A Parquet file may name files that lie beside it.
        again = found is not listing and (found.frame["kind"] == "file").any()
        return without_repeated(found) if again else found

    def _synced(self, listing: Listing) -> Listing:
        """The same, remote files as their copies in the work directory, where that is asked for."""
        if not self.config.sync_s3_to_local or self.work_dir is None:
            return listing
        if not listing.frame["location"].bin.contains(b"://").any():
            return listing
        from pixsieve.sources.cloud import sync_to_local  # noqa: PLC0415 - for remote inputs

        folder = self.work_dir / SYNCED
        frame = sync_to_local(listing.frame, folder, self.config, self.progress)
        return replace(listing, frame=frame)

    def _remote(self, url: str) -> Listing:
        from pixsieve.sources.cloud import list_remote  # noqa: PLC0415 - for remote inputs

        pattern = is_remote_glob(url)
        frame, notes = list_remote(
            front(url) + "/" if pattern else url,
            config=self.config,
            extensions=REMOTE,
            progress=self.progress,
        )
        below = "/" in url.partition("://")[2].rstrip("/")
        if below and not pattern and frame.is_empty() and not any(notes.values()):
            raise FileNotFoundError(
                f"{shown(url)}: there is no such object or folder in the bucket"
            )
        found = Listing(frame, os.getcwd(), notes)  # noqa: PTH109 - as text
        return self._expanded(fitting(found, url) if pattern else found)

    def _described_by_file(self, path: str) -> Listing | None:
        """Of a file that is no picture but says where pictures are."""
        return self._list_file(path) if is_list(path) else None

    def _list_file(self, path: str) -> Listing:
        data, folder = None, str(Path(path).absolute().parent)
        if is_url(path):
            with Opener(self.config)(path) as file:
                data, folder = file.read(), os.getcwd()  # noqa: PTH109 - as text
        files = read_list(path, data)
        parts = [self._expanded(Listing(files.frame, folder, files.notes))]
        parts += [self._path(one) for one in files.folders]
        if len(parts) == 1:
            return parts[0]
        # A file may lie in a folder that is listed, too.
        return without_repeated(combined(part for part in parts if len(part)))

    def _object(self, source: object) -> Listing | None:
        """Of a table or a dataset; None if it is neither."""
        from pixsieve.sources.tables import frames, huggingface, torch_like  # noqa: PLC0415 - on demand

        source = frames.of_column(source)
        most = self.config.max_pixels
        if huggingface.is_huggingface(source):
            found = huggingface.list_huggingface(source)
        elif frames.is_table(source):
            found = frames.list_table(source, max_pixels=most)
        elif not isinstance(source, list | tuple | set) and torch_like.is_dataset(source):
            found = torch_like.list_dataset(source, max_pixels=most, progress=self.progress)
        else:
            return None
        return self._of_given(found)

    def _of_given(self, found: Any) -> Listing:
        given = () if found.fetcher is None else (found.fetcher,)
        number = pl.when(pl.col("kind") == "given").then(pl.lit(b"0")).otherwise("location")
        frame = found.frame.with_columns(location=number)
        folder = os.getcwd()  # noqa: PTH109 - as text
        return self._expanded(Listing(frame, folder, found.notes, given=given))

    def _several(self, sources: list[Any]) -> Listing:
        """Of a list: its files together, so that a file that comes twice is one picture."""
        from pixsieve.sources.tables.frames import is_records, list_table  # noqa: PLC0415 - on demand
        from pixsieve.sources.tables.items import is_picture  # noqa: PLC0415 - on demand

        if is_records(sources):
            return self._of_given(list_table(sources, max_pixels=self.config.max_pixels))
        _check_items(sources)
        pictures, rest = _divided(sources, is_picture)
        files, others = _divided(rest, _is_one_file)
        _check_there([path for path in map(os.fspath, files) if not is_url(path)])
        parts = [self.listing(one) for one in others]
        if pictures:
            from pixsieve.sources.tables.torch_like import list_pictures  # noqa: PLC0415 - on demand

            parts.append(self._of_given(list_pictures(pictures, max_pixels=self.config.max_pixels)))
        if files or not parts:
            parts.append(self._expanded(list_files(os.fspath(one) for one in files)))
        return without_repeated(combined(parts))


def _divided(items: list[Any], fits: Callable[[Any], bool]) -> tuple[list[Any], list[Any]]:
    """Those that fit, and the others."""
    return [one for one in items if fits(one)], [one for one in items if not fits(one)]


def _is_one_file(item: object) -> bool:
    """Whether it is the path or URL of one file, which is listed even if it is not there."""
    if not isinstance(item, _PATH):
        return False
    path = os.fspath(item)
    if is_url(path):
        return extension_of(path) in REMOTE and not is_remote_glob(path)
    if is_glob(path):
        return False
    return not (Path(path).is_dir() or is_list(path) or extension_of(path) in DESCRIBING)


def _check_items(sources: list[Any]) -> None:
    """Refuses pairs of a path and a label, whose parts would all be taken for paths."""
    odd = next((one for one in sources if isinstance(one, list | tuple)), None)
    if odd is not None:
        raise ValueError(
            f"the list holds a {type(odd).__name__}, where paths or pictures are expected: pass "
            "labels as a table with the columns path and label, such as "
            "{'path': [...], 'label': [...]}"
        )


def _check_there(files: list[str]) -> None:
    """Refuses what is not there, but for pictures: those are rows."""
    for path in files:
        if extension_of(path) not in PICTURE_EXTENSIONS and not os.path.lexists(path):
            raise FileNotFoundError(f"{shown(path)}: there is no such file or folder")


def without_repeated(listing: Listing) -> Listing:
    """Each place once, the first time."""
    files = [
        os.fsencode(resolved(os.fsdecode(location))) if kind == "file" else location
        for location, kind in listing.frame.select("location", "kind").iter_rows()
    ]
    reason = pl.when(pl.col("kind") == "nothing").then("path")
    places = listing.frame.select(
        "kind", "offset", reason.alias("reason"), file=pl.Series(files, dtype=pl.Binary)
    )
    first = places.with_row_index("row").unique(places.columns, keep="first", maintain_order=True)
    frame = listing.frame[first["row"].to_list()]
    repeated = len(listing) - frame.height
    notes = dict(listing.notes)
    if repeated:
        notes["repeated"] = notes.get("repeated", 0) + repeated
    return replace(listing, frame=frame, notes=notes)


def _nothing(listing: Listing) -> str:
    left_out = {
        "hidden": "hidden (pass hidden=True to read them)",
        "not_pictures": "not pictures",
        "links": "links to nowhere or to each other",
        "special": "sockets, FIFOs or devices",
        "runs": "work directories of earlier runs",
    }
    reasons = [
        f"{listing.notes[key]} {text}" for key, text in left_out.items() if listing.notes.get(key)
    ]
    return f"no picture found; left out: {', '.join(reasons)}" if reasons else "it is empty"
