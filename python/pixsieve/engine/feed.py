"""Brings to Rust what it does not read or decode itself."""

import time
from collections.abc import Callable
from threading import Thread
from typing import TypeVar

import polars as pl

from pixsieve import _native
from pixsieve.config import Config
from pixsieve.engine.images import Images
from pixsieve.sources.fetchers import fetchers
from pixsieve.sources.places import Content, Failure, Fetcher, Pixels

T = TypeVar("T")

#: Longer pictures are refused; it is what a JPEG can hold.
MAX_SIDE = 65_535
#: Pictures that Python decodes at the same time, at most.
DECODERS = 4
#: How long a decoder sleeps before it looks whether the job has ended.
PATIENCE = 0.5
#: After an interruption nobody waits longer for one who waits for a server.
LONGEST_WAIT: float | None = 0.5


def with_feed(
    images: Images,
    config: Config,
    call: Callable[[_native.Pictures, _native.Exchange], T],
) -> T:
    """What `call` gives, while threads bring it the pictures that it cannot read itself.

    Raises:
        Exception: What `call` raises, or what went wrong on one of those threads.
    """
    pictures, brought = images.native(config)
    feed = _Feed(_native.Exchange(), config)
    threads = [
        Thread(target=feed.decode, daemon=True) for _ in range(min(config.threads, DECODERS))
    ]
    for fetcher, rows in fetchers(brought, images.given, config):
        threads.append(Thread(target=feed.bring, args=(fetcher, rows), daemon=True))
    waiting = LONGEST_WAIT
    try:
        for thread in threads:
            thread.start()
        result = call(pictures, feed.exchange)
        waiting = None
    except Exception:
        # That it was stopped is only what came of it.
        if feed.error is not None:
            raise feed.error from None
        raise
    finally:
        feed.exchange.close()
        for thread in threads:
            # One that could not be started cannot be joined.
            if thread.is_alive():
                thread.join(waiting)
    if feed.error is not None:
        raise feed.error
    return result


class _Feed:
    """What the threads share."""

    def __init__(self, exchange: _native.Exchange, config: Config) -> None:
        self.exchange = exchange
        self.error: BaseException | None = None
        self._config = config

    def _failed(self, error: BaseException) -> None:
        self.error = self.error or error
        self.exchange.close()

    def bring(self, fetcher: Fetcher, rows: pl.DataFrame) -> None:
        """Hands over every row, until nobody wants any more."""
        try:
            self._bring(fetcher, rows)
        except BaseException as error:  # noqa: BLE001 - raised again where the job was started
            self._failed(error)

    def _bring(self, fetcher: Fetcher, rows: pl.DataFrame) -> None:
        missing = set(rows["row"].to_list())
        contents = fetcher.fetch(rows)
        try:
            for row, content in contents:
                if row in missing:
                    missing.discard(row)
                    if not self._put(row, content):
                        return
        finally:
            close = getattr(contents, "close", None)
            if close is not None:
                close()
        for row in sorted(missing):
            if not self._put(row, Failure("missing_file", "nothing came of it")):
                return

    def _put(self, row: int, content: Content) -> bool:
        if isinstance(content, Failure):
            return self.exchange.put_failure(picture=row, code=content.code, detail=content.detail)
        if isinstance(content, Pixels):
            return self.exchange.put_pixels(picture=row, pixels=content.array, codec=content.format)
        return self.exchange.put(picture=row, data=content)

    def decode(self) -> None:
        """Decodes what is asked for, until the job has ended."""
        try:
            while not self.exchange.closed:
                asked = self.exchange.take(seconds=PATIENCE)
                if asked is not None:
                    self._decode(*asked)
        except BaseException as error:  # noqa: BLE001 - raised again where the job was started
            self._failed(error)

    def _decode(
        self, picture: int, data: bytes, extension: str | None, short_side: int | None
    ) -> None:
        from pixsieve.sources import formats  # noqa: PLC0415 - for few collections

        started = time.perf_counter()
        result = formats.decode(
            data,
            extension=extension,
            max_side=MAX_SIDE,
            max_pixels=self._config.max_pixels,
            stretch=self._config.stretch,
            short_side=short_side,
        )
        seconds = time.perf_counter() - started
        if isinstance(result, Failure):
            self.exchange.refuse(
                picture=picture, code=result.code, detail=result.detail, seconds=seconds
            )
        else:
            self.exchange.answer(
                picture=picture,
                pixels=result.array,
                codec=result.format,
                width=result.width,
                height=result.height,
                damage=result.damage,
                seconds=seconds,
            )
