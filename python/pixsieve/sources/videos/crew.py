"""Reads several videos at once."""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pixsieve.sources.places import Content

Answer = tuple[int, Content]


@dataclass(frozen=True)
class Task:
    """A video to be read, and what reads it."""

    read: Callable[..., Iterator[Answer]]
    video: tuple[str, list[int], list[int]]
    threads: int

    def answers(self) -> Iterator[Answer]:
        """One for each row of the video."""
        return self.read(*self.video, threads=self.threads)


class _Crew:
    """Threads that read videos, and a short queue of what they found."""

    def __init__(self, tasks: list[Task], several: int) -> None:
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        for task in tasks:
            self._tasks.put(task)
        self.found: queue.Queue[Answer | BaseException | None] = queue.Queue(several)
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name="pixsieve-video", daemon=True)
            for _ in range(several)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Returns when all threads have let go of their videos."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        try:
            while not self._stopped.is_set():
                try:
                    task = self._tasks.get_nowait()
                except queue.Empty:
                    break
                if not self._hand_on(task):
                    return
            self._put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where the answers are awaited
            self._put(error)

    def _hand_on(self, task: Task) -> bool:
        answers = task.answers()
        try:
            return all(self._put(answer) for answer in answers)
        finally:
            answers.close()  # type: ignore[attr-defined]

    def _put(self, item: Answer | BaseException | None) -> bool:
        """Whether it was taken, and not told to stop."""
        while not self._stopped.is_set():
            try:
                self.found.put(item, timeout=0.05)
            except queue.Full:
                continue
            return True
        return False


def at_once(tasks: list[Task], several: int) -> Iterator[Answer]:
    """The answers of all tasks as they come; so many of them are at work at a time."""
    crew = _Crew(tasks, several)
    try:
        working = several
        while working:
            item = crew.found.get()
            if item is None:
                working -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item
    finally:
        crew.stop()
