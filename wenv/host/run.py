"""Runs a guest in a thread, so that the main thread can hear Ctrl-C and the clock.

A Python signal handler does not run while the main thread is inside a call into WebAssembly.  A guest that is to end is left
behind: its thread is a daemon and ends with the process (see wenv/__main__.py), as it may be inside a call of the host's that
never returns.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from wenv.errors import TimeLimitError
from wenv.host.session import Session
from wenv.launcher.start import WAKE

Result = TypeVar("Result")


def run_main(open_session: Callable[[], Session], request: object, time_limit: float | None = None) -> int:
    """Open a session and run a program in it; returns its exit status.

    Raises TrapError if the sandbox stopped it, TimeLimitError after `time_limit` seconds.
    """
    try:
        return run_in_session(open_session, lambda session: session.main(request), time_limit)
    except SystemExit as leaving:
        return int(leaving.code or 0)


def run_in_session(
    open_session: Callable[[], Session], use: Callable[[Session], Result], time_limit: float | None = None
) -> Result:
    """Open a session and use it, in a thread of its own; returns what `use` returns, and raises what it raises.

    Raises TimeLimitError after `time_limit` seconds.
    """
    outcome: list[Result] = []
    failure: list[BaseException] = []
    session: list[Session] = []

    def work() -> None:
        try:
            session.append(open_session())
            outcome.append(use(session[0]))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=work, name="guest", daemon=True)
    deadline = None if time_limit is None else time.monotonic() + time_limit
    thread.start()
    while thread.is_alive():
        left = WAKE if deadline is None else min(WAKE, deadline - time.monotonic())
        if left <= 0:
            raise TimeLimitError(time_limit or 0.0)
        thread.join(left)
        if session and session[0].is_over and thread.is_alive():
            raise session[0].ended()
    if failure:
        raise failure[0]
    return outcome[0]
