"""The way from a program to the host: an order goes out, and an answer comes back.

An order is a line of JSON, ``[operation, handle, argument...]``, and after it the order's bytes, if it has any.  An answer is
the same behind ``+``, or behind ``-`` what an exception is made of: its kind, its number by name, and words.

A component's door takes texts only, and lists of bytes take a hundred times as long as they should: bytes that are ASCII go as
they are, behind ``:``, others in base64, behind ``=``.  Many bytes go through two files in the folder that the run shares with
its host, and ``@`` and their size stand in the order.  A module's door takes bytes.
"""

import binascii
import errno
import json
import os
from collections.abc import Callable
from typing import Any

from ..request import ANSWERED, LANE_IN, LANE_OUT, Granted, Request

#: Bytes that one order takes along, or brings.
CHUNK = 1 << 18
#: From how many bytes on the files are quicker: of any, and of ASCII.
THROUGH_FILES = (1 << 12, 1 << 15)
NO_NETWORK = "the sandbox has no network; --net HOST:PORT allows some"
#: What a program hears that asks for what nobody answers.
without = NO_NETWORK

#: What the host has linked, which takes texts, or bytes.  None in a packed program.
_text_door: Callable[[str], str] | None = None
_bytes_door: Callable[[bytes], bytes] | None = None
#: What the host answers in this run.
granted: frozenset[Granted] = frozenset()
#: Changes with each run: no handle of the host's is older than a run.
run = 0
#: Folder of the files, and their descriptors, once they are open: to write to, to read from.
_folder = ""
_files: tuple[int, int] | None = None


def link(text: Callable[[str], str] | None = None, as_bytes: Callable[[bytes], bytes] | None = None) -> None:
    """Say what is called; once, before the memory is saved."""
    global _text_door, _bytes_door
    _text_door, _bytes_door = text, as_bytes


def begin(request: Request) -> None:
    """A run begins."""
    global granted, run, _folder, _files
    granted, run = frozenset(request["host"]) & ANSWERED, run + 1
    _folder, _files = request["control"], None


def ask(operation: str, handle: int = 0, *arguments: object, payload: Any = None) -> tuple[Any, bytes]:
    """What the host answers: a value, and bytes.  Raises what it says."""
    order = json.dumps([operation, handle, *arguments])
    if _bytes_door is not None:
        answer = _bytes_door(order.encode() if payload is None else b"".join((order.encode(), b"\n:", payload)))
        head, _, data = answer.partition(b"\n")
        sign, text, taken = head[:1].decode(), head[1:].decode(), data[1:]
    elif _text_door is not None:
        answered = _text_door(order if payload is None else f"{order}\n{_packed(payload)}")
        head_text, _, packed = answered.partition("\n")
        sign, text, taken = head_text[:1], head_text[1:], _unpacked(packed)
    else:
        raise PermissionError(errno.EACCES, without)
    if sign != "+":
        raise _exception(*json.loads(text or '["refused", null, ""]'))
    return (json.loads(text) if text else None), taken


def ask_network(*order: Any, payload: Any = None) -> tuple[Any, bytes]:
    """What the host answers, where a network is granted; raises PermissionError where none is."""
    if "network" not in granted:
        raise PermissionError(errno.EACCES, without)
    return ask(*order, payload=payload)


def _packed(payload: Any) -> str:
    data = bytes(payload)
    if len(data) >= THROUGH_FILES[data.isascii()] and (files := _opened()) is not None:
        done = 0
        while done < len(data):  # a call writes as much as WASI likes
            done += os.pwrite(files[0], data[done:], done)
        return f"@{len(data)}"
    return ":" + data.decode("ascii") if data.isascii() else "=" + binascii.b2a_base64(data, newline=False).decode("ascii")


def _unpacked(packed: str) -> bytes:
    if packed[:1] != "@":
        return binascii.a2b_base64(packed[1:]) if packed[:1] == "=" else packed[1:].encode("ascii")
    size, files = int(packed[1:]), _opened()
    parts: list[bytes] = []
    while size:
        part = os.pread(files[1], size, sum(map(len, parts))) if files is not None else b""
        if not part:
            raise OSError(errno.EIO, "the host's answer is incomplete")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _opened() -> tuple[int, int] | None:
    """The files of this run, if the host has made them."""
    global _files
    if _files is None and _folder:
        try:
            _files = os.open(f"{_folder}/{LANE_OUT}", os.O_WRONLY), os.open(f"{_folder}/{LANE_IN}", os.O_RDONLY)
        except OSError:
            return None
    return _files


#: What makes an exception, by its kind, of the kind, a name or number, words, and what else there is; modules here add theirs.
KINDS: dict[str, Callable[..., BaseException]] = {
    "OSError": lambda kind, name, words, *_: OSError(getattr(errno, name or "", errno.EIO), words),
    "timeout": lambda kind, name, words, *_: (
        TimeoutError("timed out") if name is None else TimeoutError(errno.ETIMEDOUT, words)
    ),
    "refused": lambda kind, name, words, *_: PermissionError(errno.EACCES, words or without),
}


def _exception(kind: str, *rest: Any) -> BaseException:
    make = KINDS.get(kind)
    return ValueError(rest[1]) if make is None else make(kind, *rest)
