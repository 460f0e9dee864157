"""Archives of all makes, and what is listed of them."""

import io
import tarfile
import zipfile
from collections.abc import Iterable
from typing import Any

import polars as pl

from pixsieve.sources.archives.listing import list_archive

EXTENSIONS = ("jpg", "jpeg", "png", "tif", "tga")
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 3
Files = dict[str, bytes]


def listed(data: bytes, name: str = "a.tar", **options: Any) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows and the notes of an archive in memory."""
    arguments: dict[str, Any] = {
        "file": io.BytesIO(data),
        "shown": f"in/{name}",
        "relative": name,
        "location": f"/in/{name}",
        "size": len(data),
        "modified": 7,
        "extensions": EXTENSIONS,
        "hidden": False,
    }
    return list_archive(**(arguments | options))


def names(frame: pl.DataFrame) -> list[str]:
    """What the pictures are called inside the archive."""
    pictures = frame.filter(pl.col("kind") != "nothing")
    return [path.partition("/")[2] for path in pictures["relative"]]


def troubles(frame: pl.DataFrame) -> list[tuple[str, str]]:
    """The rows without a picture: where, and the error code."""
    rows = frame.filter(pl.col("kind") == "nothing")
    return list(rows.select("relative", "error_code").iter_rows())


def places(frame: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Offset and size of each picture."""
    rows = frame.filter(pl.col("kind") != "nothing")
    return {path: (at, size) for path, at, size in rows.select("path", "offset", "size").rows()}


def tar_of(files: Files, mode: str = "w", **options: Any) -> bytes:
    """A tar as Python writes it."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode, **options) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


def tar_with(members: Iterable[tuple[tarfile.TarInfo, bytes]], **options: Any) -> bytes:
    """A tar of members of any type."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", **options) as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data) if data else None)
    return target.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """A member of a tar without its data."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def zip_of(files: Files, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    """A zip as Python writes it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.comment = comment
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


class Unseekable(io.RawIOBase):
    """Takes what is written, so that a writer has to put sizes behind the data."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.data += data
        return len(data)


def streamed_zip_of(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with data descriptors."""
    target = Unseekable()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in files.items():
            with archive.open(name, "w") as opened:
                opened.write(data)
    return bytes(target.data)


def parquet_of(files: Files) -> bytes:
    """A Parquet file of names and contents, in several row groups."""
    target = io.BytesIO()
    frame = pl.DataFrame({"filename": list(files), "image": list(files.values())})
    frame.write_parquet(target, row_group_size=2)
    return target.getvalue()
