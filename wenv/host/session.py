"""One sandbox: an instance of a compiled component with the folders and limits that it was given."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import wasmtime
from wasmtime import component as component_model

from wenv.errors import MountError, TrapError, WenvError
from wenv.host.engine import engine
from wenv.host.traps import explain_trap
from wenv.launcher.clibrary import INTERFACE
from wenv.launcher.sandbox import Preopen


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of memory and of standard output and error together; None for no limit."""

    memory: int | None = None
    output: int | None = None


class Session:
    """A living sandbox.  All calls must come from one thread; `stop` may come from any.

    A `silent` one has no standard streams.
    """

    def __init__(
        self,
        component: component_model.Component,
        preopens: Sequence[Preopen],
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
        self._store.set_wasi(self._wasi(preopens, silent))
        linker = component_model.Linker(engine())
        linker.add_wasip2()
        with self._explaining():
            instance = linker.instantiate(self._store, component)
        interface = instance.get_export_index(self._store, INTERFACE.decode())

        def exported(name: str) -> component_model.Func:
            index = instance.get_export_index(self._store, name, interface)
            function = instance.get_func(self._store, index) if index is not None else None
            assert function is not None, f"the component does not export {name}"
            return function

        self._main, self._call = exported("main"), exported("call")

    def _wasi(self, preopens: Sequence[Preopen], silent: bool) -> wasmtime.WasiConfig:
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
        for host, guest, writable in preopens:
            try:
                wasi.preopen_dir(host, guest, writable)
            except wasmtime.WasmtimeError as error:
                raise MountError(f"{host} cannot be opened", "is it there, and may you read it?") from error
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
