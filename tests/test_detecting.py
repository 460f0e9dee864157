"""A detector, used on many pictures at once."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from detector_models import locator
from pixsieve.detectors import Detections, Found, detect_all
from pixsieve.detectors.crops import FAILED, FOUND, NOTES
from pixsieve.detectors.session import Session
from pixsieve.detectors.yolo import Yolo
from pixsieve.progress import Silent
from pixsieve.sources.places import Failure


class Count:
    """Finds as many boxes as the first pixel says; fails where that is 13."""

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, pixels: NDArray[np.uint8]) -> Detections:
        self.calls += 1
        count = int(pixels[0, 0, 0])
        if count == 13:
            raise ZeroDivisionError
        time.sleep(0.001 * (count % 3))
        start = np.arange(count, dtype=np.float32)[:, None]
        return Detections(
            np.concatenate([start, start, start + 2, start + 3], axis=1),
            None,
            labels=[f"thing {number % 2}" for number in range(count)],
            confidences=np.full(count, 0.5, np.float32),
        )


def picture(value: int) -> NDArray[np.uint8]:
    return np.full((4, 6, 3), value, np.uint8)


def look(read: Any, rows: Any, detector: Any, threads: int = 3) -> Found:
    items = [(row, row) for row in rows]
    return detect_all(read, items, detector, total=len(items), threads=threads, progress=Silent())


def test_many_pictures_at_once() -> None:
    def read(row: int) -> NDArray[np.uint8] | Failure:
        return Failure("corrupt", "half of it is missing") if row == 7 else picture(row % 17)

    rows = [*range(40, 0, -1)]
    found = look(read, rows, Count())
    counts = {row: row % 17 for row in sorted(rows) if row % 17 not in (0, 13) and row != 7}
    assert dict(found.boxes.group_by("row", maintain_order=True).len().rows()) == counts
    assert found.boxes.filter(row=3)["_box"].to_list()[2] == [2, 2, 4, 2, 4, 5, 2, 5]
    assert found.boxes.filter(row=3)["label"].to_list() == ["thing 0", "thing 1", "thing 0"]
    assert found.notes.rows() == [
        (7, "corrupt", "half of it is missing"),
        (13, FAILED, "ZeroDivisionError"),
        (30, FAILED, "ZeroDivisionError"),
    ]
    for threads in (1, 8, 100):
        again = look(read, rows, Count(), threads)
        assert found.boxes.equals(again.boxes)
        assert found.notes.equals(again.notes)


@pytest.mark.parametrize("rows", [[], [0], [0, 17]])
def test_no_picture_and_no_box(rows: list[int]) -> None:
    found = look(lambda _: picture(0), rows, Count())
    assert (found.boxes.schema, found.notes.schema) == (FOUND, NOTES)
    assert (len(found.boxes), len(found.notes)) == (0, 0)


def test_more_pictures_than_are_gathered_at_a_time() -> None:
    found = look(lambda row: picture(row % 2), range(5_001), Count(), 4)
    assert found.boxes["row"].to_list() == [*range(1, 5_001, 2)]
    assert found.boxes.schema == FOUND


def test_threads_hold_one_picture_each() -> None:
    held, most, lock = 0, 0, threading.Lock()

    class Slow:
        def detect(self, pixels: NDArray[np.uint8]) -> Detections:
            nonlocal held
            time.sleep(0.002)
            with lock:
                held -= 1
            return Count().detect(pixels)

    def read(row: int) -> NDArray[np.uint8]:
        nonlocal held, most
        with lock:
            held += 1
            most = max(most, held)
        return picture(1)

    assert len(look(read, range(60), Slow(), 4).boxes) == 60
    assert 1 <= most <= 4


class Stopping(Silent):
    """Stops the calling thread after some pictures, as Ctrl-C does."""

    def update(self, done: int, total: int) -> None:
        if 5 <= done < total:
            raise KeyboardInterrupt


def test_an_interruption_begins_no_further_picture() -> None:
    detector = Count()
    with pytest.raises(KeyboardInterrupt):
        detect_all(
            lambda _: picture(2),
            ((row, row) for row in range(10_000)),
            detector,
            total=10_000,
            threads=3,
            progress=Stopping(),
        )
    calls = detector.calls
    assert calls < 1_000
    assert not [one for one in threading.enumerate() if one.name.startswith("detect-")]
    assert detector.calls == calls


def test_ctrl_c_while_threads_are_at_work() -> None:
    read = 0

    def press(row: int) -> NDArray[np.uint8]:
        nonlocal read
        read += 1
        if row == 20:
            # As the terminal does: the signal is heard by the main thread.
            os.kill(os.getpid(), signal.SIGINT)
        return picture(2)

    with pytest.raises(KeyboardInterrupt):
        look(press, range(100_000), Count(), 4)
    assert read < 5_000
    assert not [one for one in threading.enumerate() if one.name.startswith("detect-")]


def test_what_reading_raises_is_raised() -> None:
    def read(row: int) -> NDArray[np.uint8]:
        if row == 30:
            raise PermissionError("the bucket is closed")
        return picture(1)

    with pytest.raises(PermissionError, match="the bucket is closed"):
        look(read, range(10_000), Count())
    assert not [one for one in threading.enumerate() if one.name.startswith("detect-")]


def test_one_model_serves_many_threads(tmp_path: Path) -> None:
    yolo = Yolo(Session(locator(tmp_path / "m.onnx", "v8", width=64, height=64), "cpu"))

    def read(row: int) -> NDArray[np.uint8]:
        pixels = np.zeros((64, 64, 3), np.uint8)
        pixels[row % 40 : row % 40 + 20, 5:15] = (255, 0, 0)
        return pixels

    found = look(read, range(200), yolo, 4)
    assert found.boxes["row"].to_list() == [*range(200)]
    top = found.boxes.select(pl.col("_box").arr.get(1)).to_series()
    assert top.to_list() == [row % 40 for row in range(200)]
