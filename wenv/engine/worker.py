"""The process that holds one sandbox for another process (wenv/engine/remote.py): ``python -m wenv.engine.worker``.

It is told on standard input what to load and what to call, and answers on standard output.  A guest that reaches a limit ends
this process, whatever it is doing; a guest that goes on for too long is ended by whoever started it.
"""

import base64
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import wasmtime
from wasmtime import component as component_model

from wenv.engine.compiled import Format
from wenv.engine.engine import Compiled, engine
from wenv.engine.frames import receive, send
from wenv.engine.limits import Limits
from wenv.engine.replies import LARGEST
from wenv.engine.session import Session
from wenv.errors import DiskLimitError, TrapError
from wenv.guest.request import Service
from wenv.launcher.children import WHOLE, Children
from wenv.launcher.limits import LOOK, Bounds, Watch, limit_process
from wenv.launcher.protect import protect, protected
from wenv_cache.errors import UserError

if TYPE_CHECKING:
    from wenv.network.broker import Broker

_sending = threading.Lock()


class ElsewhereFunctions:
    """As `wenv.network.functions.HostFunctions`, for functions of the process that started this one."""

    largest_order = LARGEST

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker

    def call(self, name: str, arguments: list[Any], keywords: dict[str, Any], stopped: Callable[[], bool]) -> str:
        """See there.  Raises FunctionError."""
        from wenv.network.functions import FunctionError

        answer = self._worker.ask({"kind": "call", "name": name, "arguments": arguments, "keywords": keywords})
        if "text" not in answer:
            raise FunctionError(answer["kind"], answer["message"])
        text: str = answer["text"]
        return text


class Worker:
    """The sandbox, and what it has printed since the last answer."""

    def __init__(self, order: dict[str, Any], stdin: IO[bytes]) -> None:
        self._stdin = stdin
        kind = Format(order["kind"])
        chosen = engine(kind)
        made = component_model.Component if kind is Format.COMPONENT else wasmtime.Module
        program = made.deserialize_file(chosen.wasmtime, order["code"])
        compiled = Compiled(chosen, program, Path(order["memory"]) if order["memory"] else None)
        limits, bounds = Limits(order["limit"], order["output"]), Bounds(order["bounds"])
        self._written: dict[int, list[bytes]] = {1: [], 2: []}
        preopens = [(host, guest, writable) for host, guest, writable in order["preopens"]]
        guarded = protected(preopens)
        protect(guarded, preopens)  # where it cannot be had, who shares such folders has been told in the documentation
        sink = self._stream if order["streams"] else lambda number, data: self._written[number].append(data)
        broker = None if order["outside"] is None else self._broker(order["outside"])
        told = order["children"]
        children = None if told is None else Children(lambda: told, WHOLE, self._hear)
        self._session = Session(compiled, preopens, limits, sink=sink, broker=broker, children=children)
        limit_process(bounds, writes_elsewhere=order["shares"])
        self._watch = Watch(bounds, order["measured"])
        threading.Thread(target=self._look, daemon=True).start()

    def _stream(self, number: int, data: bytes) -> None:
        """Send what the guest prints, as it comes."""
        self._written[number].append(data)
        self.answer({"kind": "output"})

    def _hear(self, event: dict[str, Any]) -> None:
        """A program has tried to reach something."""
        self.answer({"kind": "event", "event": event})

    def _broker(self, outside: dict[str, Any]) -> "Broker":
        """What answers the guest's orders; functions are called in the other process."""
        from wenv.network.broker import broker_of

        return broker_of(outside, self._hear, ElsewhereFunctions(self) if outside["calls"] else None)

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Ask the other process for something, while a service runs: the next message from it is the answer."""
        self.answer(message)
        return receive(self._stdin) or {"kind": "RuntimeError", "message": "the program that started this sandbox has ended"}

    def _look(self) -> None:
        while True:
            time.sleep(max(LOOK, self._watch.pause))
            if reason := self._watch.look():
                self._end(DiskLimitError(reason))
            if self._session.is_over:
                self._end(self._session.ended())

    def _end(self, error: TrapError) -> None:
        """Say what stopped the guest, and end the process."""
        self.answer({"kind": "trap", "status": int(error.status), "message": str(error)})
        os._exit(int(error.status))

    def answer(self, message: dict[str, Any]) -> None:
        """Send an answer, with what was printed."""
        printed = {str(number): base64.b64encode(b"".join(data)).decode() for number, data in self._written.items()}
        for data in self._written.values():
            data.clear()
        with _sending:
            send(sys.stdout.buffer, {**message, "printed": printed})

    def call(self, name: Service, argument: str) -> None:
        """Call a service, and answer."""
        self._session.renew_output()
        try:
            value = self._session.call_text(name, argument)
            self._session.check_output()
            self.answer({"kind": "value", "value": value})
        except SystemExit as leaving:
            self.answer({"kind": "exit", "status": int(leaving.code or 0)})
        except TrapError as error:
            self._end(error)
        except UserError as error:
            self.answer({"kind": "failed", "message": str(error)})


def main() -> None:
    """Serve until standard input ends."""
    stdin = os.fdopen(os.dup(0), "rb")
    order = receive(stdin)
    if order is None:
        return
    try:
        worker = Worker(order, stdin)
    except UserError as error:
        send(sys.stdout.buffer, {"kind": "failed", "message": str(error), "printed": {}})
        return
    send(sys.stdout.buffer, {"kind": "ready"})
    while (message := receive(stdin)) is not None:
        worker.call(message["name"], message["argument"])
    os._exit(0)


if __name__ == "__main__":
    main()  # in the first thread: others get what it has set up, and a user's namespace is given to a single one only
