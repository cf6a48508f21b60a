"""What is done to an uncaught error before it is shown: frames of this package are taken out, and a line is added to an error
that the sandbox caused, saying what would have allowed it."""

import errno
import os
from collections.abc import Iterator
from types import TracebackType

from . import adapt
from .request import Request

#: Where the sandbox's own folders are: what is missing there was not withheld.
OWN = ("/python/", "/wenv/", "/tmp/", "/dev/")

_request: Request | None = None


def set_request(request: Request) -> None:
    """Remember what the run was granted."""
    global _request
    _request = request


def hide_frames(error: BaseException) -> None:
    """Take the frames of this package out of the tracebacks of `error` and of what it came from."""
    for each in _chain(error):
        kept: TracebackType | None = None
        for entry in reversed(list(_entries(each.__traceback__))):
            if entry.tb_frame.f_globals.get("__package__") != __package__:
                kept = TracebackType(kept, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
        each.__traceback__ = kept


def explain(error: BaseException) -> None:
    """Add a note to `error` if it, or what it came from, is the sandbox's doing."""
    for cause in _chain(error):
        note = _note(cause)
        if note and note not in getattr(error, "__notes__", ()):
            error.add_note(note)
            return


def _entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it came from."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _note(error: BaseException) -> str | None:
    if not isinstance(error, OSError):
        return None
    if adapt.NO_NETWORK in str(error):
        return "wenv: the network is off in this sandbox"
    if not isinstance(error.filename, str) or _request is None:
        return None
    path = os.path.normpath(os.path.join(os.getcwd(), error.filename))
    shared = sorted(_request["shared"], key=len, reverse=True)
    around = next((folder for folder in shared if _inside(path, folder)), None)
    if error.errno in (errno.EPERM, errno.EROFS, errno.EACCES):
        if os.path.islink(path):
            return "wenv: this link leads out of what the sandbox was given; --mount shares another folder"
        if around is not None and not _request["shared"][around]:
            allowing = "--write" if around == _request["directory"] else f"--mount FOLDER:{around}:rw"
            return f"wenv: {around} is read-only in this sandbox; {allowing} allows writing to it"
        if path.startswith(("/python/", "/wenv/")):
            return "wenv: an environment's own files cannot be changed; /tmp is writable"
    if error.errno == errno.ENOENT and around is None and not path.startswith(OWN):
        return f"wenv: the sandbox sees only the folders it was given; --mount shares another (looked for {path})"
    return None


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
