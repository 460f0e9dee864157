"""The event loop on which everything remote runs, in a thread of its own."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds after which a waiting thread looks for Ctrl-C.
TICK = 0.05


@dataclass(frozen=True)
class _Started:
    loop: asyncio.AbstractEventLoop
    process: int


_lock = threading.Lock()
#: By process and number.
_gates: dict[tuple[int, int], asyncio.Semaphore] = {}
_started: list[_Started] = []


def background() -> asyncio.AbstractEventLoop:
    """The loop of this process; it is started when first needed, and idle in between."""
    with _lock:
        # After a fork the thread is gone.
        if not _started or _started[-1].process != os.getpid():
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="pixsieve-remote", daemon=True).start()
            _started.append(_Started(loop, os.getpid()))
        return _started[-1].loop


def gate(requests: int) -> asyncio.Semaphore:
    """Lets so many requests of this process through at a time; used on the loop only."""
    key = (os.getpid(), requests)
    if key not in _gates:
        _gates[key] = asyncio.Semaphore(requests)
    return _gates[key]


def wait_for(work: Coroutine[Any, Any, T], meanwhile: Callable[[], object] | None = None) -> T:
    """What the coroutine gives or raises; it is cancelled if the wait is interrupted.

    Args:
        work: Runs on the event loop.
        meanwhile: Called about twenty times a second by the thread that waits.
    """
    future = asyncio.run_coroutine_threadsafe(work, background())
    try:
        # A signal may reach another thread: then it is seen when this one wakes.
        while not wait([future], timeout=TICK).done:
            if meanwhile is not None:
                meanwhile()
        return future.result()
    finally:
        future.cancel()
