"""One line added to an uncaught error that the sandbox caused: what would have allowed it."""

import errno
import os

from . import adapt
from .request import Request

_request: Request | None = None


def set_request(request: Request) -> None:
    """Remember what the run was granted."""
    global _request
    _request = request


def explain(error: BaseException) -> None:
    """Add a note to `error` if it, or what it came from, is the sandbox's doing."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        note = _note(cause)
        if note and note not in getattr(error, "__notes__", ()):
            error.add_note(note)
            return
        cause = cause.__cause__ or cause.__context__


def _note(error: BaseException) -> str | None:
    if not isinstance(error, OSError):
        return None
    if adapt.NO_NETWORK in str(error):
        return "wenv: the network is off in this sandbox"
    if not isinstance(error.filename, str) or _request is None:
        return None
    path = os.path.normpath(os.path.join(os.getcwd(), error.filename))
    if error.errno in (errno.EPERM, errno.EROFS, errno.EACCES):
        if _inside(path, _request["directory"]):
            return f"wenv: {_request['directory']} is read-only in this sandbox; --write allows writing to it"
        for folder in _request["read_only"]:
            if _inside(path, folder):
                return f"wenv: {folder} is read-only in this sandbox; --mount FOLDER:{folder}:rw allows writing to it"
        if path.startswith(("/python/", "/wenv/")):
            return "wenv: an environment's own files cannot be changed; /tmp is writable"
    if error.errno == errno.ENOENT and not os.path.isdir(os.path.dirname(path)):
        return f"wenv: the sandbox sees only the folders it was given; --mount shares another (looked for {path})"
    return None


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
