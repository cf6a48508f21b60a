"""Modules and components of WebAssembly as sequences of sections.

Source of the format: the WebAssembly core specification, "Binary Format"; a component's begins alike.
"""

from collections.abc import Iterable, Iterator

MAGIC = b"\0asm"
#: Of MAGIC and the version that follows, in bytes.
HEADER = 8


def sections(module: bytes) -> Iterator[tuple[int, bytes]]:
    """The kinds and contents of a module's or component's sections.  Raises ValueError for what is neither."""
    if module[: len(MAGIC)] != MAGIC:
        raise ValueError("no WebAssembly module")
    at = HEADER
    while at < len(module):
        kind = module[at]
        size, at = read_number(module, at + 1)
        if at + size > len(module):
            raise ValueError("a section is longer than the module")
        yield kind, module[at : at + size]
        at += size


def joined(module: bytes, parts: Iterable[tuple[int, bytes]]) -> bytes:
    """What `module` is, with these sections."""
    result = bytearray(module[:HEADER])
    for kind, body in parts:
        result += bytes([kind]) + number(len(body))
        result += body
    return bytes(result)


def read_number(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number, and where the next begins.  Raises ValueError if the data ends before it does."""
    found = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found, at
        shift += 7
    raise ValueError("the module ends too early")


def number(value: int) -> bytes:
    """An unsigned LEB128 number."""
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*result, value])
