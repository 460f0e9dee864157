"""The folder of one run: which files it has, and whether it may be used."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pixsieve.sources import SYNCED
from pixsieve.store.atomic import (
    checksum,
    checksum_of,
    read_frame,
    temporary_of,
    write_frame,
    write_text,
)
from pixsieve.store.lock import LOCK, locked
from pixsieve.store.shards import SHARD_FILE, Shard, open_shard

#: Raised by one with every change that older readers would misread.
FORMAT = 5
RUN = "run.json"
TABLES = (*("images", "statistics", "edges", "pairs", "pixel_digests", "typicality", "unmatched"),)
#: Tables that only some runs have.
OPTIONAL = ("crops",)
REPORT = "report.html"
#: Both stand in the first lines of every page of Pixsieve, and tell it from other files.
PAGE_MARKS = (b"<!doctype html>", b'<meta name="generator" content="Pixsieve ')
#: The names that a copy of a remote file and a thumbnail have while they are written.
_PART = re.compile(r"\.[0-9a-f]{16}\.part")
_THUMBNAIL = re.compile(r"[0-9a-f]{64}(-\d+)?\.jpg\..+\.tmp")


class _DamagedError(ValueError):
    """A file of ours is not as it was written; nobody but this file catches it by its name."""


@dataclass(frozen=True)
class WorkDir:
    """A work directory. Only names below it that Pixsieve made are ever touched."""

    path: Path

    @property
    def shards(self) -> Path:
        """Folder of the shards."""
        return self.path / "shards"

    @property
    def thumbnails(self) -> Path:
        """Folder of the thumbnails."""
        return self.path / "thumbnails"

    @property
    def reports(self) -> Path:
        """Folder of the report."""
        return self.path / "reports"

    @property
    def galleries(self) -> Path:
        """Folder of the galleries."""
        return self.path / "galleries"

    @property
    def derived(self) -> Path:
        """Folder of what was worked out from the tables, and can be again."""
        return self.path / "derived"

    @contextmanager
    def prepared(self, *, overwrite: bool, source: str) -> Iterator[None]:
        """Makes the folder, or takes over an unfinished run's, and keeps other runs out.

        Shards stay even when overwriting: one is used again only if nothing has changed. What a
        killed run was writing goes.

        Raises:
            BlockingIOError: If another run is using it.
            FileExistsError: If it holds a finished run, or finished shards of another input than
                `source`, and `overwrite` is not set.
            NotADirectoryError: If it is a file.
            PermissionError: If it cannot be written.
            ValueError: If it holds something else.
        """
        self._check_is_folder()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            # The class follows from the number: PermissionError, NotADirectoryError, ….
            raise OSError(
                error.errno, f"work_dir cannot be made: {error.strerror}", str(self.path)
            ) from None
        if not os.access(
            self.path, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids
        ):
            raise PermissionError(f"work_dir {self.path} cannot be written: no permission")
        self._check_free(overwrite=overwrite, source=source)
        with locked(self.path):
            # Again: another run may have finished since.
            self._check_free(overwrite=overwrite, source=source)
            for name in (*TABLES, *OPTIONAL):
                (self.path / f"{name}.parquet").unlink(missing_ok=True)
            for path in [*self._pages(), *self.derived.glob("*.parquet")]:
                path.unlink(missing_ok=True)
            for path in self._half_written():
                path.unlink(missing_ok=True)
            yield

    def check(self, *, overwrite: bool, source: str | None) -> None:
        """Raises what `prepared` would, as far as can be told without writing.

        Args:
            overwrite: As there.
            source: As there; None where it is not known yet.
        """
        self._check_is_folder()
        if self.path.is_dir():
            self._check_free(overwrite=overwrite, source=source)

    def _check_is_folder(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise NotADirectoryError(f"work_dir {self.path} is a file; give a folder")

    def _check_free(self, *, overwrite: bool, source: str | None) -> None:
        names = {path.name for path in self.path.iterdir()} - {LOCK, SYNCED}
        if all(temporary_of(name) == RUN for name in names):
            return
        try:
            info = self._read()
        except _DamagedError:
            if not overwrite:
                raise
            return
        if overwrite:
            return
        if info["state"] == "finished":
            raise FileExistsError(
                f"work_dir {self.path} holds a finished run of {info.get('input')!r}: look at it "
                "(pixsieve.load(), or pixsieve summary and report), or pass overwrite=True "
                "(--overwrite), or give another folder"
            )
        if source not in (None, info.get("input")) and self.has_shards():
            raise FileExistsError(
                f"work_dir {self.path} holds an unfinished run of {info.get('input')!r}: give that "
                "input again to go on, or pass overwrite=True (--overwrite), or give another folder"
            )

    def unfinished(self) -> dict[str, Any]:
        """What `run.json` says of a run that was cut off here; nothing if there is none."""
        try:
            info = self._read()
        except ValueError:
            return {}
        return info if info["state"] != "finished" else {}

    def has_shards(self) -> bool:
        """Whether a run has finished a shard here, so that the next one can go on."""
        return any(self.shards.glob("*.json"))

    def _pages(self) -> list[Path]:
        """The report and the galleries of the run before."""
        galleries = [path for path in self.galleries.glob("*.html") if is_page(path)]
        return [self.reports / REPORT, *galleries]

    def _half_written(self) -> list[Path]:
        """What a killed run left; nothing that another program could have named so."""
        tables = [f"{name}.parquet" for name in (*TABLES, *OPTIONAL)]
        ours = [
            *(
                path
                for path in self.path.glob("*.tmp")
                if temporary_of(path.name) in (RUN, *tables)
            ),
            *(
                path
                for path in self.path.glob(f"{SYNCED}/**/.*.part")
                if _PART.fullmatch(path.name)
            ),
            *(path for path in self.reports.glob("*.tmp") if temporary_of(path.name) == REPORT),
            *(
                path
                for path in self.derived.glob("*.tmp")
                if (temporary_of(path.name) or "").endswith(".parquet")
            ),
            *(
                path
                for path in self.galleries.glob("*.tmp")
                if (temporary_of(path.name) or "").endswith(".html")
            ),
            *(
                path
                for path in self.shards.glob("*.tmp")
                if SHARD_FILE.fullmatch(temporary_of(path.name) or "")
            ),
            *(
                path
                for path in self.thumbnails.glob("[0-9a-f][0-9a-f]/*.tmp")
                if _THUMBNAIL.fullmatch(path.name) and path.name[:2] == path.parent.name
            ),
        ]
        return [path for path in ours if path.is_file()]

    def load(self) -> dict[str, Any]:
        """What `run.json` says of a finished run.

        Raises:
            FileNotFoundError: If there is no such folder.
            NotADirectoryError: If it is a file.
            ValueError: If it holds no run, an unfinished or damaged one, or one of a newer
                version.
        """
        if self.path.is_file():
            raise NotADirectoryError(f"work_dir {self.path} is a file; give the folder of a run")
        if not self.path.is_dir():
            raise FileNotFoundError(f"work_dir {self.path}: there is no such folder")
        info = self._read()
        if info["state"] != "finished":
            raise ValueError(f"work_dir {self.path}: the run was not finished; run it again")
        own = [name for name in OPTIONAL if name in info.get("checksums", ())]
        files = {name: self.path / f"{name}.parquet" for name in (*TABLES, *own)}
        missing = [name for name, path in files.items() if not path.is_file()]
        if missing:
            raise ValueError(
                f"work_dir {self.path}: {', '.join(missing)}.parquet missing; run again with "
                "overwrite=True"
            )
        if info.get("checksum") != _info_checksum(info):
            raise self._damaged(RUN, "not what the run wrote")
        return info

    def _damaged(self, name: str, why: str | None) -> "_DamagedError":
        return _DamagedError(
            f"work_dir {self.path}: {name} is damaged ({why}); run again with overwrite=True"
        )

    def _read(self) -> dict[str, Any]:
        try:
            info = json.loads((self.path / RUN).read_bytes().decode())
        except FileNotFoundError:
            raise ValueError(
                f"work_dir {self.path} is not empty and holds no Pixsieve run ({RUN} is missing): "
                "give another folder"
            ) from None
        except IsADirectoryError:
            raise ValueError(
                f"work_dir {self.path}: {RUN} is a folder, not Pixsieve's; give another folder"
            ) from None
        except (ValueError, RecursionError):
            if self.shards.is_dir():
                raise self._damaged(RUN, "not JSON") from None
            raise ValueError(
                f"work_dir {self.path}: {RUN} is not JSON, and there are no shards: not a "
                "Pixsieve run; give another folder"
            ) from None
        if not isinstance(info, dict) or "format" not in info or "state" not in info:
            raise ValueError(f"work_dir {self.path}: {RUN} was not written by Pixsieve")
        if info["format"] != FORMAT:
            raise ValueError(
                f"work_dir {self.path} has format {info['format']}, written by Pixsieve "
                f"{info.get('version')}; this version reads format {FORMAT}: use that version, "
                "or run again in another folder"
            )
        return info

    def write_info(self, info: dict[str, Any]) -> None:
        """Replaces `run.json`; that of a finished run vouches for itself and for the tables."""
        info = {"format": FORMAT, **info}
        if info["state"] == "finished":
            files = {name: self.path / f"{name}.parquet" for name in (*TABLES, *OPTIONAL)}
            info["checksums"] = {
                name: checksum(path)
                for name, path in files.items()
                if name in TABLES or path.is_file()
            }
            notes = sorted(self.shards.glob("[0-9]*.json"))
            info["shards"] = [checksum(note) for note in notes]
            info["checksum"] = _info_checksum(info)
        write_text(self.path / RUN, json.dumps(info, indent=2, ensure_ascii=False) + "\n")

    def write_table(self, name: str, frame: pl.DataFrame) -> None:
        """Replaces one of `TABLES` or `OPTIONAL`."""
        write_frame(self.path / f"{name}.parquet", frame)

    def read_table(self, name: str, info: dict[str, Any]) -> pl.DataFrame:
        """One of `TABLES` or `OPTIONAL`, as the run that this `run.json` is of wrote it.

        Raises:
            ValueError: If it is missing or not as it was written.
        """
        file = f"{name}.parquet"
        try:
            data = (self.path / file).read_bytes()
        except (FileNotFoundError, IsADirectoryError) as error:
            raise self._damaged(file, error.strerror) from None
        if checksum_of(data) != info["checksums"][name]:
            raise self._damaged(file, "not what the run wrote")
        return read_frame(data)

    def write_derived(self, name: str, key: str, frame: pl.DataFrame) -> None:
        """Keeps what was worked out; `key` says from what, so that it is not taken for another's.

        Raises:
            OSError: If it cannot be written, or the run has gone.
        """
        (self.path / RUN).stat()
        write_frame(self.derived / f"{name}.parquet", frame, note=key)

    def read_derived(self, name: str, key: str) -> pl.DataFrame | None:
        """What was worked out from the same, if it was kept and is whole; else it is made again."""
        try:
            return read_frame((self.derived / f"{name}.parquet").read_bytes(), note=key)
        except (OSError, ValueError, pl.exceptions.PolarsError):
            return None

    def shard(self, number: int, info: dict[str, Any], *, checked: bool = False) -> Shard:
        """A shard of the run that this `run.json` is of; its bytes are not read if `checked`.

        Raises:
            ValueError: If it is missing, damaged, or of another run.
        """
        file = f"shards/{number:05}.json"
        try:
            of_this_run = checksum(self.path / file) == info["shards"][number]
        except OSError as error:
            raise self._damaged(file, error.strerror) from None
        if not of_this_run:
            raise self._damaged(file, "not what the run wrote")
        return open_shard(self.shards, number, checked=checked)

    def thumbnail(self, digest: str, suffix: str = "") -> Path:
        """Where the thumbnail of the image with this digest is, or will be.

        The usual ones have no suffix; larger ones have one that says how large.
        """
        return self.thumbnails / digest[:2] / f"{digest}{suffix}.jpg"


def _info_checksum(info: dict[str, Any]) -> str:
    """Of what `run.json` says, however it is laid out."""
    rest = json.loads(json.dumps(info))
    rest.pop("checksum", None)
    return checksum_of(json.dumps(rest, sort_keys=True).encode())


def is_page(path: Path) -> bool:
    """Whether a file is a page that Pixsieve wrote."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(4096)
    return head.startswith(PAGE_MARKS[0]) and PAGE_MARKS[1] in head
