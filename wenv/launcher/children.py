"""The way to the process that keeps the programs which a program has started (wenv/children/keeper.py).

It is started at the first order.  It ends, and all programs with it, when this end of the way is closed, whatever closes it.
"""

import os
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

#: The length of each message on the way, which it comes after; the first byte of one to here says what it is.
LENGTH = struct.Struct("<I")
ANSWER, EVENT = b"=", b"!"
#: Bytes of the longest message.
LARGEST = 4 << 20
#: What the keeper is, for a Python that has wenv's folder as its first argument, and the way's descriptor as its second.
KEEPER = "import sys; sys.path.append(sys.argv[1]); from wenv.children.keeper import main; main(int(sys.argv[2]))"
#: Options of a Python that imports nothing of the environment that wenv is installed in, and of one that does.
BARE, WHOLE = ("-IS",), ("-P",)
#: The way's descriptor there.
DESCRIPTOR = 3
#: Seconds between two looks whether a run that waits for an answer was stopped.
TURN = 0.2
PACKAGES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Children:
    """Answers the orders of one guest.  All orders come from one thread at a time; `close` may come from any."""

    def __init__(
        self,
        describe: "Callable[[], Mapping[str, Any]]",
        options: "Sequence[str]" = BARE,
        event: "Callable[[dict[str, Any]], object] | None" = None,
    ) -> None:
        """`describe` gives what the keeper is told (`wenv.children.keeper.Told`); `event` hears what programs try to reach."""
        self._describe, self._options, self._event = describe, options, event
        self._way: socket.socket | None = None
        self._pid, self._is_closed = 0, False
        #: Whether the guest's door takes bytes (a module's), or texts.
        self.takes_bytes = False
        #: Whether the run was stopped.
        self.stopped: Callable[[], bool] = lambda: False

    @classmethod
    def at(cls, way: "socket.socket") -> "Children":
        """For a started program's own: the keeper is at the other end of this way."""
        made = cls(dict)
        made._way = way
        return made

    def ask(self, order: bytes) -> bytes:
        """The answer to an order."""
        try:
            if self._way is None:
                self._start()
            way = self._way
            if way is None:
                raise OSError(0, "the run has ended")
            send(way, order)
            while (message := self._received(way)) is not None:
                if message[:1] == ANSWER:
                    return message[1:]
                self._tell(message)
        except OSError as error:
            return b'-["OSError","ECONNRESET",%s]' % _quoted(f"programs cannot be started: {error.strerror or error}")
        return b'-["OSError","ECONNRESET","the process that keeps started programs has ended"]'

    def _start(self) -> None:
        if self._is_closed:
            return
        import json
        import socket

        if not hasattr(os, "posix_spawn"):
            raise OSError(0, "this is not done on this system yet")
        way, theirs = socket.socketpair()
        line = [sys.executable, *self._options, "-c", KEEPER, PACKAGES, str(DESCRIPTOR)]
        with theirs:
            actions = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), DESCRIPTOR)]
            self._pid = os.posix_spawn(sys.executable, line, os.environ, file_actions=actions)
        self._way = way
        send(way, json.dumps({**self._describe(), "bytes": self.takes_bytes}).encode())

    def _received(self, way: "socket.socket") -> "bytes | None":
        import select

        poll = select.poll()  # `select` takes no descriptor above 1,023
        poll.register(way, select.POLLIN)
        while not poll.poll(TURN * 1000):
            if self.stopped():
                return None
        return receive(way)

    def _tell(self, message: bytes) -> None:
        if self._event is not None and message[:1] == EVENT:
            import json

            self._event(json.loads(message[1:]))

    def close(self) -> None:
        """End all programs, and wait for that: their folders are gone then."""
        self._is_closed = True
        way, self._way = self._way, None
        if way is None:
            return
        import socket

        try:
            way.shutdown(socket.SHUT_WR)
            while (message := receive(way)) is not None:
                self._tell(message)
        except OSError:
            pass
        way.close()
        try:
            os.waitpid(self._pid, 0)
        except ChildProcessError:
            pass


def send(way: "socket.socket", data: bytes) -> None:
    """Send a message.  Raises OSError."""
    way.sendall(LENGTH.pack(len(data)) + data)


def receive(way: "socket.socket") -> "bytes | None":
    """The next message; None at the end.  Raises OSError."""
    head = _exactly(way, LENGTH.size)
    if head is None:
        return None
    (size,) = LENGTH.unpack(head)
    if size > LARGEST:
        raise OSError(0, f"a message of {size} bytes")
    return _exactly(way, size)


def _exactly(way: "socket.socket", size: int) -> "bytes | None":
    data = bytearray()
    while len(data) < size:
        part = way.recv(size - len(data))
        if not part:
            return None
        data += part
    return bytes(data)


def _quoted(text: str) -> bytes:
    import json

    return json.dumps(text).encode()
