"""The bytes that all who decode at once may hold: very large pictures wait for each other."""

from threading import Condition
from typing import Self

#: As in Rust. One picture that needs more may pass alone.
MOST = 512 << 20
#: Pictures that take no more need not ask: their number is that of the threads.
SMALL = 16 << 20


class Room:
    """Hands out bytes, and waits where there are not enough."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._held, self._large_waiting = most, 0, 0
        self._freed = Condition()

    def take(self, needed: int) -> None:
        """Returns when so many bytes may be held; those who need over half are not overtaken."""
        large = needed > self._most // 2
        with self._freed:
            self._large_waiting += large
            self._freed.wait_for(lambda: self._fits(needed, large))
            self._large_waiting -= large
            self._held += needed

    def give(self, held: int) -> None:
        """Takes bytes back."""
        with self._freed:
            self._held -= held
            self._freed.notify_all()

    def _fits(self, needed: int, large: bool) -> bool:
        if self._large_waiting and not large:
            return False
        return self._held == 0 or self._held + needed <= self._most


#: That of all threads.
SHARED = Room()


class Turn:
    """One picture's share, until it is decoded."""

    def __init__(self, room: Room = SHARED) -> None:
        self._room, self._held = room, 0

    def wait(self, needed: int) -> None:
        """Returns when so many bytes may be held in place of those that it held before."""
        if needed <= max(SMALL, self._held):
            return
        # Who waits must hold nothing, or two could wait for each other.
        self._give()
        self._room.take(needed)
        self._held = needed

    def _give(self) -> None:
        if self._held:
            self._room.give(self._held)
            self._held = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._give()
