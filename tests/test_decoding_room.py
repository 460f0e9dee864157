"""Large pictures that Python decodes wait for each other; small ones do not."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from pixsieve.sources import formats
from pixsieve.sources.formats import avif, room
from pixsieve.sources.formats.picture import Decoded, RefusedError, Request
from pixsieve.sources.formats.room import Room, Turn

WAIT = 20


def started(call, *given) -> threading.Thread:
    thread = threading.Thread(target=call, args=given, daemon=True)
    thread.start()
    return thread


def wait_until(is_so) -> None:
    pause = threading.Event()
    for _ in range(WAIT * 1000):
        if is_so():
            return
        pause.wait(0.001)
    raise AssertionError("it never came")


def test_one_larger_than_all_passes_alone_and_before_later_ones():
    place = Room(1000)
    place.take(100)
    huge = started(place.take, 5000)
    wait_until(lambda: place._large_waiting == 1)
    later = started(place.take, 100)
    place.give(100)
    huge.join(WAIT)
    assert (huge.is_alive(), later.is_alive(), place._held) == (False, True, 5000)
    place.give(5000)
    later.join(WAIT)
    assert (later.is_alive(), place._held) == (False, 100)


def test_never_more_than_there_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "SMALL", 0)
    place, most = Room(1000), []

    def decode(seed: int) -> None:
        needs = np.random.default_rng(seed).integers(1, 900, 2).tolist()
        with Turn(place) as turn:
            for needed in needs:
                turn.wait(needed)
                most.append(place._held)

    with ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(decode, seed) for seed in range(300)]:
            done.result(WAIT)
    assert place._held == 0
    assert 500 < max(most) <= 1000


def test_small_ones_do_not_ask():
    place = Room(0)
    with Turn(place) as turn:
        turn.wait(room.SMALL)
        assert place._held == 0


def test_what_is_refused_or_breaks_gives_its_room_back(monkeypatch: pytest.MonkeyPatch):
    place = Room()
    monkeypatch.setattr(room, "SMALL", 0)
    monkeypatch.setattr(room, "SHARED", place)
    monkeypatch.setattr(Turn.__init__, "__defaults__", (place,))
    held: list[int] = []

    def broken(data: bytes, request: Request) -> Decoded:
        request.check(10, 10, 100, 2)
        held.append(place._held)
        raise {b"r": RefusedError("corrupt", "refused"), b"m": MemoryError()}[data[-1:]]

    monkeypatch.setattr(avif, "decode", broken)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "avif")
    for end in (b"r", b"m"):
        formats.decode(
            buffer.getvalue() + end,
            extension="avif",
            max_side=99,
            max_pixels=1000,
            stretch="range",
        )
        assert place._held == 0
    assert held == [200, 200]


def test_large_pictures_are_decoded_one_after_the_other(monkeypatch: pytest.MonkeyPatch):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "avif")
    together, most, lock = [0], [0], threading.Lock()

    def slow(_: bytes, request: Request) -> Decoded:
        request.check(6000, 5000, 30_000_000, 14)
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
        threading.Event().wait(0.02)
        with lock:
            together[0] -= 1
        return Decoded(np.zeros((1, 1, 3), np.uint8), "avif", 1, 1)

    monkeypatch.setattr(avif, "decode", slow)
    ask = {"extension": "avif", "max_side": 9999, "max_pixels": 10**8, "stretch": "range"}
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: formats.decode(buffer.getvalue(), **ask), range(8)))
    assert all(isinstance(one, Decoded) for one in results)
    assert most == [1]
