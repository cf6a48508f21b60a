"""Stands in for `ctypes`: the names that it has on POSIX are there, and types have their sizes; using one says what is missing.

What `ctypes` has on Windows only is absent, as it is on Linux: libraries ask for it to learn where they are.
"""

import struct

from . import ctypes_util as util  # noqa: F401 - an attribute of the package

SIZES = {
    "c_byte": "b", "c_ubyte": "B", "c_char": "c", "c_bool": "?", "c_short": "h", "c_ushort": "H", "c_int": "i", "c_uint": "I",
    "c_long": "l", "c_ulong": "L", "c_longlong": "q", "c_ulonglong": "Q", "c_float": "f", "c_double": "d", "c_void_p": "P",
    "c_char_p": "P", "c_wchar_p": "P", "c_size_t": "N", "c_ssize_t": "n",
}  # fmt: skip
#: Names that are functions, classes or loaders.
NAMES = frozenset({
    "ARRAY", "ArgumentError", "Array", "BigEndianStructure", "BigEndianUnion", "CDLL", "CFUNCTYPE", "DEFAULT_MODE",
    "LibraryLoader", "LittleEndianStructure", "LittleEndianUnion", "POINTER", "PYFUNCTYPE", "PyDLL", "RTLD_GLOBAL",
    "RTLD_LOCAL", "SetPointerType", "Structure", "Union", "addressof", "alignment", "byref", "c_buffer", "c_int16",
    "c_int32", "c_int64", "c_int8", "c_longdouble", "c_time_t", "c_uint16", "c_uint32", "c_uint64", "c_uint8", "c_voidp",
    "c_wchar", "cast", "cdll", "create_string_buffer", "create_unicode_buffer", "get_errno", "memmove", "memset",
    "memoryview_at", "pointer", "py_object", "pydll", "pythonapi", "resize", "set_errno", "string_at", "wstring_at",
})  # fmt: skip


class _Missing(type):
    """The class of everything here: libraries derive from these and compare them when they are imported."""

    def __call__(cls, *_: object, **__: object) -> None:
        raise OSError(f"ctypes.{cls.__name__}: this platform (WebAssembly) cannot load foreign libraries")

    def __mul__(cls, _: int) -> None:
        cls()

    def __getattr__(cls, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)
        cls()


_made: dict[str, type] = {}


def sizeof(kind: object) -> int:
    """Size in bytes of a simple C type on this platform."""
    code = SIZES.get(getattr(kind, "__name__", ""))
    if code is None:
        raise TypeError("this type has no size")
    return struct.calcsize(code)


def __getattr__(name: str) -> object:
    if name not in SIZES and name not in NAMES:
        raise AttributeError(f"module 'ctypes' has no attribute {name!r}")
    return _made.setdefault(name, _Missing(name, (), {}))
