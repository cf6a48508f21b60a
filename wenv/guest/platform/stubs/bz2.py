"""Stands in for `_bz2`: the classes are there, using one says what is missing.

A decompressor can be made, because `tarfile` makes one to find out whether an archive needs it.
"""

MISSING = "bz2 compression is not part of this Python"


class BZ2Compressor:
    """Cannot be made."""

    def __init__(self, *_: object) -> None:
        raise OSError(MISSING)


class BZ2Decompressor:
    """Decompresses nothing."""

    eof, needs_input, unused_data = False, True, b""

    def decompress(self, *_: object, **__: object) -> bytes:
        """Raises OSError."""
        raise OSError(MISSING)
