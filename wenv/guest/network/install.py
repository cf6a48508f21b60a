"""Puts the modules of this package in the interpreter's place."""

from . import epoll, sockets, system, tls, waiting


def install() -> None:
    """Once, before `socket` or `ssl` is imported and the memory saved."""
    if system.is_linked:
        system.install()
    else:
        sockets.install()
        waiting.install()
        epoll.install()
    tls.install()
