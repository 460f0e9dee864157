"""The size of a JPEG XL, from its first bytes: libjxl's wrapper decodes whatever it is given."""

import itertools
from collections.abc import Iterator

from pixsieve.sources.formats.boxes import boxes
from pixsieve.sources.formats.picture import RefusedError

MARK = b"\xff\x0a"
#: A size is written in so many bits, as two bits before it say.
WIDTHS = (9, 13, 18, 30)
#: Width to height, by number.
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
#: The size takes at most 2 * 32 + 4 bits after the mark.
ENOUGH = 12


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height, before any turn (ISO/IEC 18181-1, SizeHeader).

    Raises:
        RefusedError: If there is none.
    """
    head = _codestream(data)
    if len(head) < 3 or not head.startswith(MARK):
        raise RefusedError("corrupt", "the file ends before the picture's size")
    bits = _Bits(head[len(MARK) :])
    in_eights = bits.take(1)
    height = 8 * (bits.take(5) + 1) if in_eights else bits.take(WIDTHS[bits.take(2)]) + 1
    ratio = bits.take(3)
    if ratio:
        wide, high = RATIOS[ratio - 1]
        return height * wide // high, height
    width = 8 * (bits.take(5) + 1) if in_eights else bits.take(WIDTHS[bits.take(2)]) + 1
    return width, height


def _codestream(data: bytes) -> bytes:
    """Its first bytes, which may be spread over several boxes."""
    if data.startswith(MARK):
        return data[:ENOUGH]
    return bytes(itertools.islice(_in_boxes(data), ENOUGH))


def _in_boxes(data: bytes) -> Iterator[int]:
    for kind, start, end in boxes(data):
        if kind == b"jxlc":
            yield from data[start : min(end, start + ENOUGH)]
        elif kind == b"jxlp":
            # The number of the part comes first.
            yield from data[start + 4 : min(end, start + 4 + ENOUGH)]


class _Bits:
    """Numbers of some bits each, the lowest first."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        taken = self._number & ((1 << count) - 1)
        self._number >>= count
        return taken
