"""Puts the modules of this package in the interpreter's place."""

from . import sockets, system, tls, waiting


def install() -> None:
    """Once, before `socket` or `ssl` is imported and the memory saved."""
    if system.is_linked:
        system.install()
    else:
        sockets.install()
        waiting.install()
    tls.install()
