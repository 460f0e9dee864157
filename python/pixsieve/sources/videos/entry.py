"""Tells packets at which decoding can begin from those that are only said to be key frames.

Containers and encoders also mark pictures that are no clean beginning, as those of an open group
of pictures or of a gradual refresh: what is decoded from there on differs from what players show.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

IsEntry = Callable[[bytes], bool]

START = re.compile(b"\0\0\1(.)", re.DOTALL)
#: Containers without a stamp for each frame: those that are worked out differ after seeking.
UNSTAMPED = ("mpeg", "mpegvideo")
H264_IDR, H264_SLICES = 5, range(1, 6)
HEVC_SLICES, HEVC_ENTRIES = range(32), range(16, 22)
#: Start codes of MPEG-1 and MPEG-2, and of MPEG-4 part 2.
SEQUENCE, PICTURE, VOP = b"\0\0\1\xb3", b"\0\0\1\0", b"\0\0\1\xb6"
AV1_SEQUENCE, AV1_HEADERS = 1, (3, 6)


def entry_test(container: Any, codec_context: Any) -> IsEntry | None:
    """What tells of a packet marked as a key frame whether decoding can begin with it.

    All frames that are shown after it are then the same as those of a decoder that began with the
    first packet. None if no packet but the first is known to be such.
    """
    if container.format.name in UNSTAMPED:
        return None
    if codec_context.codec.intra_only:
        return bool
    name, extra = codec_context.codec.canonical_name, bytes(codec_context.extradata or b"")
    if name == "h264":
        # How this profile is decoded depends on the encoder, which is named in the first packet,
        # but where another encoder went on perhaps in one far before an entry.
        clear = "4:4:4" not in str(codec_context.profile)
        return _h264(_prefix(extra, 4)) if clear else None
    if name == "hevc":
        return _hevc(_prefix(extra, 21))
    return _TESTS.get(name)


def _prefix(extra: bytes, place: int) -> int:
    """How many bytes say the length of a unit; 0 where start codes part them."""
    return (extra[place] & 3) + 1 if len(extra) > place and extra[0] == 1 else 0


def _units(packet: bytes, prefix: int) -> Iterator[int]:
    """The first byte of each unit of H.264 or HEVC."""
    if not prefix:
        yield from (match[1][0] for match in START.finditer(packet))
        return
    place = 0
    while place + prefix < len(packet):
        yield packet[place + prefix]
        place += prefix + int.from_bytes(packet[place : place + prefix], "big")


def _h264(prefix: int) -> IsEntry:
    def is_entry(packet: bytes) -> bool:
        kinds = {first & 31 for first in _units(packet, prefix)}
        return kinds.intersection(H264_SLICES) == {H264_IDR}

    return is_entry


def _hevc(prefix: int) -> IsEntry:
    def is_entry(packet: bytes) -> bool:
        kinds = {first >> 1 & 63 for first in _units(packet, prefix)}.intersection(HEVC_SLICES)
        return bool(kinds) and kinds.issubset(HEVC_ENTRIES)

    return is_entry


def _mpeg12(packet: bytes) -> bool:
    place = packet.find(PICTURE)
    if place < 0 or place + 6 > len(packet):
        return False
    return packet.find(SEQUENCE, 0, place) >= 0 and packet[place + 5] >> 3 & 7 == 1


def _mpeg4(packet: bytes) -> bool:
    place = packet.find(VOP)
    return 0 <= place < len(packet) - 4 and packet[place + 4] >> 6 == 0


def _vp8(packet: bytes) -> bool:
    return bool(packet) and packet[0] & 1 == 0


def _vp9(packet: bytes) -> bool:
    if not packet or packet[0] >> 6 != 2:
        return False
    profile_3 = packet[0] & 0b110000 == 0b110000
    # Neither a frame shown again nor one that refers to others.
    return packet[0] & (0b1110 if profile_3 else 0b1100) == 0


def _av1(packet: bytes) -> bool:
    place, sequence = 0, False
    while place < len(packet):
        head = packet[place]
        kind = head >> 3 & 15
        place += 2 if head & 4 else 1
        size = len(packet) - place
        if head & 2:
            size, place = _leb128(packet, place)
        if kind in AV1_HEADERS:
            # A key frame, and shown at once.
            return sequence and place < len(packet) and packet[place] >> 4 == 1
        sequence = sequence or kind == AV1_SEQUENCE
        place += size
    return False


def _leb128(packet: bytes, place: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = 0
    for index, byte in enumerate(packet[place : place + 8]):
        value |= (byte & 127) << (7 * index)
        if byte < 128:
            return value, place + index + 1
    return 0, len(packet)


_TESTS: dict[str, IsEntry] = {
    "mpeg1video": _mpeg12,
    "mpeg2video": _mpeg12,
    "mpeg4": _mpeg4,
    "vp8": _vp8,
    "vp9": _vp9,
    "av1": _av1,
}
