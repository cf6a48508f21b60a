"""What a session's calls return and raise."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from wenv.errors import GuestAnswerError, WenvError

if TYPE_CHECKING:
    from wenv.guest.sessions.calls import Reply


@dataclass(frozen=True, slots=True)
class Output:
    """What code printed, and the status it asked to leave with (`sys.exit`), None if it ran to its end.

    `value` is that of a last expression, where it was asked for.
    """

    stdout: str
    stderr: str
    status: int | None = None
    value: Any = None


class CodeError(WenvError):
    """The code raised an exception: `kind` is its class, `traceback` as Python shows it, `output` what was printed."""

    def __init__(self, kind: str, message: str, traceback: str, output: Output) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind, self.traceback, self.output = kind, traceback, output


class ClosedSessionError(WenvError):
    """The session has ended: it was closed, stopped at a limit (then `reset` starts it anew), or left with `os._exit`."""

    def __init__(self, message: str = "this session has ended", hint: str = "call reset() for a new one") -> None:
        super().__init__(message, hint)


class BusySessionError(WenvError):
    """A session was used by two threads at the same time."""

    def __init__(self) -> None:
        super().__init__("this session is in use by another thread", "give each thread a session of its own")


def checked_reply(service: str, reply: Any) -> "Reply":
    """The reply itself, if it is one: code in the sandbox can forge it.  Raises GuestAnswerError."""
    if type(reply) is not dict or not {"value", "status", "failure"} <= reply.keys():
        raise GuestAnswerError(service, "no reply of a session's")
    status, failure = reply["status"], reply["failure"]
    if status is not None and (type(status) is not int or not 0 <= status <= 255):
        raise GuestAnswerError(service, "not an exit status")
    if failure is not None:
        words = [failure.get(key) for key in ("kind", "message", "traceback")] if type(failure) is dict else [None]
        if not all(type(word) is str for word in words):
            raise GuestAnswerError(service, "not the report of a failure")
    return cast("Reply", reply)
