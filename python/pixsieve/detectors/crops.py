"""A detector, used on many pictures at once."""

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.detectors.boxes import Detections, Detector, corners_of
from pixsieve.progress import Progress

#: What was found; `_box` is x1, y1 to x4, y4 in pixels, clockwise from the top left.
FOUND = pl.Schema(
    {
        "row": pl.UInt32(),
        "_box": pl.Array(pl.Float64, 8),
        "label": pl.String(),
        "confidence": pl.Float32(),
    }
)
#: Why nothing could be looked for in a picture.
NOTES = pl.Schema({"row": pl.UInt32(), "error_code": pl.String(), "detail": pl.String()})
#: The code of pictures that the detector itself fails on.
FAILED = "detector_failed"
#: So many pictures' boxes are gathered before they become a frame.
GATHERED = 1_024
#: Seconds between two looks whether the user wants to stop.
LOOK = 0.05


class Failed(Protocol):
    """Why there is no picture."""

    @property
    def code(self) -> str:
        """An error code of `invalid_instances()`."""

    @property
    def detail(self) -> str:
        """A sentence."""


T = TypeVar("T")

Read: TypeAlias = Callable[[T], NDArray[np.uint8] | Failed]


@dataclass(frozen=True)
class Note:
    """Why nothing was looked for in a picture."""

    code: str
    detail: str


@dataclass(frozen=True)
class Found:
    """What a detector found in many pictures."""

    boxes: pl.DataFrame
    """`FOUND`, by row, then descending confidence, then coordinates."""
    notes: pl.DataFrame
    """`NOTES`, by row: pictures that could not be had, or that the detector failed on."""


Answer: TypeAlias = tuple[int, Detections | Failed]


def detect_all(
    read: Read[T],
    items: Iterable[tuple[int, T]],
    detector: Detector,
    *,
    total: int,
    threads: int,
    progress: Progress,
) -> Found:
    """What the detector finds in each picture; a picture without anything has no row.

    Args:
        read: Makes a picture of an item, (h, w, 3) upright RGB, or says why there is none. It is
            called by several threads, each of which holds one picture at a time.
        items: Rows, each once, and what `read` makes pictures of; taken as they are needed.
        detector: Used by all threads.
        total: How many rows there are.
        threads: How many.
        progress: Told how many pictures are done.

    Raises:
        BaseException: What `read` raises, or what stops the calling thread, such as
            KeyboardInterrupt; the pictures at work are finished first, no further one is begun.
    """
    boxes, notes = [pl.DataFrame(schema=FOUND)], [pl.DataFrame(schema=NOTES)]
    gathered: list[tuple[int, Detections]] = []
    failed: list[tuple[int, str, str]] = []
    progress.stage("detect", "images")
    with closing(_answers(read, items, detector, min(threads, total))) as answers:
        for done, (row, found) in enumerate(answers, start=1):
            if isinstance(found, Detections):
                gathered.append((row, found))
            else:
                failed.append((row, found.code, found.detail))
            if len(gathered) == GATHERED:
                boxes.append(_frame(gathered))
                gathered = []
            progress.update(done, total)
    boxes.append(_frame(gathered))
    notes.append(pl.DataFrame(failed, schema=NOTES, orient="row"))
    return Found(_in_order(pl.concat(boxes)), pl.concat(notes).sort("row"))


def _answers(
    read: Read[T], items: Iterable[tuple[int, T]], detector: Detector, threads: int
) -> Generator[Answer, None, None]:
    """What becomes of each row, in the order in which they are done."""
    left = iter(items)
    lock, stop = threading.Lock(), threading.Event()
    answers: SimpleQueue[Answer | BaseException | None] = SimpleQueue()

    def work() -> None:
        try:
            while not stop.is_set():
                with lock:
                    item = next(left, None)
                if item is None:
                    break
                answers.put((item[0], _look(read, item[1], detector)))
        except BaseException as error:  # noqa: BLE001 - raised again by the calling thread
            answers.put(error)
        answers.put(None)

    workers = [
        threading.Thread(target=work, name=f"detect-{number}", daemon=True)
        for number in range(max(1, threads))
    ]
    try:
        for worker in workers:
            worker.start()
        at_work = len(workers)
        while at_work:
            answer = _next(answers)
            if answer is None:
                at_work -= 1
            else:
                yield answer
    finally:
        stop.set()
        for worker in workers:
            if worker.ident is not None:
                worker.join()


def _next(answers: "SimpleQueue[Answer | BaseException | None]") -> Answer | None:
    while True:
        try:
            # With a limit, for without one the user's wish to stop is not heard everywhere.
            answer = answers.get(timeout=LOOK)
        except Empty:
            continue
        if isinstance(answer, BaseException):
            raise answer
        return answer


def _look(read: Read[T], item: T, detector: Detector) -> Detections | Failed:
    picture = read(item)
    if not isinstance(picture, np.ndarray):
        return picture
    try:
        return detector.detect(picture)
    except Exception as error:  # noqa: BLE001 - one picture that a detector fails on stops nothing
        return Note(FAILED, str(error) or type(error).__name__)


def _frame(gathered: Sequence[tuple[int, Detections]]) -> pl.DataFrame:
    if not any(len(found) for _, found in gathered):
        return pl.DataFrame(schema=FOUND)
    corners = [
        corners_of(found.boxes) if found.corners is None else found.corners for _, found in gathered
    ]
    return pl.DataFrame(
        {
            "row": np.repeat(
                np.array([row for row, _ in gathered], np.uint32),
                [len(found) for _, found in gathered],
            ),
            "_box": np.concatenate(corners).astype(np.float64),
            "label": [label for _, found in gathered for label in found.labels],
            "confidence": np.concatenate([found.confidences for _, found in gathered]),
        },
        schema=FOUND,
    )


def _in_order(boxes: pl.DataFrame) -> pl.DataFrame:
    places = [pl.col("_box").arr.get(number) for number in range(8)]
    return boxes.sort("row", "confidence", *places, "label", descending=[False, True, *[False] * 9])
