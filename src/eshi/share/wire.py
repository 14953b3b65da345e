"""The wire format of protocol buffers, as far as ONNX needs it: numbers, floats and bytes under field numbers."""

import struct
from collections.abc import Iterator

Value = int | float | bytes
MANY = 200_000  # fields of one message


def field(number: int, value: Value | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value % 2**64)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def fields(content: memoryview) -> Iterator[tuple[int, Value | memoryview]]:
    """(field number, value) in order; a ValueError where the bytes are no message."""
    at = 0
    for _ in range(MANY):
        if at == len(content):
            return
        key, at = taken(content, at)
        if key & 7 == 0:
            value, at = taken(content, at)
            yield key >> 3, value - 2**64 if value >= 2**63 else value
        elif key & 7 == 2:
            length, at = taken(content, at)
            if length > len(content) - at:
                raise ValueError("a part of it is longer than the file")
            yield key >> 3, content[at : at + length]
            at += length
        elif key & 7 == 5 and at + 4 <= len(content):
            yield key >> 3, struct.unpack("<f", content[at : at + 4])[0]
            at += 4
        else:
            raise ValueError("it is cut short, or no model at all")
    raise ValueError("it has more parts than any model")


def taken(content: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(content):
            break
        byte = content[at]
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            return value % 2**64, at
    raise ValueError("it is cut short, or no model at all")
