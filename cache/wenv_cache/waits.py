"""How long this process has waited for locks of the store."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: What was waited for, and for how many seconds, in order.
waits: list[tuple[str, float]] = []
#: A file to which each process adds what it waited for, a JSON object a line: for measuring many at once.
REPORT = "WENV_LOCK_REPORT"
#: Seconds below which nobody waited.
NOTHING = 0.001


@contextmanager
def waiting(lock: str) -> Iterator[None]:
    """Count the time that is spent inside as waiting for a lock."""
    start = time.monotonic()
    try:
        yield
    finally:
        seconds = time.monotonic() - start
        if seconds > NOTHING:
            waits.append((lock, seconds))
            _report(lock, seconds)


def _report(lock: str, seconds: float) -> None:
    if path := os.environ.get(REPORT):
        line = json.dumps({"lock": lock, "seconds": round(seconds, 4), "command": sys.argv[1:2]})
        with suppress(OSError), open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - one write, whole lines
            file.write(line + "\n")
