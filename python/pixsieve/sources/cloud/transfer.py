"""Bytes of one object, with further tries where that may help."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from pixsieve.sources.cloud import errors, plain, stores
from pixsieve.sources.cloud.loop import gate
from pixsieve.sources.cloud.stores import Stores
from pixsieve.sources.cloud.urls import RemoteURL

if TYPE_CHECKING:
    from obstore import GetResult

T = TypeVar("T")

#: Larger ones are never read into memory as a whole.
MAX_BYTES = 1 << 29
#: A transfer slower than this (bytes a second, after a minute) is given up.
SLOWEST = 32_768
CHUNK = 1 << 18


class TooLargeError(ValueError):
    """The object is larger than `MAX_BYTES`."""


async def repeated(sources: Stores, attempt: Callable[[], Awaitable[T]], *, size: int = 0) -> T:
    """What the attempt gives, after up to `TRIES` tries begun within `SECONDS` seconds.

    Raises:
        Exception: What the last try raised.
    """
    started, pause = time.monotonic(), stores.PAUSES[0]
    for number in range(1, stores.TRIES + 1):
        try:
            async with (
                gate(sources.requests),
                asyncio.timeout(stores.SECONDS + size / SLOWEST),
            ):
                return await attempt()
        except Exception as error:
            late = time.monotonic() - started + pause > stores.SECONDS
            if number == stores.TRIES or late or not errors.passes(error):
                raise
        # Full jitter: those who failed together do not come back together.
        await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - no secret
        pause = min(2 * pause, stores.PAUSES[1])
    raise AssertionError("the last try returns or raises")


async def whole(sources: Stores, url: RemoteURL, size: int) -> memoryview:
    """All bytes of an object, whatever its size has become since it was listed.

    Raises:
        TooLargeError: If it is larger than `MAX_BYTES`.
        Exception: As obstore says, when no further try helps.
    """
    import obstore  # noqa: PLC0415 - needed only for remote inputs

    store = sources.store_of(url)

    async def attempt() -> memoryview:
        if size and not url.is_http:
            # One step instead of two; the byte more tells whether the object has grown.
            try:
                data = await obstore.get_range_async(store, url.key, start=0, end=size + 1)
                if len(data) <= size:
                    return memoryview(data)
            except Exception as error:
                if errors.status_of(error) != 416:
                    raise
        try:
            found = await obstore.get_async(store, url.key)
            check_size(found.meta["size"])
            return memoryview(await found.bytes_async())
        except Exception as error:
            if not plain.needed(error, url):
                raise
            return memoryview(await asyncio.to_thread(plain.read, url, MAX_BYTES))

    return await repeated(sources, attempt, size=size)


async def part(sources: Stores, url: RemoteURL, start: int, end: int) -> memoryview:
    """The bytes from `start` up to `end`; fewer where the object ends before.

    Raises:
        Exception: As obstore says, when no further try helps.
    """
    import obstore  # noqa: PLC0415 - needed only for remote inputs

    store = sources.store_of(url)

    async def attempt() -> memoryview:
        try:
            data = await obstore.get_range_async(store, url.key, start=start, end=end)
        except Exception as error:
            if errors.status_of(error) == 416:
                return memoryview(b"")
            if not without_ranges(error, url):
                raise
            return await _cut(sources, url, start, end)
        return memoryview(data)

    return await repeated(sources, attempt, size=end - start)


def without_ranges(error: BaseException, url: RemoteURL) -> bool:
    """Whether a plain server sends whole files only."""
    return url.is_http and (type(error).__name__ == "NotSupportedError" or plain.needed(error, url))


async def _cut(sources: Stores, url: RemoteURL, start: int, end: int) -> memoryview:
    """A part out of the stream of all, of which no more than that part is kept."""
    kept, place = bytearray(), 0
    async for chunk in stream(sources, url):
        kept += chunk[max(start - place, 0) : max(end - place, 0)]
        place += len(chunk)
        if place >= end:
            break
    return memoryview(bytes(kept))


async def stream(sources: Stores, url: RemoteURL) -> AsyncGenerator[memoryview, None]:
    """All bytes of an object, piece by piece; without further tries.

    Raises:
        Exception: As obstore says.
    """
    import obstore  # noqa: PLC0415 - needed only for remote inputs

    try:
        found = await obstore.get_async(sources.store_of(url), url.key)
    except Exception as error:
        if not plain.needed(error, url):
            raise
        with await asyncio.to_thread(plain.opened, url) as answer:
            while chunk := await asyncio.to_thread(answer.read, CHUNK):
                yield memoryview(chunk)
        return
    async for piece in found.stream(min_chunk_size=CHUNK):
        yield memoryview(piece)


async def described(sources: Stores, url: RemoteURL) -> tuple[int, int]:
    """Size and time of change (nanoseconds since 1970) of an object; 0 where not known.

    Raises:
        Exception: As obstore says, when no further try helps.
    """
    import obstore  # noqa: PLC0415 - needed only for remote inputs

    store = sources.store_of(url)

    async def attempt() -> tuple[int, int]:
        try:
            meta = await obstore.head_async(store, url.key)
        except Exception as error:
            if not url.is_http or errors.status_of(error) in {404, 410}:
                raise
            # A server that refuses HEAD may well answer GET; the body is left there.
            return await _asked(store, url)
        return int(meta["size"]), int(meta["last_modified"].timestamp()) * 1_000_000_000

    return await repeated(sources, attempt)


async def _asked(store: "stores.Store", url: RemoteURL) -> tuple[int, int]:
    import obstore  # noqa: PLC0415 - needed only for remote inputs

    try:
        found: GetResult = await obstore.get_async(store, url.key)
    except Exception as error:
        if not plain.needed(error, url):
            raise
        (await asyncio.to_thread(plain.opened, url)).close()
        return 0, 0
    stamp = int(found.meta["last_modified"].timestamp())
    return int(found.meta["size"]), stamp * 1_000_000_000


def check_size(size: int) -> None:
    """Raises TooLargeError where an object must not be read into memory."""
    if size > MAX_BYTES:
        raise TooLargeError(f"{size:,} bytes; at most {MAX_BYTES:,} are read into memory")
