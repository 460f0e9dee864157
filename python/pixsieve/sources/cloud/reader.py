"""A remote file as Python's readers want it: seekable, read by ranges."""

import io
import tempfile
from collections import OrderedDict
from typing import IO, TYPE_CHECKING, BinaryIO

from pixsieve.config import Config
from pixsieve.sources.cloud import errors, transfer
from pixsieve.sources.cloud.logins import shown
from pixsieve.sources.cloud.loop import wait_for
from pixsieve.sources.cloud.stores import Stores
from pixsieve.sources.cloud.urls import RemoteURL, parse

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 1 << 20
#: Blocks kept, and the most that one request reads ahead when a file is read from end to end.
KEPT = 12
AHEAD = 8


def open_remote(url: str, config: Config) -> BinaryIO:
    """Opens an object for reading; it can be sought in, and keeps a few megabytes in memory.

    A file of a server that sends no ranges is copied to a temporary file first.

    Raises:
        FileNotFoundError: If there is no such object; also while reading, if it goes.
        PermissionError: If the server denies access.
        OSError: If it cannot be reached, or sends errors that do not heal.
        ImportError: If obstore is not installed.
    """
    parsed, sources = parse(url), Stores(config.num_requests)
    sources.store_of(parsed)
    try:
        size, first = wait_for(_begin(sources, parsed))
    except Exception as error:  # noqa: BLE001 - obstore's errors have many types
        if not transfer.without_ranges(error, parsed):
            raise _as_os_error(error, parsed, url) from None
        return _copy(sources, parsed, url)
    return io.BufferedReader(_Blocks(sources, parsed, url, size, first), 1 << 16)


async def _begin(sources: Stores, url: RemoteURL) -> tuple[int, memoryview]:
    """The size, and the first block, by one request where possible."""
    import obstore  # noqa: PLC0415 - needed only for remote inputs

    store = sources.store_of(url)

    async def attempt() -> tuple[int, memoryview]:
        try:
            found = await obstore.get_async(store, url.key, options={"range": (0, BLOCK)})
        except Exception as error:
            if errors.status_of(error) != 416:
                raise
            return 0, memoryview(b"")
        return int(found.meta["size"]), memoryview(await found.bytes_async())

    return await transfer.repeated(sources, attempt)


def _copy(sources: Stores, url: RemoteURL, text: str) -> BinaryIO:
    """The whole file, in memory if small, else in a temporary file that goes when closed."""

    async def attempt() -> IO[bytes]:
        file = tempfile.SpooledTemporaryFile(max_size=AHEAD * BLOCK)  # noqa: SIM115 - returned
        try:
            async for chunk in transfer.stream(sources, url):
                file.write(chunk)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    try:
        # As large as it may be: only silence ends the transfer.
        copy = wait_for(transfer.repeated(sources, attempt, size=1 << 50))
    except Exception as error:  # noqa: BLE001 - obstore's errors have many types
        raise _as_os_error(error, url, text) from None
    return copy  # type: ignore[return-value] # all of BinaryIO's methods, but another base


def _as_os_error(error: BaseException, url: RemoteURL, text: str) -> Exception:
    if isinstance(error, ImportError | ValueError | PermissionError):
        return error
    if errors.denied(error) or not isinstance(error, FileNotFoundError):
        return errors.explained(error, url, text)
    return FileNotFoundError(f"{shown(text)}: there is no such object")


class _Blocks(io.RawIOBase):
    """Reads blocks, several at once as long as they are asked for one after the other."""

    def __init__(
        self, sources: Stores, url: RemoteURL, text: str, size: int, first: memoryview
    ) -> None:
        self._sources, self._url, self._text, self._size = sources, url, text, size
        self._kept = OrderedDict({0: first})
        self._place = 0
        self._next, self._ahead = 1, 1

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise ValueError(f"negative position {origin + offset}")
        self._place = origin + offset
        return self._place

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        if self._place >= self._size or not view:
            return 0
        number, start = divmod(self._place, BLOCK)
        data = self._block(number)[start : start + len(view)]
        view[: len(data)] = data
        self._place += len(data)
        return len(data)

    def _block(self, number: int) -> memoryview:
        if number not in self._kept:
            self._read(number)
        self._kept.move_to_end(number)
        return self._kept[number]

    def _read(self, number: int) -> None:
        self._ahead = min(2 * self._ahead, AHEAD) if number == self._next else 1
        start, end = number * BLOCK, min((number + self._ahead) * BLOCK, self._size)
        try:
            data = wait_for(transfer.part(self._sources, self._url, start, end))
        except Exception as error:  # noqa: BLE001 - obstore's errors have many types
            raise _as_os_error(error, self._url, self._text) from None
        if len(data) < end - start:
            raise OSError(f"{shown(self._text)}: it has been cut off since it was opened")
        self._next = number + self._ahead
        for index in range(self._ahead):
            # Copied, so that letting one block go frees its memory.
            block = memoryview(bytes(data[index * BLOCK : (index + 1) * BLOCK]))
            if block:
                self._kept[number + index] = block
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
