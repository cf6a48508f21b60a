"""`select` and `poll` for sockets of the host's and ends of pipes, beside the interpreter's own for files."""

import select
import time
from typing import Any

from ..platform import absent, waits
from ..processes import ends as pipe_ends
from ..processes import waiting
from . import door
from .door import ask_network
from .socket_constants import FIRST

IN: int = select.POLLIN
OUT: int = select.POLLOUT
BROKEN = int(select.POLLERR) | int(select.POLLHUP)


class Poll:
    """A poll object for all kinds of descriptors."""

    def __init__(self) -> None:
        self._wanted: dict[int, int] = {}
        self._files: Any = _files_poll()

    def register(self, thing: Any, mask: int = IN | OUT | int(select.POLLPRI), /) -> None:
        number = _number(thing)
        if number >= FIRST:
            self._wanted[number] = mask
        else:
            self._files.register(number, mask)
            self._wanted[number] = mask

    def modify(self, thing: Any, mask: int, /) -> None:
        if _number(thing) not in self._wanted:
            raise FileNotFoundError(44, "No such file or directory")
        self.register(thing, mask)

    def unregister(self, thing: Any, /) -> None:
        number = _number(thing)
        del self._wanted[number]
        if number < FIRST:
            self._files.unregister(number)

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        seconds = None if timeout is None or timeout < 0 else timeout / 1000
        sockets = {number: mask for number, mask in self._wanted.items() if FIRST <= number < pipe_ends.FIRST}
        ends = {number: mask for number, mask in self._wanted.items() if number >= pipe_ends.FIRST}
        if not sockets and not ends:
            found: list[tuple[int, int]] = self._files.poll(timeout)
            return found
        if len(ends) == len(self._wanted):
            return _ready_ends(ends, seconds, alone=False)
        is_mixed = len(sockets) < len(self._wanted)

        def look(seconds: float | None) -> list[tuple[int, int]]:
            files = self._files.poll(0) if len(sockets) + len(ends) < len(self._wanted) else []
            if ends:
                files += _ready_ends(ends, 0 if files or sockets else seconds, alone=True)
            return [*files, *_ready(sockets, 0 if files else seconds)] if sockets else files

        begun = time.monotonic()
        try:
            if others := waits.let_others_run(lambda: look(0), bool, seconds):
                return list(others)
            if is_mixed or waits.are_sliced():
                return list(waits.sliced(look, bool, seconds))
            return look(seconds)
        finally:
            absent.waited(time.monotonic() - begun)


def _ready(wanted: dict[int, int], seconds: float | None) -> list[tuple[int, int]]:
    letters = [[number, ("r" if mask & IN else "") + ("w" if mask & OUT else "")] for number, mask in wanted.items()]
    found, _ = ask_network("poll", 0, letters, seconds)
    masks = {"r": IN, "w": OUT, "e": BROKEN}
    return [(number, sum(masks[letter] for letter in ready)) for number, ready in found]


def _ready_ends(wanted: dict[int, int], seconds: float | None, *, alone: bool) -> list[tuple[int, int]]:
    letters = [(number, ("r" if mask & IN else "") + ("w" if mask & OUT else "")) for number, mask in wanted.items()]
    masks = {"r": IN, "w": OUT, "e": int(select.POLLHUP)}
    found = waiting.wait(letters, 0, seconds, alone=alone)[2]
    return [(number, sum(masks[letter] for letter in ready)) for number, ready in found]


def _number(thing: Any) -> int:
    number: int = thing if isinstance(thing, int) else thing.fileno()
    if number < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({number})")
    return number


_files_poll: Any = select.poll
_files_select: Any = select.select


def _poll() -> Any:
    return Poll() if door.granted else _files_poll()


def _select(read: Any, write: Any, failed: Any, timeout: float | None = None, /) -> Any:
    if not door.granted:
        return _files_select(read, write, failed, timeout)
    lists = [list(things) for things in (read, write, failed)]
    if all(_number(thing) < FIRST for things in lists for thing in things):
        return _files_select(*lists, timeout)
    poll = Poll()
    masks: dict[int, int] = {}
    for things, mask in ((lists[0], IN), (lists[1], OUT)):
        for thing in things:
            masks[_number(thing)] = masks.get(_number(thing), 0) | mask
    for number, mask in masks.items():
        poll.register(number, mask)
    ready = dict(poll.poll(None if timeout is None else max(0.0, timeout) * 1000))
    return tuple(
        [thing for thing in things if ready.get(_number(thing), 0) & (mask | BROKEN)]
        for things, mask in ((lists[0], IN), (lists[1], OUT), (lists[2], 0))
    )


def install() -> None:
    """Put them in place, once."""
    global _files_poll, _files_select
    _files_poll, _files_select = select.poll, select.select
    setattr(select, "poll", waits.Builtin(_files_poll, _poll))  # noqa: B010 - a type to mypy
    select.select = waits.Builtin(_files_select, _select)
