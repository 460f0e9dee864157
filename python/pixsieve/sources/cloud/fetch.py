"""Pictures of buckets and servers, many at a time."""

import asyncio
import contextlib
import queue
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

from pixsieve.config import Config
from pixsieve.sources.archives.zipped import LOCAL
from pixsieve.sources.cloud import errors, members, transfer
from pixsieve.sources.cloud.loop import TICK, background
from pixsieve.sources.cloud.members import Part
from pixsieve.sources.cloud.stores import Stores
from pixsieve.sources.cloud.urls import RemoteURL, parse
from pixsieve.sources.places import Content, Failure

#: What may lie in memory: under way, and waiting to be taken.
BUDGET = 96 << 20
#: Assumed of an object whose size is not known.
UNKNOWN = 1 << 20
#: Members nearer to each other than this are read by one request, of up to so many bytes.
GAP = 64 << 10
REQUEST = 8 << 20

Answers: TypeAlias = list[tuple[int, Content]]


@dataclass(frozen=True)
class Request:
    """One object, or one range of it, and the pictures in it."""

    url: RemoteURL
    parts: Sequence[Part]
    start: int
    end: int | None
    """None for the whole object."""

    @property
    def cost(self) -> int:
        """Bytes it will take in memory, as far as known."""
        if self.end is None:
            return self.parts[0].size or UNKNOWN
        return self.end - self.start + sum(part.size for part in self.parts)


class RemoteFetcher:
    """Brings the kinds `file`, `member` and `zipped` from buckets and servers.

    At most `config.num_requests` requests are under way at a time, and no more than `BUDGET`
    bytes lie in memory, or one picture if that is larger.
    """

    def __init__(self, config: Config) -> None:
        self._requests = config.num_requests
        self._stores = Stores(config.num_requests)

    def fetch(self, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        """Yields what each row holds, as it arrives, every row exactly once.

        Args:
            rows: Columns of `LISTED`, and `row`, by which the answers are told apart.

        Raises:
            ImportError: If obstore is not installed.
        """
        requests, answers = plan(rows)
        yield from answers
        if not requests:
            return
        self._stores.store_of(requests[0].url)
        run = _Run(requests, self._stores, self._requests)
        try:
            yield from run.answers()
        finally:
            run.close()


class _Run:
    """One call of `fetch`; its workers live on the event loop, its reader does not."""

    def __init__(self, requests: Sequence[Request], stores: Stores, workers: int) -> None:
        self._left = iter(requests)
        self._stores = stores
        self._budget = Budget(BUDGET)
        self._ready: queue.SimpleQueue[tuple[Answers, int] | None] = queue.SimpleQueue()
        self._loop = background()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = self._ended = False
        count = min(workers, len(requests))
        self._done = asyncio.run_coroutine_threadsafe(self._work(count), self._loop)

    def answers(self) -> Iterator[tuple[int, Content]]:
        taken = 0
        while (item := self._next()) is not None:
            answers, cost = item
            yield from answers
            taken += cost
            # Handing back wakes the loop: not for every single picture.
            if taken > BUDGET // 16 or self._ready.empty():
                self._loop.call_soon_threadsafe(self._budget.give, taken)
                taken = 0
        self._done.result()

    def close(self) -> None:
        """Cancels what is under way, and returns when it has ended."""
        self._loop.call_soon_threadsafe(self._stop)
        while not self._ended and self._next() is not None:
            pass

    def _next(self) -> tuple[Answers, int] | None:
        while True:
            # Woken now and then, since a signal may reach another thread.
            with contextlib.suppress(queue.Empty):
                return self._ready.get(timeout=TICK)

    def _stop(self) -> None:
        self._stopped = True
        for task in self._tasks:
            task.cancel()

    async def _work(self, workers: int) -> None:
        self._tasks = [asyncio.create_task(self._worker()) for _ in range(workers)]
        if self._stopped:
            self._stop()
        try:
            ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            self._ended = True
            self._ready.put(None)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _worker(self) -> None:
        for request in self._left:
            if self._stopped:
                return
            cost = await self._budget.take(request.cost)
            answers = await self._answers(request)
            actual = sum(len(content) for _, content in answers if isinstance(content, bytes))
            self._budget.correct(cost, actual)
            self._ready.put((answers, actual))

    async def _answers(self, request: Request) -> Answers:
        try:
            if request.end is None:
                data = await transfer.whole(self._stores, request.url, request.parts[0].size)
                return [(request.parts[0].row, bytes(data))]
            return await self._members(request, request.end)
        except transfer.TooLargeError as error:
            failure = Failure("too_large", f"{request.parts[0].path}: {error}")
        except Exception as error:  # noqa: BLE001 - one object is a row, whatever went wrong
            failure = errors.failure_of(error, request.parts[0].path)
        return [(part.row, failure) for part in request.parts]

    async def _members(self, request: Request, end: int) -> Answers:
        data = await transfer.part(self._stores, request.url, request.start, end)
        answers: Answers = []
        for part in request.parts:
            own = data[part.offset - request.start :]
            front = members.front_of(own) if part.kind == "zipped" else None
            if front is not None and front > LOCAL.size + members.SLACK:
                last = part.offset + front + part.stored
                own = await transfer.part(self._stores, request.url, part.offset, last)
            answers.append((part.row, members.content_of(part, own)))
        return answers


class Budget:
    """Bytes that may be held; used on the event loop only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, cost: int) -> int:
        """Waits until there is room, first come first served; gives what was taken."""
        cost = min(cost, self._limit)
        if self._waiting or self._used + cost > self._limit:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((cost, future))
            await future
        else:
            self._used += cost
        return cost

    def correct(self, taken: int, actual: int) -> None:
        """What was taken turns out to be another number of bytes."""
        self._used += actual - taken
        self._wake()

    def give(self, cost: int) -> None:
        """Hands bytes back."""
        self._used -= cost
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self._used + self._waiting[0][0] <= self._limit:
            cost, future = self._waiting.popleft()
            if not future.done():
                self._used += cost
                future.set_result(None)


def plan(rows: pl.DataFrame) -> tuple[list[Request], Answers]:
    """The requests, in the order of their first rows, and the rows that need none."""
    answers: Answers = []
    whole: list[Request] = []
    ranged: dict[bytes, list[Part]] = {}
    columns = ("row", "kind", "path", "offset", "stored", "size", "check", "location")
    for *values, location in rows.select(columns).iter_rows():
        part = Part(*values)
        failure = _refused(part)
        if failure is not None:
            answers.append((part.row, failure))
        elif part.kind == "file":
            whole.append(Request(parse(location.decode()), [part], 0, None))
        else:
            ranged.setdefault(location, []).append(part)
    merged = [request for location, parts in ranged.items() for request in _merged(location, parts)]
    return sorted(whole + merged, key=lambda request: request.parts[0].row), answers


def _refused(part: Part) -> Failure | None:
    if part.kind not in {"file", "member", "zipped"}:
        return Failure("missing_file", f"{part.path}: {part.kind!r} cannot be read from there")
    if max(part.stored, part.size) > transfer.MAX_BYTES:
        return Failure(
            "too_large", f"{part.path}: more than {transfer.MAX_BYTES:,} bytes in one file"
        )
    if part.offset > 1 << 62:
        return Failure("corrupt", f"{part.path}: the archive cannot be that large")
    return None


def _merged(location: bytes, parts: list[Part]) -> Iterator[Request]:
    url = parse(location.decode())
    near: list[Part] = []
    start = end = 0
    for part in sorted(parts, key=lambda part: part.offset):
        last = max(end, part.end)
        if near and (part.offset > end + GAP or last - start > REQUEST):
            yield Request(url, near, start, end)
            near, last = [], part.end
        if not near:
            start = part.offset
        near.append(part)
        end = last
    if near:
        yield Request(url, near, start, end)
