"""Archives: their members are listed, and read in place."""

from collections.abc import Collection
from typing import BinaryIO

import polars as pl

from pixsieve.sources.archives import tar
from pixsieve.sources.archives.magic import HEAD, archive_format
from pixsieve.sources.archives.members import Members, Progress, clean, is_archive
from pixsieve.sources.archives.unpacked import LARGE, Unpacked
from pixsieve.sources.archives.webdataset import is_sidecar
from pixsieve.sources.archives.window import Window
from pixsieve.sources.archives.zip import list_zip

__all__ = ["is_archive", "list_archive"]


def list_archive(
    file: BinaryIO,
    *,
    shown: str,
    relative: str,
    location: str,
    size: int,
    modified: int,
    extensions: Collection[str],
    hidden: bool,
    step: int | None = None,
    large: int = LARGE,
    progress: Progress = None,
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The pictures of an archive, as they lie in it, and what was left out, counted by reason.

    What cannot be read is a row of kind `nothing`; nothing of an archive raises an exception.

    Args:
        file: The archive, which can be sought in.
        shown: What users call it.
        relative: Its path relative to the input.
        location: Its absolute path, or URL.
        size: Its bytes.
        modified: Nanoseconds since 1970.
        extensions: Members with these are listed whatever they hold, others by their first bytes.
        hidden: Whether members are listed whose names begin with a dot.
        step: Bytes to read at once, where each request costs; None for a file on this machine.
        large: Bytes from which on what a compressed tar unpacks to may be taken for a bomb.
        progress: Is told the number of pictures so far.

    Returns:
        Columns of `LISTED`, then those of sidecars, which may be none.
    """
    members = Members(extensions=extensions, hidden=hidden, progress=progress)
    try:
        _list(file, size, members, step=step, large=large, name=shown)
    except OSError as error:
        members.whole(code_of(error), f"the archive cannot be read: {error}")
    frame = members.frame(shown=shown, relative=relative, location=location, modified=modified)
    return frame, {reason: count for reason, count in members.notes.items() if count}


def code_of(error: OSError) -> str:
    """The error code of what went wrong with a file."""
    if isinstance(error, FileNotFoundError):
        return "missing_file"
    return "permission_denied" if isinstance(error, PermissionError) else "corrupt"


def _list(
    file: BinaryIO, size: int, members: Members, *, step: int | None, large: int, name: str
) -> None:
    if not size:
        members.whole("empty_file", "the archive has no bytes")
        return
    window = Window(file, size, step=step)
    packing = archive_format(window.read(0, HEAD))
    if packing is None:
        # A tar has no sign but the sum of its header, and a zip may have anything before it.
        other = name.lower().endswith(".zip") and not tar.parse(window.read(0, tar.BLOCK))
        packing = "zip" if other else "tar"
    if packing == "zip":
        list_zip(window, members)
    elif packing == "tar":
        _list_tar(window, "member", members)
        members.cut(size)
    else:
        _list_packed(file, packing, large, members)


def _list_packed(file: BinaryIO, packing: str, large: int, members: Members) -> None:
    try:
        unpacked = Unpacked(file, packing, large=large)
    except ImportError as error:
        members.whole("unknown_format", str(error))
        return
    begin = unpacked.read(0, tar.BLOCK)
    if archive_format(begin) and not tar.parse(begin):
        members.whole("unknown_format", "an archive inside an archive is not read")
        return
    _list_tar(unpacked, "streamed", members)
    end = unpacked.end
    if end is not None:
        members.cut(end)
        if unpacked.damage is not None:
            members.gap(end, *unpacked.damage)


def _list_tar(source: Window | Unpacked, kind: str, members: Members) -> None:
    for found in tar.Walk(source):
        if isinstance(found, tar.Member):
            _take(found, source, kind, members)
        # Why a compressed tar ends too early is said by what unpacks it.
        elif found.code != "truncated" or source.damage is None:
            members.gap(found.start, found.code, found.detail)


def _take(member: tar.Member, source: Window | Unpacked, kind: str, members: Members) -> None:
    name = clean(_decoded(member.name))
    if member.kind != "file":
        _take_other(member, name, members)
    elif is_sidecar(name):
        if members.sidecars.has_room(member.size):
            members.sidecars.add(name, source.read(member.offset, member.size))
    elif members.wanted(name, lambda: source.read(member.offset, min(member.size, HEAD))):
        stored = member.size if kind == "member" else 0
        members.add(name, kind, member.offset, stored, member.size)


def _take_other(member: tar.Member, name: str, members: Members) -> None:
    if member.kind == "link":
        members.notes["links"] += 1
    elif member.kind == "special":
        members.notes["special"] += 1
    elif member.kind == "hard link" and members.wanted(name, bytes):
        members.link(name, clean(_decoded(member.target)))
    elif member.kind == "sparse" and members.wanted(name, bytes):
        members.nothing(name, "unknown_format", "a sparse file inside a tar is not read: unpack it")
    elif member.kind == "continued" and members.wanted(name, bytes):
        detail = "the member begins in another volume of the tar: join the volumes"
        members.nothing(name, "truncated", detail)


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", errors="backslashreplace")
