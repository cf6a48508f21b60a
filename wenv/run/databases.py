"""Databases of SQLite's that a run may write although the host's programs know them: nobody else gets at them meanwhile."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from wenv.errors import UsageError, WenvError
from wenv.launcher.preopens import Preopen

HOLDER = Path(__file__).with_name("lock_holder.py")


@contextmanager
def locked(databases: Sequence[Path], shared: Sequence[Preopen]) -> Iterator[list[str]]:
    """Hold the locks of databases; yields their paths in the guest.

    Raises UsageError for one that the guest cannot write, WenvError for one that another program uses.
    """
    with ExitStack() as held:
        yield [held.enter_context(_held(database, _guest_path(database, shared))) for database in databases]


def _guest_path(database: Path, shared: Sequence[Preopen]) -> str:
    path = database.parent.resolve() / database.name
    for host, guest, writable in shared:
        folder = Path(host).resolve()
        if writable and path.is_relative_to(folder):
            return f"{guest.rstrip('/')}/{path.relative_to(folder).as_posix()}"
    raise UsageError(f"{database} is in no folder that the program may write to", "--write, or --mount FOLDER:rw, allows it")


@contextmanager
def _held(database: Path, guest: str) -> Iterator[str]:
    command = [sys.executable, "-I", "-S", str(HOLDER), str(database.absolute())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        said = holder.stdout.readline().strip()
        if said != "locked":
            raise WenvError(f"{database} cannot be locked: {said or 'the program that would hold the lock has ended'}")
        _drop_stale(database)
        try:
            yield guest
        finally:
            _drop_stale(database)
            holder.stdin.close()


def _drop_stale(database: Path) -> None:
    """Delete the folder by which a sandbox's SQLite tells its connections of a lock, and which one that was stopped leaves."""
    with suppress(OSError):
        Path(f"{database}.lock").rmdir()
