"""Stands in for `ctypes.util`: no library can be found."""


def find_library(name: str) -> None:
    """The path of a library: none is here."""


def find_msvcrt() -> None:
    """The same on Windows."""
