"""What a guest orders of the process that keeps its programs: whatever it sends, it gets an answer, and nothing breaks."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from wenv.children.keeper import Keeper, Told
from wenv.children.orders import ENDS, Orders
from wenv.launcher.children import ANSWER, receive, send
from wenv.network.lane import MOST
from wenv.policy.policy import Policy

pytestmark = [pytest.mark.unit, pytest.mark.skipif(os.name == "nt", reason="programs are started on POSIX systems only")]
PLAN: dict[str, Any] = {
    "library": "/nowhere", "memory": "", "component": "/nowhere", "baked": None, "preopens": [], "editables": [],
    "scripts": {"tool": "tool:main"}, "policy": Policy().as_json(),
}  # fmt: skip
START: dict[str, Any] = {
    "words": ["python", "-c", "pass"],
    "directory": "/tmp",
    "environment": {},
    "streams": ["0", "1", "2"],
    "passed": [],
}


class Guest:
    """One that orders whatever it likes."""

    def __init__(self, folder: Path, **policy: Any) -> None:
        told: Told = {
            "plan": PLAN, "request": {"host": ["children"], "terminal": None, "directory": "/", "environment": {}},
            "shared": [], "root": str(folder), "policy": {**Policy().as_json(), **policy}, "inherits": False, "network": None,
        }  # fmt: skip
        self.way, theirs = socket.socketpair()
        self.keeper = Keeper(told, theirs)
        self.thread = threading.Thread(target=Orders(self.keeper, theirs, takes_bytes=False).serve, daemon=True)
        self.thread.start()

    def raw(self, order: bytes) -> tuple[str, str]:
        """The sign of the answer to anything, and its text."""
        send(self.way, order)
        answer = receive(self.way)
        assert answer is not None
        assert answer[:1] == ANSWER
        return answer[1:2].decode(), answer[2:].decode()

    def __call__(self, operation: str, handle: int = 0, *arguments: object, payload: bytes = b"") -> Any:
        order = json.dumps([f"child.{operation}", handle, *arguments]).encode() + payload
        sign, text = self.raw(order)
        value = json.loads(text.partition("\n")[0])
        if sign == "+":
            return text.partition("\n")[2] if "\n" in text else value
        raise OSError(0, f"{value[1]}: {value[2]}")

    def refused(self, operation: str, handle: int = 0, *arguments: object, payload: bytes = b"") -> str:
        with pytest.raises(OSError) as caught:  # noqa: PT011 - its words are looked at
            self(operation, handle, *arguments, payload=payload)
        return str(caught.value.strerror)

    def start(self, **more: object) -> str:
        return self.refused("start", 0, {**START, **more})

    def close(self) -> None:
        with suppress(OSError):
            self.way.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.keeper.end()


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    made = Guest(tmp_path)
    yield made
    made.close()


def test_what_is_no_order(guest: Guest) -> None:
    for order in (
        b"", b"[", b"[]", b"{}", b"null", b'["child.start"]', b'["child.nothing",0]', b'["child.read",0]',
        b'["child.close",null]', b'["child.close",1.5]', b'["child.close",true]', b'["child.pair",0,1,2]',
        b"[" * 100_000, b"\xff\n:\xff",
        b'["child.write",1,0]\nx', b'["child.write",1,0]\n@5', b'["child.write",1,0]\n=###',
        b'["child.select",0,[[1,"r"]],0]', b'["child.select",0,[[]],0]', b'["child.select",0,5,0]',
        b'["child.select",99,[],0]',
        b'["child.select",-1,[],0]', b'["child.signal",5,"SIGKILL"]', b'["child.start",0,[]]', b'["child.start",0,{}]',
        b'["' + b"x" * (1 << 20) + b'",0]',
    ):  # fmt: skip
        assert guest.raw(order)[0] == "-", order
    assert guest("processors")[1] == 16


def test_ends_are_its_own(guest: Guest) -> None:
    one, other = guest("pair")
    assert guest("write", one, 0, payload=b"\n:hello") == 5
    assert guest("read", other, 2, 0) == ":he"
    assert guest("read", other, 1 << 40, 0) == ":llo"
    assert "timed out" in guest.refused("read", other, 5, 0)
    assert "timed out" in guest.refused("read", other, -5, -1)
    assert guest("select", 0, [[one, "w"], [other, "rw"]], 0)[2] == [[one, "w"], [other, "w"]]
    assert guest.refused("select", 0, [[other, "x"]], 0)
    guest("close", one)
    assert guest("read", other, 5, 0) == ":"
    for handle in (one, 0, -1, 1 << 70):
        assert "EBADF" in guest.refused("close", handle)
    assert "EPIPE" in guest.refused("write", other, 0, payload=b"\n:x")
    assert guest.refused("write", other, 0, payload=b"\n:" + b"x" * (2 * MOST + 1))


def test_there_are_only_so_many_ends(guest: Guest) -> None:
    for _ in range(ENDS // 2):
        guest("pair")
    assert "EMFILE" in guest.refused("pair")
    guest("close", 1)
    assert "EMFILE" in guest.refused("pair")  # two are needed


def test_a_pipe_that_is_full_is_not_waited_for(guest: Guest) -> None:
    one, _ = guest("pair")
    part, written = b"\n:" + b"x" * 100_000, 0
    while (answer := guest.raw(b'["child.write",%d,0]' % one + part))[0] == "+":
        written += int(answer[1])
    assert "timed out" in answer[1]
    assert written > 0


def test_what_is_no_program(guest: Guest) -> None:
    for more, words in (
        ({"words": []}, "not a command line"),
        ({"words": ["python", 1]}, "not a command line"),
        ({"words": ["python", "a\0b"]}, "not a command line"),
        ({"words": ["python", "-X", "dev"]}, "EINVAL"),
        ({"words": ["python", "--nothing"]}, "EINVAL"),
        ({"words": ["/bin/sh", "-c", "id"]}, "ENOENT"),
        ({"words": ["../../python"]}, "ENOENT"),
        ({"words": ["git"]}, "ENOENT"),
        ({"directory": "tmp"}, "not a folder"),
        ({"directory": None}, "not a command line"),
        ({"environment": {"A": 1}}, "not a command line"),
        ({"environment": {"A": "\0"}}, "not a command line"),
        ({"environment": []}, "Error"),
        ({"streams": []}, "not three streams"),
        ({"streams": ["0", "1", "2", "2"]}, "not three streams"),
        ({"streams": [7, "1", "2"]}, "EBADF"),
        ({"streams": [{}, "1", "2"]}, "EBADF"),
        ({"passed": [[1, 2]]}, "EBADF"),
        ({"passed": [["x", "y"]]}, "Error"),
    ):
        assert words in guest.start(**more), more
    assert guest.keeper._alive == {}


def test_nobody_is_started_who_may_not_be(tmp_path: Path) -> None:
    guest = Guest(tmp_path, children=0)
    assert "no program may be started (--max-children 0)" in guest.start()
    guest.close()


def test_a_program_that_cannot_run_says_so_by_its_status(guest: Guest) -> None:
    """Its plan names no library."""
    answer = guest("start", 0, {**START, "streams": ["nothing", "nothing", "nothing"]})
    ended, status, _ = guest("select", answer["number"], [], 10)
    assert (ended, status) == (answer["number"], 125)
    assert "ECHILD" in guest.refused("signal", answer["number"], "SIGKILL")
