"""A sandbox in a process of its own: its limits are the system's, and it can be ended whatever it is doing."""

import base64
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from wenv.engine.compiled import Executable, Format
from wenv.engine.frames import receive, send
from wenv.engine.limits import Limits
from wenv.errors import DiskLimitError, Exit, OutputLimitError, TimeLimitError, TrapError, WenvError
from wenv.guest.request import Service
from wenv.launcher.preopens import Preopen

#: Seconds in which the process must have loaded the interpreter.
START = 120.0
COMMAND = [sys.executable, "-P", "-m", "wenv.engine.worker"]


class Outside(Protocol):
    """What a session has of the program that started it (wenv/run/outside.py)."""

    @property
    def order(self) -> dict[str, Any] | None:
        """What the process makes its broker of."""

    @property
    def streams(self) -> bool:
        """Whether output is wanted while code runs."""

    def event(self, event: dict[str, Any]) -> None:
        """Something was tried to be reached."""

    def call(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> dict[str, Any]:
        """The answer to a call of a function."""


class StatusTrapError(TrapError):
    """What stopped a guest in another process; `status` says which limit it was."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = Exit(status)


class RemoteSession:
    """As `wenv.engine.session.Session`, as far as services are called.  All calls come from one thread at a time."""

    def __init__(
        self,
        executable: Executable,
        preopens: Sequence[Preopen],
        measured: Sequence[str],
        limits: Limits,
        bounds: Mapping[str, int | None],
        *,
        sink: Callable[[int, bytes], None],
        outside: Outside | None = None,
        children: Mapping[str, Any] | None = None,
    ) -> None:
        """`measured` are the private folders that the guest can fill, `bounds` those of `wenv.launcher.limits.Bounds`;
        `children` is what the process is told that starts programs (`wenv.children.keeper.Told`).

        Raises WenvError if the process does not start.
        """
        self._sink, self._output, self._outside = sink, limits.output, outside
        self._process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._receive, daemon=True).start()
        order = {
            "kind": (Format.COMPONENT if executable.memory is None else Format.MODULE).value,
            "code": str(executable.code),
            "memory": str(executable.memory or ""),
            "preopens": list(preopens),
            "measured": list(measured),
            "limit": limits.memory,
            "output": limits.output,
            "bounds": dict(bounds),
            "outside": None if outside is None else outside.order,
            "children": children,
            "streams": outside is not None and outside.streams,
            "shares": any(writable and not _lies_in(host, measured) for host, _, writable in preopens),
        }
        try:
            self._send(order)
            self._next(START)
        except BaseException:
            self.close()
            raise

    def _receive(self) -> None:
        assert self._process.stdout is not None
        try:
            while (message := receive(self._process.stdout)) is not None:
                self._messages.put(message)
        except (OSError, ValueError):
            pass
        self._messages.put(None)

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # it has ended: what it said last is still to be read
            send(self._process.stdin, message)

    def _next(self, seconds: float | None) -> dict[str, Any]:
        """The next message that is an answer.

        Raises TimeLimitError, what stopped the guest, and WenvError for a service that failed.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            try:
                message = self._messages.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
            except queue.Empty:
                self.close()
                raise TimeLimitError(seconds or 0.0) from None
            if message is None:
                raise TrapError("the program was stopped: the process that it ran in has ended")
            for number, data in message.get("printed", {}).items():
                self._sink(int(number), base64.b64decode(data))
            if message["kind"] == "event" and self._outside is not None:
                self._outside.event(message["event"])
            elif message["kind"] == "call" and self._outside is not None:
                self._send(self._outside.call(message["name"], message["arguments"], message["keywords"]))
            elif message["kind"] != "output":
                break
        if message["kind"] == "trap":
            if message["status"] == Exit.OUTPUT_LIMIT:
                raise OutputLimitError(self._output or 0)
            if message["status"] == Exit.DISK_LIMIT:
                raise DiskLimitError(message["message"].removeprefix("stopped: "))
            raise StatusTrapError(message["message"], message["status"])
        if message["kind"] == "failed":
            raise WenvError(message["message"])
        if message["kind"] == "exit":
            raise SystemExit(message["status"])
        return message

    def call_text(self, name: Service, argument: str, seconds: float | None = None) -> Any:
        """Call a service with JSON; returns its result.  Raises what `wenv.engine.session.Session.call_text` does, and
        TimeLimitError after `seconds`, when the process has ended."""
        self._send({"name": name, "argument": argument})
        return self._next(seconds).get("value")

    def renew_output(self) -> None:
        """Each call may print as much as the limit says: the process sees to it."""

    def check_output(self) -> None:
        """A guest that wrote too much has been stopped."""

    def stop(self) -> None:
        """End the guest, from any thread."""
        self._process.kill()

    def close(self) -> None:
        """End the process, and wait for it: nothing is written to its folders any more."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                with suppress(OSError):
                    stream.close()


def _lies_in(host: str, folders: Sequence[str]) -> bool:
    return any(Path(host) == Path(folder) for folder in folders)
