"""Stands in for `ctypes`: types have their sizes, and every other name is there; using one says what is missing."""

import struct

SIZES = {
    "c_byte": "b", "c_ubyte": "B", "c_char": "c", "c_bool": "?", "c_short": "h", "c_ushort": "H", "c_int": "i", "c_uint": "I",
    "c_long": "l", "c_ulong": "L", "c_longlong": "q", "c_ulonglong": "Q", "c_float": "f", "c_double": "d", "c_void_p": "P",
    "c_char_p": "P", "c_wchar_p": "P", "c_size_t": "N", "c_ssize_t": "n",
}  # fmt: skip


class _Missing:
    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *_: object, **__: object) -> None:
        raise OSError(f"ctypes.{self._name}: this platform (WebAssembly) cannot load foreign libraries")

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)
        self()


def sizeof(kind: object) -> int:
    """Size in bytes of a simple C type on this platform."""
    code = SIZES.get(getattr(kind, "_name", ""))
    if code is None:
        raise TypeError("this type has no size")
    return struct.calcsize(code)


def __getattr__(name: str) -> object:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Missing(name)
