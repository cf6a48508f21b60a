"""What a sandbox tried to reach, event by event."""

import json
import time
from collections.abc import Callable
from typing import Any, TextIO

#: Distinct refusals that are kept for the user; a program that tries addresses one after the other says enough with these.
MOST = 10


class Record:
    """Keeps what was refused, and passes every event on to whoever listens.

    An event has `time` (seconds since 1970), `event` (``resolve``, ``connect``, ``listen``, ``accept``, ``close``), `host`,
    `port`, `verdict` (``allowed``, ``refused``, ``failed``) and, at the close, `sent` and `received` in bytes.
    """

    def __init__(self, listener: Callable[[dict[str, Any]], object] | None = None) -> None:
        self._listener = listener
        self.is_written = listener is not None
        self.refusals: dict[str, None] = {}

    def event(self, event: str, host: str, port: int | None, verdict: str, **more: Any) -> None:
        """Say that something happened."""
        if self._listener is not None:
            said = {"time": round(time.time(), 3), "event": event, "host": host[:300], "port": port, "verdict": verdict, **more}
            self._listener(said)

    def refused(self, words: str) -> None:
        """Keep the words of a refusal."""
        if len(self.refusals) < MOST:
            self.refusals[words] = None


def writer(file: TextIO) -> Callable[[dict[str, Any]], object]:
    """What writes events to a file, each as a line of JSON."""

    def write(event: dict[str, Any]) -> None:
        file.write(json.dumps(event) + "\n")
        file.flush()

    return write
