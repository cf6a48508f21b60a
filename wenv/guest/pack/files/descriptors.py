"""The functions of `posix` that take a descriptor."""

from collections.abc import Callable
from typing import Any

from .nodes import FIRST_DESCRIPTOR
from .tree import FILES


def _close(number: int) -> None:
    del FILES.descriptions[number]


def read_into(number: int, buffer: Any) -> int:
    with memoryview(buffer).cast("B") as view:
        found = FILES.descriptions[number].read(len(view))
        view[: len(found)] = found
    return len(found)


DESCRIPTOR_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "close": _close,
    "read": lambda number, size: FILES.descriptions[number].read(size),
    "readinto": read_into,
    "pread": lambda number, size, at: FILES.descriptions[number].read(size, at),
    "write": lambda number, data: FILES.descriptions[number].write(data),
    "pwrite": lambda number, data, at: FILES.descriptions[number].write(data, at),
    "lseek": lambda number, offset, whence: FILES.descriptions[number].seek(offset, whence),
    "fstat": lambda number: FILES.descriptions[number].node.status(),
    "ftruncate": lambda number, size: FILES.descriptions[number].truncate(size),
    "isatty": lambda number: False,
    "fsync": lambda number: None,
    "fdatasync": lambda number: None,
    "get_inheritable": lambda number: False,
    "set_inheritable": lambda number, value: None,
    "get_blocking": lambda number: True,
    "set_blocking": lambda number, value: None,
    "posix_fadvise": lambda number, *_: None,
}


def with_descriptor(name: str) -> Callable[..., Any]:
    inside, host = DESCRIPTOR_FUNCTIONS[name], FILES.host[name]

    def function(fd: int, *arguments: Any, **keywords: Any) -> Any:
        chosen = inside if isinstance(fd, int) and fd in FILES.descriptions else host
        return chosen(fd, *arguments, **keywords)

    function.__name__ = function.__qualname__ = name
    return function


def closerange(low: int, high: int, /) -> None:
    for number in [number for number in FILES.descriptions if low <= number < high]:
        _close(number)
    FILES.host["closerange"](low, min(high, FIRST_DESCRIPTOR))
