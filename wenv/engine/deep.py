"""Calls of a guest, in a thread whose stack is deep enough for them."""

import threading
from collections.abc import Callable
from typing import TypeVar

from wenv.launcher.stacks import start_deep

Result = TypeVar("Result")

#: Whether this thread's stack is deep enough.
_here = threading.local()


def deep_thread(work: Callable[[], object], name: str) -> threading.Thread:
    """A daemon thread that runs `work` where `deeply` calls without another one; it has been started."""

    def run() -> None:
        _here.is_deep = True
        work()

    thread = threading.Thread(target=run, name=name, daemon=True)
    start_deep(thread.start)
    return thread


def deeply(function: Callable[[], Result]) -> Result:
    """What `function`, which calls a guest, returns; raises what it raises.

    A signal's exception is raised when it has returned, as it is by Python during a call of C code.
    """
    if getattr(_here, "is_deep", False):
        return function()
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            outcome.append(function())
        except BaseException as error:
            failure.append(error)

    thread, interruption = deep_thread(work, "guest"), None
    while thread.is_alive():
        try:
            thread.join()
        except BaseException as error:
            interruption = error
    if interruption is not None:
        raise interruption
    if failure:
        raise failure[0]
    return outcome[0]
