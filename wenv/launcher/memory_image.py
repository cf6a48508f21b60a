"""Memory images: what the memory of a started interpreter holds, written into a fresh instance of the same module.

A file is a head, padded with zeros to whole pages, and the pages themselves, end to end.  The head is a sequence of 32-bit
numbers, little-endian: how many bytes of WebAssembly memory there are, in units of 64 KiB; how many runs follow; and for each
run its first page and its number of pages, of 4 KiB.  Everything else is as a fresh instance has it.
"""

import ctypes
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from io import FileIO

    #: First page and number of pages.
    Run = tuple[int, int]

PAGE, UNIT = 1 << 12, 1 << 16
#: Of mmap: the same numbers on Linux and macOS.
READ, WRITE, PRIVATE, FIXED = 1, 2, 2, 16
#: The function of a module that makes its libc forget the folders that it was given: the next instance has others.
FORGET_FOLDERS = "__wasilibc_reset_preopens"
#: Beside an image: addresses of bytes, and what to set in each, for the interpreter to raise KeyboardInterrupt.
INTERRUPT = "interrupt.json"


def head_of(units: int, runs: "Sequence[Run]") -> bytes:
    """The head of a file."""
    numbers = [units, len(runs), *(number for run in runs for number in run)]
    data = struct.pack(f"<{len(numbers)}I", *numbers)
    return data.ljust(-(-len(data) // PAGE) * PAGE, b"\0")


def restore(path: str, grown: "Callable[[int], int]", *, mapped: bool) -> None:
    """Write an image into memory; `grown` makes it so many units large and returns its address.

    With `mapped`, pages are not read before they are touched, where the system can do that; it is for memory that goes back to
    the system when the instance ends, not for that of a pool.  Raises OSError for a file that is not whole.
    """
    with open(path, "rb", buffering=0) as file:
        units, runs, at = _read_head(file)
        address = grown(units)
        mapping = _mapping() if mapped else None
        for first, pages in runs:
            place, length = address + first * PAGE, pages * PAGE
            if mapping is None:
                _fill(file, place, length)
            elif mapping(place, length, READ | WRITE, PRIVATE | FIXED, file.fileno(), at) != place:
                raise OSError(ctypes.get_errno(), f"{path} cannot be mapped")
            at += length


def is_whole(path: str) -> bool:
    """Whether a file is an image, none of which is missing."""
    try:
        with open(path, "rb", buffering=0) as file:
            _read_head(file)
            return True
    except OSError:
        return False


def memory_of(path: str) -> int:
    """How many bytes of WebAssembly memory an image needs; none for what is no image."""
    try:
        with open(path, "rb", buffering=0) as file:
            return int(_read_head(file)[0]) * UNIT
    except OSError:
        return 0


def _read_head(file: "FileIO") -> "tuple[int, list[Run], int]":
    """Units of memory, runs, and where their pages begin; the file is read up to there.  Raises OSError if it is not whole."""
    head = file.read(PAGE)
    if len(head) < PAGE:
        raise OSError(f"{file.name} is cut off")
    units, count = struct.unpack_from("<2I", head)
    start = -(-(8 + 8 * count) // PAGE) * PAGE
    if start > PAGE:
        head += file.read(start - PAGE)
    size = os.fstat(file.fileno()).st_size
    if size < start or len(head) < start:
        raise OSError(f"{file.name} is cut off")
    numbers = struct.unpack_from(f"<{2 * count}I", head, 8)
    if size < start + PAGE * sum(numbers[1::2]):
        raise OSError(f"{file.name} is cut off")
    runs = list(zip(numbers[::2], numbers[1::2], strict=True))
    if any(first + pages > units * (UNIT // PAGE) for first, pages in runs):
        raise OSError(f"{file.name} has pages beyond its memory")
    return units, runs, start


def _mapping() -> "Callable[..., int | None] | None":
    """The system's ``mmap``, which the module of that name does not offer for a chosen address; None where pages differ."""
    try:
        if os.sysconf("SC_PAGE_SIZE") != PAGE:
            return None
        function = ctypes.CDLL(None, use_errno=True).mmap
    except (AttributeError, ValueError, OSError, TypeError):  # Windows
        return None
    number = ctypes.c_int
    function.argtypes = (ctypes.c_void_p, ctypes.c_size_t, number, number, number, ctypes.c_int64)
    function.restype = ctypes.c_void_p
    chosen: Callable[..., int | None] = function
    return chosen


def _fill(file: "FileIO", address: int, size: int) -> None:
    target = memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")
    while target:
        count = file.readinto(target)
        if not count:
            raise OSError(f"{file.name} is cut off")
        target = target[count:]
