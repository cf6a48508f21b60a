"""Runs a guest in a thread, so that the main thread can hear Ctrl-C and the clock, and look at what the guest writes.

A Python signal handler does not run while the main thread is inside a call into WebAssembly.  A guest that is to end is left
behind: its thread is a daemon and ends with the process (see wenv/__main__.py), as it may be inside a call of the host's that
never returns.  Its private folders are deleted then.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from wenv.engine.deep import start_deeply
from wenv.engine.session import Session
from wenv.errors import DiskLimitError, TimeLimitError
from wenv.launcher.limits import LOOK
from wenv.launcher.private_folders import PrivateFolders
from wenv.launcher.start import WAKE

Result = TypeVar("Result")


def run_in_session(
    open_session: Callable[[], Session],
    use: Callable[[Session], Result],
    private: PrivateFolders,
    time_limit: float | None = None,
    look: Callable[[], str | None] | None = None,
) -> Result:
    """Open a session and use it, in a thread of its own; returns what `use` returns, and raises what it raises.

    Raises TimeLimitError after `time_limit` seconds; OutputLimitError; DiskLimitError as soon as `look`, which is called every
    now and then, gives a reason.  `private` are the session's folders.
    """
    session: list[Session] = []

    def work() -> Result:
        session.append(open_session())
        result = use(session[0])
        session[0].check_output()
        return result

    deadline = None if time_limit is None else time.monotonic() + time_limit
    call = start_deeply(work)
    try:
        while True:
            left = WAKE if look is None else LOOK
            left = left if deadline is None else min(left, deadline - time.monotonic())
            if left <= 0:
                raise TimeLimitError(time_limit or 0.0)
            if call.wait(left):
                return call.result()
            if session and session[0].is_over and not call.wait(0):
                raise session[0].ended()
            if look is not None and (reason := look()) and not call.wait(0):
                raise DiskLimitError(reason)
    except BaseException:
        if not call.wait(0):
            private.abandon()
        raise
