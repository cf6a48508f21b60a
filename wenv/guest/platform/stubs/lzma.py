"""Stands in for `_lzma`: the names are there, using one says what is missing.

A decompressor can be made, because `tarfile` makes one to find out whether an archive needs it.
"""

MISSING = "lzma compression is not part of this Python"

CHECK_NONE, CHECK_CRC32, CHECK_CRC64, CHECK_SHA256, CHECK_ID_MAX, CHECK_UNKNOWN = 0, 1, 4, 10, 15, 16
FORMAT_AUTO, FORMAT_XZ, FORMAT_ALONE, FORMAT_RAW = range(4)
FILTER_DELTA, FILTER_X86, FILTER_POWERPC, FILTER_IA64, FILTER_ARM, FILTER_ARMTHUMB, FILTER_SPARC = 3, 4, 5, 6, 7, 8, 9
FILTER_LZMA1, FILTER_LZMA2 = 0x4000000000000001, 0x21
MF_HC3, MF_HC4, MF_BT2, MF_BT3, MF_BT4 = 3, 4, 18, 19, 20
MODE_FAST, MODE_NORMAL = 1, 2
PRESET_DEFAULT, PRESET_EXTREME = 6, 1 << 31


class LZMAError(Exception):
    """As `lzma.LZMAError`."""


class LZMACompressor:
    """Cannot be made."""

    def __init__(self, *_: object, **__: object) -> None:
        raise LZMAError(MISSING)


class LZMADecompressor:
    """Decompresses nothing."""

    eof, needs_input, unused_data, check = False, True, b"", CHECK_UNKNOWN

    def __init__(self, *_: object, **__: object) -> None:
        return

    def decompress(self, *_: object, **__: object) -> bytes:
        """Raises LZMAError."""
        raise LZMAError(MISSING)


def is_check_supported(check: int) -> bool:
    """As `lzma.is_check_supported`."""
    return False


def _encode_filter_properties(*_: object) -> bytes:
    raise LZMAError(MISSING)


_decode_filter_properties = _encode_filter_properties
