"""Changes a WebAssembly module by its sections; no code is touched.

Source of the format: the WebAssembly core specification, "Binary Format".
"""

from collections.abc import Iterable, Mapping

from wenv.runtimes.wasm_sections import joined, number, read_number, sections

CUSTOM, EXPORT = 0, 7
#: Of the custom section called ``name``: the part with the names of functions.
FUNCTION_NAMES = 1


def with_exports(module: bytes, functions: Iterable[str]) -> bytes:
    """The module with functions exported that it only names, and without its custom sections.

    Raises ValueError for a module that does not name them.
    """
    parts = list(sections(module))
    names = next((names for kind, body in parts if kind == CUSTOM for names in [_function_names(body)] if names), {})
    missing = [name for name in functions if name not in names]
    if missing:
        raise ValueError(f"no function called {', '.join(missing)}")
    exported = {name: names[name] for name in functions}
    kept = ((kind, body) for kind, body in parts if kind != CUSTOM)
    return joined(module, ((kind, _exporting(body, exported) if kind == EXPORT else body) for kind, body in kept))


def _exporting(body: bytes, functions: Mapping[str, int]) -> bytes:
    count, at = read_number(body, 0)
    added = b"".join(number(len(name.encode())) + name.encode() + b"\0" + number(index) for name, index in functions.items())
    return number(count + len(functions)) + body[at:] + added


def _function_names(custom: bytes) -> dict[str, int]:
    """The functions that a custom section names; none if it is another section."""
    size, at = read_number(custom, 0)
    if custom[at : at + size] != b"name":
        return {}
    at += size
    found: dict[str, int] = {}
    while at < len(custom):
        part = custom[at]
        size, at = read_number(custom, at + 1)
        if part == FUNCTION_NAMES:
            count, place = read_number(custom, at)
            for _ in range(count):
                index, place = read_number(custom, place)
                length, place = read_number(custom, place)
                found[custom[place : place + length].decode("utf-8", "replace")] = index
                place += length
        at += size
    return found
