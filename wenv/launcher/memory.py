"""Memory images: what the memory of a started interpreter holds, written into a fresh instance of the same module.

A file is a head, padded with zeros to whole pages, and the pages themselves, end to end.  The head is a sequence of 32-bit
numbers, little-endian: how many bytes of WebAssembly memory there are, in units of 64 KiB; how many runs follow; and for each
run its first page and its number of pages, of 4 KiB.  Everything else is as a fresh instance has it.
"""

import ctypes
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from io import FileIO

    #: First page and number of pages.
    Run = tuple[int, int]

PAGE, UNIT = 1 << 12, 1 << 16
#: The function of a module that makes its libc forget the folders that it was given: the next instance has others.
FORGET_FOLDERS = "__wasilibc_reset_preopens"
#: Beside an image: addresses of bytes, and what to set in each, for the interpreter to raise KeyboardInterrupt.
INTERRUPT = "interrupt.json"


def head_of(units: int, runs: "Sequence[Run]") -> bytes:
    """The head of a file."""
    numbers = [units, len(runs), *(number for run in runs for number in run)]
    data = struct.pack(f"<{len(numbers)}I", *numbers)
    return data.ljust(-(-len(data) // PAGE) * PAGE, b"\0")


def restore(path: str, grown: "Callable[[int], int]") -> None:
    """Write an image into memory; `grown` makes it so many units large and returns its address.

    Raises OSError for a file that is not whole.
    """
    with open(path, "rb", buffering=0) as file:
        head = file.read(PAGE)
        units, count = struct.unpack_from("<2I", head)
        size = -(-(8 + 8 * count) // PAGE) * PAGE
        if size > PAGE:
            head += file.read(size - PAGE)
        numbers = struct.unpack_from(f"<{2 * count}I", head, 8)
        address = grown(units)
        for first, pages in zip(numbers[::2], numbers[1::2], strict=True):
            _fill(file, address + first * PAGE, pages * PAGE)


def _fill(file: "FileIO", address: int, size: int) -> None:
    target = memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")
    while target:
        count = file.readinto(target)
        if not count:
            raise OSError(f"{file.name} is cut off")
        target = target[count:]
