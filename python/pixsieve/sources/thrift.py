"""Thrift's compact protocol, as far as Parquet files are written in it.

A struct is a mapping from field number to (type, value), so that what was read can be changed in
places and written again.
"""

from typing import Any, TypeAlias

#: Types of the protocol.
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
#: Structs in structs that are followed; Parquet's own are six deep.
DEPTH = 24

Struct: TypeAlias = dict[int, tuple[int, Any]]


class Reader:
    """Reads values one after the other.

    All methods raise EOFError if the bytes end too early, ValueError if they are none of the
    protocol.
    """

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    def struct(self, depth: int = 0) -> Struct:
        """The struct that begins here."""
        if depth > DEPTH:
            raise ValueError("structs nested too deeply")
        fields: Struct = {}
        number = 0
        while kind := (head := self._byte()) & 15:
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            fields[number] = (kind, self._value(kind, depth))
        return fields

    def _byte(self) -> int:
        try:
            value = self.data[self.position]
        except IndexError:
            raise EOFError("the bytes end too early") from None
        self.position += 1
        return value

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number is too long")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _raw(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.data):
            raise EOFError("the bytes end too early")
        value = self.data[self.position : end]
        self.position = end
        return value

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (TRUE, FALSE):
            return None
        if kind in (I16, I32, I64):
            return self._zigzag()
        if kind == BINARY:
            return self._raw(self._varint())
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind in (LIST, SET):
            return self._list(depth)
        if kind in (BYTE, DOUBLE):
            return self._raw(1 if kind == BYTE else 8)
        raise ValueError(f"type {kind} is none of Parquet's")

    def _list(self, depth: int) -> tuple[int, list[Any]]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._varint()
        kind = head & 15
        if kind in (TRUE, FALSE):
            return kind, [self._raw(1) for _ in range(count)]
        return kind, [self._value(kind, depth + 1) for _ in range(count)]


def write_struct(fields: Struct) -> bytes:
    """The struct in the compact protocol."""
    parts = bytearray()
    last = 0
    for number in sorted(fields):
        kind, value = fields[number]
        step = number - last
        parts += bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + _zigzag(number)
        parts += _written(kind, value)
        last = number
    parts.append(0)
    return bytes(parts)


def _written(kind: int, value: Any) -> bytes:
    if kind in (I16, I32, I64):
        return _zigzag(value)
    if kind == BINARY:
        return _varint(len(value)) + bytes(value)
    if kind == STRUCT:
        return write_struct(value)
    if kind in (LIST, SET):
        return _written_list(*value)
    return b"" if value is None else bytes(value)


def _written_list(kind: int, values: list[Any]) -> bytes:
    count = len(values)
    head = bytes([count << 4 | kind]) if count < 15 else bytes([0xF0 | kind]) + _varint(count)
    if kind in (TRUE, FALSE):
        return head + b"".join(values)
    return head + b"".join(_written(kind, value) for value in values)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)
