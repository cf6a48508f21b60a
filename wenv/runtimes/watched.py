"""Runs a build tool in which code of packages runs, within limits of time, output and disk."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from wenv.errors import RuntimeBuildError
from wenv.launcher.limits import CAPTURED, DISK, FILES, Bounds, Usage, measure

#: Seconds within which it must have ended; seconds between two looks at what it writes; bytes of its last words.
TIME, LOOK, WORDS = 900.0, 1.0, 1 << 16
STOPPED = "it was stopped: code that runs while it is built {did}"


def run_watched(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], scratch: Path, seconds: float = TIME
) -> tuple[int, str]:
    """Run a command in a folder; returns its exit status and the end of what it printed.

    `scratch` is where it writes: what is there may grow by the disk limit of a run.  Raises RuntimeBuildError at a limit.
    """
    process = subprocess.Popen(command, cwd=folder, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed = [0]
    words = bytearray()

    def read() -> None:
        assert process.stdout is not None
        while chunk := os.read(process.stdout.fileno(), WORDS):
            printed[0] += len(chunk)
            words.extend(chunk)
            del words[:-WORDS]

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    until, before = time.monotonic() + seconds, _use(scratch)
    try:
        while (status := _ended(process)) is None:
            if time.monotonic() > until:
                raise RuntimeBuildError(
                    f"it was stopped after {seconds:g} s: some code that runs while it is built does not end"
                )
            if printed[0] > CAPTURED:
                raise RuntimeBuildError(STOPPED.format(did=f"printed more than {CAPTURED} bytes"))
            now = _use(scratch)
            if now.size - before.size > DISK or now.files - before.files > FILES:
                raise RuntimeBuildError(
                    f"it was stopped: code that runs while it is built wrote more than {DISK} bytes or {FILES} files"
                )
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join(5)
    return status, bytes(words).decode("utf-8", "replace")


def _ended(process: "subprocess.Popen[bytes]") -> int | None:
    try:
        return process.wait(LOOK)
    except subprocess.TimeoutExpired:
        return None


def _use(folder: Path) -> Usage:
    found, bounds = Usage(), Bounds({"disk": 1 << 53, "files": 1 << 53})
    measure(str(folder), found, bounds)
    return found
