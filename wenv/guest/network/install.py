"""Puts the modules of this package in the interpreter's place."""

from . import sockets, tls, waiting


def install() -> None:
    """Once, before `socket` or `ssl` is imported and the memory saved."""
    sockets.install()
    waiting.install()
    tls.install()
