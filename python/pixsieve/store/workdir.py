"""The folder of one run: which files it has, and whether it may be used."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pixsieve.store.atomic import write_frame, write_text

#: Raised by one with every change that older readers would misread.
FORMAT = 1
RUN = "run.json"
TABLES = ("images", "statistics", "edges", "pixel_digests")


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
        """Folder of galleries and reports."""
        return self.path / "reports"

    def prepare(self, *, overwrite: bool) -> None:
        """Makes the folder, or takes over an unfinished run's.

        Shards stay even when overwriting: one is used again only if nothing has changed. What a
        killed run was writing goes.

        Raises:
            FileExistsError: If it holds a finished run and `overwrite` is not set.
            NotADirectoryError: If it is a file.
            PermissionError: If it cannot be written.
            ValueError: If it holds something else.
        """
        if self.path.exists() and not self.path.is_dir():
            raise NotADirectoryError(f"work_dir {self.path} is a file; give a folder")
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
        if not any(self.path.iterdir()):
            return
        info = self._read()
        if info["state"] == "finished" and not overwrite:
            raise FileExistsError(
                f"work_dir {self.path} holds a finished run of {info.get('input')!r}: look at it "
                "with pixsieve.load(), or pass overwrite=True (--overwrite), or give another folder"
            )
        for name in TABLES:
            (self.path / f"{name}.parquet").unlink(missing_ok=True)
        shutil.rmtree(self.reports, ignore_errors=True)
        for half_written in self.path.rglob("*.tmp"):
            half_written.unlink(missing_ok=True)

    def load(self) -> dict[str, Any]:
        """What `run.json` says of a finished run.

        Raises:
            FileNotFoundError: If there is no such folder.
            ValueError: If it holds no run, an unfinished one, or one of a newer version.
        """
        if not self.path.is_dir():
            raise FileNotFoundError(f"work_dir {self.path}: there is no such folder")
        info = self._read()
        if info["state"] != "finished":
            raise ValueError(
                f"work_dir {self.path}: the run was not finished; run it again with the same "
                "settings and it goes on where it was"
            )
        missing = [name for name in TABLES if not (self.path / f"{name}.parquet").is_file()]
        if missing:
            raise ValueError(
                f"work_dir {self.path}: {', '.join(missing)}.parquet missing; run again"
            )
        return info

    def _read(self) -> dict[str, Any]:
        try:
            info = json.loads((self.path / RUN).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ValueError(
                f"work_dir {self.path} is not empty and holds no Pixsieve run ({RUN} is missing): "
                "give another folder"
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise ValueError(
                f"work_dir {self.path}: {RUN} is damaged; give another folder"
            ) from None
        if not isinstance(info, dict) or "format" not in info or "state" not in info:
            raise ValueError(f"work_dir {self.path}: {RUN} was not written by Pixsieve")
        if info["format"] != FORMAT:
            raise ValueError(
                f"work_dir {self.path} has format {info['format']}, written by Pixsieve "
                f"{info.get('version')}; this version reads format {FORMAT}: run again, or use "
                "that version"
            )
        return info

    def write_info(self, info: dict[str, Any]) -> None:
        """Replaces `run.json`."""
        text = json.dumps({"format": FORMAT, **info}, indent=2, ensure_ascii=False)
        write_text(self.path / RUN, text + "\n")

    def write_table(self, name: str, frame: pl.DataFrame) -> None:
        """Replaces one of `TABLES`."""
        write_frame(self.path / f"{name}.parquet", frame)

    def read_table(self, name: str) -> pl.DataFrame:
        """One of `TABLES`."""
        return pl.read_parquet(self.path / f"{name}.parquet")

    def thumbnail(self, digest: str) -> Path:
        """Where the thumbnail of the image with this digest is, or will be."""
        return self.thumbnails / digest[:2] / f"{digest}.jpg"
