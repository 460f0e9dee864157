"""Reading a little here and there of a large file, in few requests."""

from typing import BinaryIO

#: The least and the most that is read at once.
LEAST = 8 << 10
MOST = 256 << 10


class Window:
    """Parts of a file that can be sought in.

    What lies close together is read at once: the next part is twice as long where the one before
    was read on from, and short again behind a leap over what is not needed.
    """

    def __init__(self, file: BinaryIO, size: int, *, step: int | None = None) -> None:
        """`step` bytes are read at once, where that is given."""
        self.size = size
        self.damage = None
        self._file = file
        self._step = step
        self._length = step or LEAST
        self._start = 0
        self._bytes = b""

    @property
    def end(self) -> int | None:
        """Where the file ends."""
        return self.size

    def read(self, offset: int, length: int) -> bytes:
        """So many bytes from there on, or fewer where the file ends.

        Raises:
            OSError: If the file cannot be read.
        """
        begin = offset - self._start
        if begin >= 0 and begin + length <= len(self._bytes):
            return self._bytes[begin : begin + length]
        if offset >= self.size:
            return b""
        self._fill(offset, length)
        return self._bytes[:length]

    def _fill(self, offset: int, length: int) -> None:
        end = self._start + len(self._bytes)
        near = self._start <= offset <= end + LEAST
        if self._step is None:
            self._length = min(2 * self._length, MOST) if near else LEAST
        kept = self._bytes[offset - self._start :] if self._start <= offset < end else b""
        begin = offset + len(kept)
        wanted = min(max(self._length, length - len(kept)), self.size - begin)
        self._start, self._bytes = offset, kept + self._fetch(begin, wanted)

    def _fetch(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        parts = []
        while length > 0:
            part = self._file.read(length)
            if not part:
                break
            parts.append(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def other(self, *, step: int) -> "Window":
        """Another place of the same file."""
        return Window(self._file, self.size, step=step)
