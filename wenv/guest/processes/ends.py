"""Ends of pipes: in this program's memory, until one end is given to another program; then the host has them.

Their numbers are above those of files and sockets.  An end keeps its number when it is given to a program, as on any system.
"""

import errno
import os
from typing import Any

from ..network import door

#: Numbers of ends are this and more.
FIRST = 1 << 28
#: Bytes that a pipe in memory holds, and that one order reads or writes.
ROOM, CHUNK = 1 << 16, 1 << 17


class Queue:
    """One direction of a pipe in memory."""

    def __init__(self) -> None:
        self.data = bytearray()
        #: Whether somebody can still read it, or write to it.
        self.is_read = self.is_written = True


class End:
    """One end: of a pipe in memory (what it reads from, what it writes to), or of one that the host has by its `handle`."""

    def __init__(self, source: Queue | None = None, target: Queue | None = None, handle: int | None = None) -> None:
        self.source, self.target, self.handle = source, target, handle
        self.other: End | None = None
        self.is_blocking = True

    def is_ready(self, letter: str) -> bool:
        """Whether an end in memory can be read (``r``) or written (``w``) without waiting."""
        if letter == "r":
            return self.source is None or bool(self.source.data) or not self.source.is_written
        return self.target is None or len(self.target.data) < ROOM or not self.target.is_read

    def is_broken(self) -> bool:
        """Whether nobody is at the other side of an end in memory."""
        return not (self.source.is_written if self.source is not None else self.target is None or self.target.is_read)


#: Those that are open, by their numbers.
_ends: dict[int, End] = {}
_next = FIRST


def are_used() -> bool:
    """Whether there are any."""
    return bool(_ends) or "ends" in door.granted


def end_of(number: int) -> End:
    """The end with a number.  Raises OSError."""
    _take_given()
    found = _ends.get(number)
    if found is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return found


def is_open(number: int) -> bool:
    """Whether there is an end with a number."""
    _take_given()
    return number in _ends


def _take_given() -> None:
    """Have the ends that whoever started this program has given to it."""
    global _next
    if "ends" in door.granted and _next == FIRST:
        _next += 1
        for number, handle in door.ask("child.given")[0]:
            _ends[number] = End(handle=handle)
            _next = max(_next, number + 1)


def _numbered(end: End) -> int:
    global _next
    number, _next = _next, _next + 1
    _ends[number] = end
    return number


def pipe() -> tuple[int, int]:
    """As `os.pipe`."""
    _take_given()
    queue = Queue()
    reader, writer = End(source=queue), End(target=queue)
    reader.other, writer.other = writer, reader
    return _numbered(reader), _numbered(writer)


def pair() -> tuple[int, int]:
    """Two ends that are read and written both."""
    _take_given()
    one, other = Queue(), Queue()
    first, second = End(one, other), End(other, one)
    first.other, second.other = second, first
    return _numbered(first), _numbered(second)


def handle_of(number: int) -> int:
    """The host's number of an end, which it has from now on."""
    end = end_of(number)
    if end.handle is None:
        end.handle, theirs = door.ask("child.pair")[0]
        for queue, handle in ((end.target, end.handle), (end.source, theirs)):
            if queue is not None and queue.data:
                _send(handle, queue.data)
        end.source = end.target = None
        if end.other is None:
            door.ask("child.close", theirs)
        else:
            end.other.handle, end.other.source, end.other.target = theirs, None, None
    assert end.handle is not None
    return end.handle


def _send(handle: int, data: Any) -> None:
    view = memoryview(data)
    while view:
        view = view[door.ask("child.write", handle, None, payload=view[:CHUNK])[0] :]


def close(number: int) -> None:
    """As `os.close`."""
    end = end_of(number)
    del _ends[number]
    if end.handle is not None:
        door.ask("child.close", end.handle)
        return
    if end.source is not None:
        end.source.is_read = False
    if end.target is not None:
        end.target.is_written = False
    if end.other is not None:
        end.other.other = None
