"""What a compressed file unpacks to, read from front to back in bounded memory."""

import bz2
import contextlib
import lzma
import zlib
from typing import BinaryIO, Protocol

from pixsieve.sources.archives.magic import archive_format

#: Bytes that are read, and unpacked, at a time.
PIECE = 64 << 10
UNPACKED_PIECE = 256 << 10
#: What unpacks to more than both is taken for a bomb.
MOST_RATIO = 1000
LARGE = 1 << 30
#: Memory that a dictionary of xz may take.
MOST_MEMORY = 1 << 28


class Decoder(Protocol):
    """What Python's own decompressors have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end was reached."""

    @property
    def needs_input(self) -> bool:
        """Whether there is no more to be had from what was given."""

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """What it unpacks to, or the first part of that."""


class Inflate:
    """zlib's with the interface of the others; `wbits` as in zlib."""

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)
        self._full = False
        self._damage: zlib.error | None = None

    @property
    def eof(self) -> bool:
        """Whether the end was reached."""
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        """Whether there is no more to be had from what was given."""
        return not (self.eof or self._full or self._inner.unconsumed_tail)

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end."""
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """What it unpacks to, or the first part of that."""
        if self._damage is not None:
            raise self._damage
        before = self._inner.copy()
        given = self._inner.unconsumed_tail + data
        try:
            found = self._inner.decompress(given, max_length)
        except zlib.error as error:
            found = _up_to_damage(before, given)
            if not found:
                raise
            # The next call says so.
            self._damage = error
        self._full = len(found) == max_length or self._damage is not None
        return found


def _up_to_damage(inner: "zlib._Decompress", data: bytes) -> bytes:
    """What can be had before the damage, of which a larger step gives nothing."""
    parts: list[bytes] = []
    # That there is damage is known already.
    with contextlib.suppress(zlib.error):
        while not parts or parts[-1]:
            parts.append(inner.decompress(data, 512))
            data = inner.unconsumed_tail
    return b"".join(parts)


def decoder(packing: str) -> Decoder:
    """A decompressor for `gzip`, `bzip2`, `xz` or `zstd`.

    Raises:
        ImportError: If this Python has none.
    """
    if packing == "gzip":
        return Inflate(31)
    if packing == "bzip2":
        return bz2.BZ2Decompressor()
    if packing == "xz":
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, MOST_MEMORY)
    try:
        # From Python 3.14 on.
        from compression import zstd  # type: ignore[import-not-found, unused-ignore] # noqa: PLC0415
    except ImportError:
        raise ImportError(
            "reading .tar.zst needs Python 3.14 or later: unpack it, or pack it with gzip or xz"
        ) from None
    return zstd.ZstdDecompressor()  # type: ignore[no-any-return, unused-ignore]


class Unpacked:
    """A compressed file, as what it unpacks to.

    What goes wrong ends it: `damage` says why, as an error code and a sentence.
    """

    def __init__(self, file: BinaryIO, packing: str, *, large: int = LARGE) -> None:
        """Reads `file` from its start.

        Raises:
            ImportError: If this Python cannot unpack it.
        """
        file.seek(0)
        self.damage: tuple[str, str] | None = None
        self._file = file
        self._packing = packing
        self._large = large
        self._decoder = decoder(packing)
        self._held = b""
        self._packed = self._unpacked = 0
        self._start = 0
        self._bytes = b""
        self._done = False

    @property
    def end(self) -> int | None:
        """Where it ends, once that is known."""
        return self._start + len(self._bytes) if self._done else None

    def read(self, offset: int, length: int) -> bytes:
        """So many bytes from there on, or fewer at the end; what lies before is let go.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If the offset lies too far back.
        """
        if offset < self._start:
            raise ValueError(f"byte {offset:,} has been passed: {self._start:,}")
        passed = min(offset - self._start, len(self._bytes))
        if passed >= UNPACKED_PIECE:
            self._bytes = self._bytes[passed:]
            self._start += passed
        stop = offset + length
        parts = [self._bytes]
        have = self._start + len(self._bytes)
        while have < stop and not self._done:
            piece = self._next()
            if have <= offset:
                self._start, parts = have, []
            parts.append(piece)
            have += len(piece)
        self._bytes = parts[0] if len(parts) == 1 else b"".join(parts)
        begin = offset - self._start
        return self._bytes[begin : begin + length]

    def _next(self) -> bytes:
        """The next piece, or nothing at the end, when `_done` is set."""
        while not self._done:
            if self._decoder.eof:
                self._renew()
                continue
            asked = self._decoder.needs_input
            data = self._take() if asked else b""
            try:
                piece = self._decoder.decompress(data, UNPACKED_PIECE)
            except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
                self._end("corrupt", f"the {self._packing} data are damaged: {error}")
                return b""
            if piece:
                self._unpacked += len(piece)
                self._check()
                return piece
            if asked and not data:
                self._end("truncated", f"the {self._packing} data end too early")
        return b""

    def _take(self) -> bytes:
        if self._held:
            data, self._held = self._held, b""
            return data
        data = self._file.read(PIECE)
        self._packed += len(data)
        return data

    def _renew(self) -> None:
        """Goes on with what was appended, which is unpacked by itself."""
        rest = self._decoder.unused_data.lstrip(b"\0")
        while len(rest) < 8:
            more = self._take()
            if not more:
                break
            rest = (rest + more).lstrip(b"\0")
        if not rest:
            self._done = True
        elif archive_format(rest) != self._packing:
            self._end("corrupt", f"what follows the {self._packing} data cannot be unpacked")
        else:
            self._decoder = decoder(self._packing)
            self._held = rest

    def _check(self) -> None:
        if self._unpacked > max(self._large, MOST_RATIO * self._packed):
            self._end(
                "too_large",
                f"{self._packed:,} bytes unpack to more than {self._unpacked:,}: this is taken "
                "for a bomb, and read no further",
            )

    def _end(self, code: str, detail: str) -> None:
        self._done = True
        self.damage = (code, detail)
