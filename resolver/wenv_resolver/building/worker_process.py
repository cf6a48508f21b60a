"""The process in which a package's own build system runs."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from wenv_resolver.building import rust
from wenv_resolver.requirements import IndexOptions

#: How often a running build is looked at, in seconds.
POLL = 0.1


def run_worker(staging: Path, log: Path, options: IndexOptions, note: Callable[[str], None], cancelled: threading.Event) -> int:
    """Run the worker; returns its exit status.  What it prints goes to `log`."""
    inherited = {name: value for name, value in os.environ.items() if name not in rust.REPLACED}
    environment = {**inherited, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "TMPDIR": str(staging), **pip_variables(options)}
    command = [sys.executable, "-P", "-m", "wenv_resolver.building.worker", str(staging / "job.json")]
    with log.open("wb") as out, log.open("rb") as said:
        process = subprocess.Popen(
            command,
            cwd=staging,
            env=environment,
            stdin=subprocess.PIPE,  # stays open as long as this process lives: the worker ends when it is closed
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that it can be stopped with all that it started
        )
        try:
            while (status := process.poll()) is None:
                lines = [line for line in said.read().decode("utf-8", "replace").splitlines() if line.strip()]
                if lines:
                    note(lines[-1].strip())
                if cancelled.wait(POLL):
                    break
            return 1 if status is None else status
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the process, if it runs, and all that it started."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


def pip_variables(options: IndexOptions) -> dict[str, str]:
    """Index options as pip's environment variables, for the pip that installs what a build needs."""
    variables = {"PIP_INDEX_URL": options.index_url} if options.index_url else {}
    if options.no_index:
        variables |= {"PIP_NO_INDEX": "1", "CARGO_NET_OFFLINE": "true"}
    if options.extra_index_urls:
        variables["PIP_EXTRA_INDEX_URL"] = " ".join(options.extra_index_urls)
    if options.find_links:
        given = os.environ.get("PIP_FIND_LINKS", "").split()
        variables["PIP_FIND_LINKS"] = " ".join([*given, *options.find_links])
    return variables
