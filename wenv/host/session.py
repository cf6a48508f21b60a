"""One sandbox: an instance of a compiled component with the folders and limits that it was given."""

import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import wasmtime
from wasmtime import component as component_model

from wenv.errors import MountError, TrapError, WenvError
from wenv.host.engine import engine
from wenv.host.traps import explain_trap
from wenv.locations import DEVICES, PRIVATE, TEMPORARY
from wenv.policy import Mount

INTERFACE = "wenv:env/session@0.1.0"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of memory and of standard output and error together; None for no limit."""

    memory: int | None = None
    output: int | None = None


@dataclass(slots=True)
class PrivateFolders:
    """Folders that exist for one run: the guest's ``/tmp`` and ``/dev``, and one to exchange small files with the host."""

    root: Path
    mounts: list[Mount] = field(default_factory=list)

    def add_root(self, mounts: Sequence[Mount]) -> None:
        """Give the guest a root in which the folders above its mounts exist, empty, and nothing else."""
        root = self.root / "root"
        for mount in (*mounts, *self.mounts):
            (root / mount.guest.relative_to("/")).mkdir(parents=True, exist_ok=True)
            if TEMPORARY in mount.guest.parents:  # a mount of its own, in which they must exist as well
                (self.root / mount.guest.relative_to("/")).mkdir(parents=True, exist_ok=True)
        self.mounts.append(Mount(root, PurePosixPath("/")))

    @property
    def exchange(self) -> Path:
        """Where the host leaves an interrupt, and the guest the status of ``os._exit``."""
        return self.root / "private"

    def exit_status(self) -> int | None:
        """What the guest gave to ``os._exit``, if it called it."""
        try:
            return int(self.said("exit-status")) & 0xFF
        except ValueError:
            return None

    def said(self, name: str) -> str:
        """What the guest wrote into a small file; empty if there is none."""
        try:
            # the guest may have put anything there: a link to a file of the host's, a pipe that never ends
            flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            descriptor = os.open(self.exchange / name, flags)
            with os.fdopen(descriptor, "rb") as file:
                regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
                return file.read(1024).decode("utf-8", "replace") if regular else ""
        except OSError:
            return ""

    def interrupt(self) -> None:
        """Ask the guest's interpreter for a KeyboardInterrupt."""
        with suppress(OSError):
            os.close(os.open(self.exchange / "interrupt", os.O_CREAT | os.O_EXCL | os.O_WRONLY))

    def clear_interrupt(self) -> None:
        """Withdraw what `interrupt` asked for, if the guest has not seen it."""
        with suppress(OSError):
            (self.exchange / "interrupt").unlink()


@contextmanager
def private_folders() -> Iterator[PrivateFolders]:
    """Make the private folders of one run; they are gone afterwards, whatever the guest put into them."""
    root = Path(tempfile.mkdtemp(prefix="wenv-run-"))
    try:
        folders = PrivateFolders(root)
        for name, guest in (("tmp", TEMPORARY), ("dev", DEVICES), ("private", PRIVATE)):
            (root / name).mkdir()
            folders.mounts.append(Mount(root / name, guest, writable=True))
        (root / "dev" / "null").touch()
        yield folders
    finally:
        shutil.rmtree(root, ignore_errors=True)


class Session:
    """A living sandbox.  All calls must come from one thread; `stop` may come from any.

    A `silent` one has no standard streams.
    """

    def __init__(
        self,
        component: component_model.Component,
        mounts: Sequence[Mount],
        limits: Limits = Limits(),
        *,
        silent: bool = False,
    ) -> None:
        self._limits = limits
        self._left = limits.output
        self._stopped = False
        self._exceeded = False
        self._store = wasmtime.Store(engine())
        self._store.set_epoch_deadline(1)
        if limits.memory is not None:
            self._store.set_limits(memory_size=limits.memory)
        self._store.set_wasi(self._wasi(mounts, silent))
        linker = component_model.Linker(engine())
        linker.add_wasip2()
        with self._explaining():
            instance = linker.instantiate(self._store, component)
        interface = instance.get_export_index(self._store, INTERFACE)

        def exported(name: str) -> component_model.Func:
            index = instance.get_export_index(self._store, name, interface)
            function = instance.get_func(self._store, index) if index is not None else None
            assert function is not None, f"the component does not export {name}"
            return function

        self._main, self._call = exported("main"), exported("call")

    def _wasi(self, mounts: Sequence[Mount], silent: bool) -> wasmtime.WasiConfig:
        wasi = wasmtime.WasiConfig()
        wasi.argv = ["python"]
        if not silent:
            wasi.inherit_stdin()
        if not silent and self._limits.output is None:
            wasi.inherit_stdout()
            wasi.inherit_stderr()
        elif not silent:
            wasi.stdout_custom = lambda data: self._write(1, data)
            wasi.stderr_custom = lambda data: self._write(2, data)
        for mount in mounts:
            try:
                wasi.preopen_dir(str(mount.host), str(mount.guest), mount.writable)
            except wasmtime.WasmtimeError as error:
                raise MountError(f"{mount.host} cannot be opened", "is it there, and may you read it?") from error
        return wasi

    def _write(self, descriptor: int, data: bytes) -> int | None:
        assert self._left is not None
        allowed = data[: self._left]
        self._left -= len(allowed)
        if len(allowed) < len(data):
            self._exceeded = True
            engine().increment_epoch()
        try:
            while allowed:
                allowed = allowed[os.write(descriptor, allowed) :]
        except OSError:
            engine().increment_epoch()  # nobody reads any more
        return None

    def main(self, request: object) -> int:
        """Run the program that the request names; returns its exit status.  Raises TrapError, or SystemExit for os._exit."""
        with self._explaining():
            status: int = self._main(self._store, json.dumps(request))
            return status

    def call(self, name: str, argument: object) -> Any:
        """Call one of the guest's services (wenv/guest/calls.py).  Raises TrapError; WenvError if the service failed."""
        with self._explaining():
            reply = self._call(self._store, name, json.dumps(argument))
        if not reply.ok:
            raise WenvError(f"{name} failed inside the sandbox:\n{reply.value}")
        return json.loads(reply.value)

    def stop(self) -> None:
        """Stop what the guest is computing; the session cannot be used again."""
        self._stopped = True
        engine().increment_epoch()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except wasmtime.ExitTrap as leaving:
            raise SystemExit(leaving.code) from None
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            raise TrapError(self._reason(error)) from error

    def _reason(self, error: BaseException) -> str:
        if self._exceeded:
            return f"stopped: it wrote more than {self._limits.output} bytes, its output limit"
        if self._stopped:
            return "stopped"
        return explain_trap(str(error), self._limits.memory)


def stdio_is_terminal() -> bool:
    """Whether a person sees what the guest prints."""
    return sys.stdout is not None and sys.stdout.isatty()
