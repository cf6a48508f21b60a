"""Threads whose stack is as deep as wasmtime is told that it is: WebAssembly code runs on the stack of the thread that calls
it, and would end the process where a smaller one ends."""

import _thread

from wenv.launcher.c_api import STACK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of a thread's stack beyond what WebAssembly may use: for the host's own functions.
OWN = 2 << 20

_starting = _thread.allocate_lock()


def start_deep(start: "Callable[[], object]") -> None:
    """Have `start`, which starts a thread, start one with such a stack."""
    with _starting:
        usual = _thread.stack_size(STACK + OWN)
        try:
            start()
        finally:
            _thread.stack_size(usual)
