"""Waiting for ends of pipes and for started programs; meanwhile what these print and read is passed on."""

import os
import time
from collections.abc import Callable
from typing import Any

from ..network import door
from ..platform import absent, threads, waits
from .ends import CHUNK, End, end_of

#: Seconds for which the host is waited for at a time.
LONGEST = 5.0
#: The program that has ended and its status, or zeros; the ends that are ready, with letters: ``r``, ``w``, ``e`` for broken.
Found = tuple[int, int, list[tuple[int, str]]]
#: Output of started programs that is passed on: ends of the host's, and this program's descriptors, with what these are.
_forwarded: dict[int, tuple[int, tuple[int, int]]] = {}
#: Input of started programs that is still to be given to them, by the host's ends.
_fed: dict[int, memoryview] = {}


def wait(wanted: list[tuple[int, str]], child: int, seconds: float | None, *, alone: bool = False) -> Found:
    """Wait for ends by their numbers, and for a started program (0: none, -1: any) to end; threads run unless it is `alone`.

    Raises DeadlockError where nobody could end the wait.
    """
    is_something: Callable[[Any], bool] = lambda found: bool(found[0] or found[2])  # noqa: E731
    begun = time.monotonic()
    try:
        found: Found = _look(wanted, child, 0)
        if is_something(found) or seconds == 0:
            return found
        kept: list[Found] = []

        def look() -> Found:
            """A program's end is told once: whoever looks, it is kept for this wait."""
            if kept:
                return kept[0]
            found = _look(wanted, child, 0)
            if found[0]:
                kept.append(found)
            return found

        others: Any = None if alone else waits.let_others_run(look, is_something, seconds)
        if kept or others:
            ended: Found = kept[0] if kept else others
            return ended
        if not child and all(end_of(number).handle is None for number, _ in wanted) and not (_forwarded or _fed):
            threads.wait_idly(seconds, lambda: bool(_look(wanted, 0, 0)[2]), "a read of a pipe")
            return _look(wanted, child, 0)
        until = waits.deadline(seconds)
        while True:
            left = LONGEST if until is None else max(0.0, until - time.monotonic())
            if not alone and threads.is_nested():
                threads.give_way("a read of a pipe")
                left = min(left, waits.SLICE)
            if waits.are_sliced():
                found = waits.sliced(lambda part: _look(wanted, child, part), is_something, min(left, LONGEST))
            else:
                found = _look(wanted, child, min(left, LONGEST))
            if is_something(found) or waits.is_past(until):
                return found
    finally:
        absent.waited(time.monotonic() - begun)


def _look(wanted: list[tuple[int, str]], child: int, seconds: float) -> Found:
    """What is ready, at most `seconds` later; passes on what there is to pass on."""
    ends = [(number, letters, end_of(number)) for number, letters in wanted]
    local = [(number, _ready(end, letters)) for number, letters, end in ends if end.handle is None]
    ready = [(number, letters) for number, letters in local if letters]
    asked = [[end.handle, letters] for _, letters, end in ends if end.handle is not None]
    asked += [[handle, "r"] for handle in _forwarded] + [[handle, "w"] for handle in _fed]
    if not asked and not child:
        return 0, 0, ready
    ended, status, found = door.ask("child.select", child, asked, 0 if ready else seconds)[0]
    letters_of = {handle: letters for handle, letters in found if letters}
    for handle in [handle for handle in letters_of if handle in _forwarded or handle in _fed]:
        _pass_on(handle)
    if ended:
        _pass_on_all()
    ready += [(number, letters_of[end.handle]) for number, _, end in ends if end.handle in letters_of]
    return ended or 0, status or 0, ready


def _ready(end: End, letters: str) -> str:
    found = "".join(letter for letter in letters if end.is_ready(letter))
    return found + ("e" if found and end.is_broken() else "")


def forward(handle: int, descriptor: int) -> None:
    """Pass on what comes from one of the host's ends to a descriptor of this program's."""
    status = os.fstat(descriptor)
    _forwarded[handle] = (descriptor, (status.st_dev, status.st_ino))


def feed(handle: int, data: bytes) -> None:
    """Give data to one of the host's ends, as it takes them."""
    _fed[handle] = memoryview(data)
    _pass_on(handle)


def _pass_on(handle: int) -> bool:
    """Pass on what there is without waiting; whether there may be more."""
    if handle in _fed:
        try:
            while left := _fed[handle]:
                _fed[handle] = left[door.ask("child.write", handle, 0, payload=left[:CHUNK])[0] :]
        except TimeoutError:
            return True
        except OSError:
            pass
        del _fed[handle]
    else:
        try:
            data = door.ask("child.read", handle, CHUNK, 0)[1]
        except TimeoutError:
            return True
        except OSError:
            data = b""
        if data:
            _written(data, *_forwarded[handle])
            return True
        del _forwarded[handle]
    door.ask("child.close", handle)
    return False


def _written(data: bytes, descriptor: int, identity: tuple[int, int]) -> None:
    """Write what a started program has printed to where it goes, if that is still open."""
    try:
        status = os.fstat(descriptor)
        while data and (status.st_dev, status.st_ino) == identity:
            data = data[os.write(descriptor, data) :]
    except OSError:
        pass


def _pass_on_all() -> None:
    """Pass on what a program that has ended has left."""
    for handle in list(_forwarded):
        while handle in _forwarded:
            before = door.ask("child.select", 0, [[handle, "r"]], 0)[0][2]
            if not before or not _pass_on(handle):
                break
