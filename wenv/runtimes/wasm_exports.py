"""Changes a WebAssembly module by its sections; no code is touched.

Source of the format: the WebAssembly core specification, "Binary Format".
"""

from collections.abc import Iterable, Iterator, Mapping

MAGIC = b"\0asm\1\0\0\0"
CUSTOM, EXPORT = 0, 7
#: Of the custom section called ``name``: the part with the names of functions.
FUNCTION_NAMES = 1


def with_exports(module: bytes, functions: Iterable[str]) -> bytes:
    """The module with functions exported that it only names, and without its custom sections.

    Raises ValueError for a module that does not name them.
    """
    sections = list(_sections(module))
    names = next((names for kind, body in sections if kind == CUSTOM for names in [_function_names(body)] if names), {})
    missing = [name for name in functions if name not in names]
    if missing:
        raise ValueError(f"no function called {', '.join(missing)}")
    result = bytearray(MAGIC)
    for kind, body in sections:
        if kind == CUSTOM:
            continue
        content = _exporting(body, {name: names[name] for name in functions}) if kind == EXPORT else body
        result += bytes([kind]) + _number(len(content))
        result += content
    return bytes(result)


def _sections(module: bytes) -> Iterator[tuple[int, bytes]]:
    if module[: len(MAGIC)] != MAGIC:
        raise ValueError("no WebAssembly module")
    at = len(MAGIC)
    while at < len(module):
        kind = module[at]
        size, at = _read(module, at + 1)
        if at + size > len(module):
            raise ValueError("a section is longer than the module")
        yield kind, module[at : at + size]
        at += size


def _exporting(body: bytes, functions: Mapping[str, int]) -> bytes:
    count, at = _read(body, 0)
    added = b"".join(_number(len(name.encode())) + name.encode() + b"\0" + _number(index) for name, index in functions.items())
    return _number(count + len(functions)) + body[at:] + added


def _function_names(custom: bytes) -> dict[str, int]:
    """The functions that a custom section names; none if it is another section."""
    size, at = _read(custom, 0)
    if custom[at : at + size] != b"name":
        return {}
    at += size
    found: dict[str, int] = {}
    while at < len(custom):
        part = custom[at]
        size, at = _read(custom, at + 1)
        if part == FUNCTION_NAMES:
            count, place = _read(custom, at)
            for _ in range(count):
                index, place = _read(custom, place)
                length, place = _read(custom, place)
                found[custom[place : place + length].decode("utf-8", "replace")] = index
                place += length
        at += size
    return found


def _read(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number, and where the next begins.  Raises ValueError if the data ends before it does."""
    number = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise ValueError("the module ends too early")


def _number(value: int) -> bytes:
    """An unsigned LEB128 number."""
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*result, value])
