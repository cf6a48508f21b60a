"""Stands in for `_bz2`: the classes are there, using one says what is missing."""


class BZ2Compressor:
    """Cannot be made."""

    def __init__(self, *_: object) -> None:
        raise OSError("bz2 compression is not part of this Python")


class BZ2Decompressor(BZ2Compressor):
    """Cannot be made."""
