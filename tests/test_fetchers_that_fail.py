"""What brings pictures may raise, stall, repeat itself or say nothing."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from conftest import Run, png
from pixsieve.audit.job import Job
from pixsieve.sources import formats
from pixsieve.sources.places import Content, Failure
from pixsieve.sources.tables import items

Answers = Iterator[tuple[int, Content]]
COUNT = 40


PICTURES = [png(number) for number in range(COUNT)]
#: Goes out to be decoded by its first bytes.
PSD = b"8BPS" + bytes(40)


class BrokenError(Exception):
    """What no part of the program knows."""


@pytest.fixture
def fetching(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Answers]], None]:
    """Puts something else between a list of pictures and what brings them."""
    usual = items.Items.fetch

    def put(changed: Callable[..., Answers]) -> None:
        def fetch(self: items.Items, rows: pl.DataFrame) -> Answers:
            return changed(usual(self, rows))

        monkeypatch.setattr(items.Items, "fetch", fetch)

    return put


def test_one_that_raises_ends_the_run(run: Run, fetching, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(Job, "shard_size", 10)
    brought = 0
    closed = threading.Event()

    def some(answers: Answers) -> Answers:
        nonlocal brought
        try:
            for answer in answers:
                brought += 1
                if brought == 25:
                    raise BrokenError("the disk is on fire")
                yield answer
        finally:
            closed.set()

    fetching(some)
    before = set(threading.enumerate())
    with pytest.raises(BrokenError, match=r"^the disk is on fire$"):
        run(PICTURES, work_dir=tmp_path / "work")
    assert closed.is_set()
    assert set(threading.enumerate()) <= before
    # What was finished is there, and another run goes on.
    assert len(list((tmp_path / "work" / "shards").glob("*.json"))) == 2
    audit = run(PICTURES, work_dir=tmp_path / "work")
    assert audit.info["counts"] == {"images": COUNT, "embedded": COUNT}


@pytest.mark.parametrize("count", [1, COUNT])
def test_decoding_that_raises_ends_the_run(run: Run, monkeypatch, count: int):
    def decode(_data: bytes, **_settings: object) -> Content:
        raise BrokenError("the library is on fire")

    monkeypatch.setattr(formats, "decode", decode)
    before = set(threading.enumerate())
    with pytest.raises(BrokenError, match=r"^the library is on fire$"):
        run([PSD] * count)
    assert set(threading.enumerate()) <= before


def test_one_that_raises_while_another_picture_is_decoded(run: Run, fetching, monkeypatch):
    asked, raised = threading.Event(), threading.Event()

    def decode(_data: bytes, **_settings: object) -> Content:
        asked.set()
        assert raised.wait(20)
        return Failure("corrupt", "too late")

    def one(answers: Answers) -> Answers:
        yield next(answers)
        assert asked.wait(20)
        raised.set()
        raise BrokenError("the disk is on fire")

    monkeypatch.setattr(formats, "decode", decode)
    fetching(one)
    with pytest.raises(BrokenError, match=r"^the disk is on fire$"):
        run([PSD] * 2)


def test_one_that_cannot_begin(run: Run, fetching):
    def none(_: Answers) -> Answers:
        raise OSError(5, "Input/output error")

    fetching(none)
    with pytest.raises(OSError, match="Input/output error"):
        run(PICTURES)


def test_answers_that_come_twice_or_for_nobody(run: Run, fetching):
    reference = run(PICTURES)

    def repeated(answers: Answers) -> Answers:
        for row, content in answers:
            yield row, content
            yield row, PICTURES[0]
            yield row + 10_000, PICTURES[1]
        yield -1, PICTURES[2]

    fetching(repeated)
    audit = run(PICTURES)
    assert audit.images.equals(reference.images)
    assert audit.embeddings().equals(reference.embeddings())


def test_rows_that_are_never_answered(run: Run, fetching):
    fetching(lambda answers: ((row, content) for row, content in answers if row % 3))
    audit = run(PICTURES)
    rows = audit.invalid_instances().select("image", "error_code", "detail").rows()
    # Rows are in path order: #row=10 comes before #row=2.
    assert rows == [(row, "missing_file", "nothing came of it") for row in range(0, COUNT, 3)]
    assert audit.info["counts"]["embedded"] == COUNT - len(rows)


def test_any_order(run: Run, fetching):
    reference = run(PICTURES)
    fetching(lambda answers: iter(list(answers)[::-1]))
    audit = run(PICTURES)
    assert audit.images.equals(reference.images)
    assert audit.embeddings().equals(reference.embeddings())


def test_items_that_raise_are_rows(run: Run):
    class Flaky:
        def __len__(self) -> int:
            return COUNT

        def __getitem__(self, index: int) -> bytes:
            if index % 4 == 1:
                raise BrokenError("no")
            return PICTURES[index]

    audit = run(Flaky())
    rows: list[Any] = audit.invalid_instances().select("error_code", "detail").rows()
    assert len(rows) == COUNT // 4
    assert {code for code, _ in rows} == {"corrupt"}
    assert all(detail.endswith("BrokenError: no") for _, detail in rows)


SLOW = """
import sys, time
import pixsieve

class Slow:
    def __len__(self):
        return 1000
    def __getitem__(self, index):
        if index == 0:
            return open(sys.argv[1], "rb").read()
        print("busy", flush=True)
        time.sleep(60)

try:
    pixsieve.run(Slow(), work_dir=sys.argv[2], progress=False, device="cpu", num_threads=2)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


def test_an_interruption_does_not_wait_for_a_slow_data_set(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(PICTURES[0])
    call = [sys.executable, "-c", SLOW, str(tmp_path / "a.png"), str(tmp_path / "work")]
    process = subprocess.Popen(
        call,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "busy\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    # One item alone takes a minute.
    said, _ = process.communicate(timeout=20)
    assert said == "stopped\n"
    assert process.returncode == 0
