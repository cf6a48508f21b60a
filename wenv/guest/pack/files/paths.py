"""The functions of `posix` that take a path: in memory, or else the platform's."""

import errno
import os
import stat as modes
import sys
from collections.abc import Callable
from typing import Any

from ...platform.modes import masked
from .changing import chmod, mkdir, rmdir, truncate_path, unlink, utime
from .looking import access, listdir, readlink, scandir, status
from .nodes import FIRST_DESCRIPTOR, Description, Node, Place, failure, truncate
from .tree import FILES, located, to_host


def _open_descriptor(place: Place, flags: int, mode: int = 0o777, **_: Any) -> int:
    node, writing = place.node, flags & os.O_WRONLY
    if node is None:
        if not flags & os.O_CREAT:
            raise failure(errno.ENOENT, place.path)
        place.changing()[place.name] = node = Node()
        node.mode = modes.S_IFREG | masked(mode)
    elif flags & os.O_EXCL and flags & os.O_CREAT:
        raise failure(errno.EEXIST, place.path)
    elif node.entries is not None and writing:
        raise failure(errno.EISDIR, place.path)
    elif node.entries is None and flags & os.O_DIRECTORY:
        raise failure(errno.ENOTDIR, place.path)
    elif node.fixed and (writing or flags & os.O_TRUNC):
        raise failure(errno.EROFS, place.path)
    elif flags & os.O_TRUNC:
        truncate(node, 0)
    number = next(number for number in range(FIRST_DESCRIPTOR, sys.maxsize) if number not in FILES.descriptions)
    FILES.descriptions[number] = Description(node, flags, discarding=modes.S_ISCHR(node.mode))
    return number


PATH_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "stat": status,
    "lstat": status,
    "access": access,
    "listdir": listdir,
    "scandir": scandir,
    "mkdir": mkdir,
    "unlink": unlink,
    "remove": unlink,
    "rmdir": rmdir,
    "chmod": chmod,
    "utime": utime,
    "truncate": truncate_path,
    "readlink": readlink,
    "open": _open_descriptor,
}


def with_path(name: str) -> Callable[..., Any]:
    """The function that goes by `name` from now on: the one above for what is in memory, else the platform's."""
    inside = PATH_FUNCTIONS[name]

    def function(path: Any = ".", *arguments: Any, **keywords: Any) -> Any:
        path = "." if path is None else path if isinstance(path, (str, int)) else os.fspath(path)
        if isinstance(path, int) and path in FILES.descriptions:
            node = FILES.descriptions[path].node
            return inside(Place(path, FILES.top, "", node), *arguments, **keywords)
        if isinstance(path, int) or keywords.get("dir_fd") is not None:
            return FILES.host[name](path, *arguments, **keywords)
        place = located(path)
        return to_host(name, path, *arguments, **keywords) if place is None else inside(place, *arguments, **keywords)

    function.__name__ = function.__qualname__ = name
    return function
