"""Stands in for `mmap`: the names are there, mapping a file says what is missing."""

ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE, ACCESS_COPY = 0, 1, 2, 3
ALLOCATIONGRANULARITY = PAGESIZE = 65536


class mmap:  # noqa: N801
    """Cannot be made."""

    def __init__(self, *_: object, **__: object) -> None:
        raise OSError("mmap: this platform (WebAssembly) cannot map files into memory")
