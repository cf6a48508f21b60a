"""What is done to an uncaught error before it is shown: frames of this package are taken out, and a line is added to an error
that the sandbox caused, saying what would have allowed it."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType

from ..network.door import NO_NETWORK
from ..request import Request

#: The package of everything that runs in the sandbox and is not the program's.
OURS = __name__.partition(".")[0]
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
            package = entry.tb_frame.f_globals.get("__package__")
            if not isinstance(package, str) or package.partition(".")[0] != OURS:
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
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def exceeded(error: BaseException) -> str | None:
    """Which limit of the sandbox an exception is about: a key of `LIMIT_STATUS`."""
    if _request is None:
        return None
    limits = _request["limits"]
    if isinstance(error, MemoryError):
        return None if limits["memory"] is None else "memory"
    if not isinstance(error, OSError) or limits["disk"] is None or limits["open_files"] is None:
        return None
    if error.errno in (errno.EFBIG, errno.EMFILE):
        return "disk" if error.errno == errno.EFBIG else "open_files"
    # WASI preview 2 has no number for either of them: a file that cannot be opened, or not be written to
    if error.errno != errno.EIO or _protected(error) is not None:
        return None
    return "disk" if error.filename is None else "open_files"


def _protected(error: OSError) -> str | None:
    """The folder in what is shared for writing that stays as it is (wenv/launcher/protect.py), if an error is about it."""
    if not isinstance(error.filename, str) or _request is None:
        return None
    path = os.path.normpath(os.path.join(os.getcwd(), error.filename))
    for folder in (each for each, writable in _request["shared"].items() if writable and _inside(path, each)):
        first = path[len(folder) :].strip("/").partition("/")[0]
        if first in (".wenv", ".git") or os.path.exists(f"{folder}/{first}/pyvenv.cfg"):
            return first
    return None


def leave_word(limit: str) -> None:
    """Tell the host which limit ended the program: the same exit status may be a program's own."""
    assert _request is not None
    for descriptor in range(2000, 2, -1):
        try:
            with open(f"{_request['control']}/limit", "w", encoding="ascii") as file:
                file.write(limit)
            return
        except OSError:  # no file can be opened any more: one that the program has open is closed
            with suppress(OSError):
                os.close(descriptor)


def _note(error: BaseException) -> str | None:
    if (limit := exceeded(error)) is not None and _request is not None:
        bound = _request["limits"][limit]  # type: ignore[literal-required]
        words = {
            "memory": f"its memory limit is {bound} bytes; --memory allows more",
            "disk": f"a file grew beyond the disk limit of {bound} bytes; --max-disk allows more",
            "open_files": f"it has {bound} files open, as many as it may; --max-open allows more",
        }
        return f"wenv: {words[limit]}"
    if not isinstance(error, OSError):
        return None
    if NO_NETWORK in str(error):
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
    if error.errno in (errno.EIO, errno.EROFS) and (name := _protected(error)) is not None:
        return f"wenv: {name} stays as it is, as what is in it runs on the host; --mount {name}:rw allows changing it"
    if error.errno == errno.ENOENT and around is None and not path.startswith(OWN):
        return f"wenv: the sandbox sees only the folders it was given; --mount shares another (looked for {path})"
    return None


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
