"""One sandbox: an instance of a compiled component or module with the folders and limits that it was given."""

import ctypes
import json
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import wasmtime
from wasmtime import _bindings  # the package has no name yet for what is to happen at an epoch

from wenv.engine.door import Door
from wenv.engine.engine import Compiled
from wenv.engine.instances import guest_of
from wenv.engine.limits import UNLIMITED, Limits
from wenv.engine.module import ModuleGuest
from wenv.engine.replies import LARGEST
from wenv.errors import GuestAnswerError, MountError, OutputLimitError, TrapError, WenvError
from wenv.guest.request import Service
from wenv.launcher.preopens import Preopen
from wenv.launcher.traps import explain_trap

if TYPE_CHECKING:
    from wenv.launcher.children import Children
    from wenv.network.broker import Broker

#: The C types of what is called at an epoch, and of what would be called when it is no longer.
EPOCH, FINALIZER = _bindings._wasmtime_store_epoch_deadline_callback.argtypes[1::2]
NO_FINALIZER = FINALIZER(0)
#: The C type of what is called with the output of a guest.
WRITER = _bindings._wasi_config_set_stdout_custom.argtypes[1]
#: wasmtime_update_deadline_kind_t: go on until the deadline has been reached again.
CONTINUE = 0
#: Characters of a failed service's traceback that are shown.
LONGEST_TRACEBACK = 10_000


class Session:
    """A living sandbox.  All calls must come from one thread at a time; `stop` may come from any.

    A session whose engine cannot stop it goes on until its process ends: the caller looks at `is_over`, and ends that.

    Its standard streams are the process's; nothing if it is `silent`; or what `sink` (descriptor, data) receives, and then
    standard input is empty.  `broker` answers its orders, `children` those of
    programs that it starts; both are closed with it.
    """

    def __init__(
        self,
        compiled: Compiled,
        preopens: Sequence[Preopen],
        limits: Limits = UNLIMITED,
        *,
        silent: bool = False,
        sink: Callable[[int, bytes], None] | None = None,
        broker: "Broker | None" = None,
        children: "Children | None" = None,
    ) -> None:
        self._limits = limits
        self._door = Door(broker, children) if broker is not None or children is not None else None
        #: What takes secrets out of what the guest prints, by descriptor.
        self._scrubbers = {number: broker.vault.scrubber() for number in (1, 2)} if broker is not None and broker.vault else {}
        own = weakref.ref(self)
        for each in (broker, children):
            if each is not None:
                each.stopped = lambda: (session := own()) is None or session.is_over
        self._left = limits.output
        self._sink = sink
        self._stopped = False
        self._exceeded = False
        self._unread = False
        self._engine = compiled.engine
        self._store = wasmtime.Store(self._engine.wasmtime)
        if self._engine.stoppable:
            self._store.set_epoch_deadline(1)
            self._deadline = EPOCH(self._at_epoch)
            _bindings.wasmtime_store_epoch_deadline_callback(self._store.ptr(), self._deadline, None, NO_FINALIZER)
        if limits.memory is not None:
            self._store.set_limits(memory_size=limits.memory)
        self._store.set_wasi(self._wasi(preopens, silent))
        with self._explaining():
            self._guest = guest_of(compiled, self._store, self._door)

    def _wasi(self, preopens: Sequence[Preopen], silent: bool) -> wasmtime.WasiConfig:
        wasi = wasmtime.WasiConfig()
        wasi.argv = ["python"]
        if not silent and self._sink is None:
            wasi.inherit_stdin()
        if self._sink is not None or (not silent and (self._limits.output is not None or self._scrubbers)):
            # not through the package, which has Python called when a stream is dropped: in a thread of wasmtime's own, which
            # ends the process with a panic if Python is ending just then
            self._writers = (WRITER(partial(self._write, 1)), WRITER(partial(self._write, 2)))
            _bindings.wasi_config_set_stdout_custom(wasi.ptr(), self._writers[0], None, NO_FINALIZER)
            _bindings.wasi_config_set_stderr_custom(wasi.ptr(), self._writers[1], None, NO_FINALIZER)
        elif not silent:
            wasi.inherit_stdout()
            wasi.inherit_stderr()
        for host, guest, writable in preopens:
            try:
                wasi.preopen_dir(host, guest, writable)
            except (wasmtime.WasmtimeError, UnicodeError) as error:
                raise MountError(f"{host!r} cannot be opened", "is it there, and may you read it?") from error
        return wasi

    def _write(self, descriptor: int, _: object, start: Any, size: int) -> int:
        """Take what the guest writes; returns how much that was."""
        data = ctypes.string_at(start, size)
        if scrubber := self._scrubbers.get(descriptor):
            data = scrubber.feed(data)
        self._pass_on(descriptor, data)
        return size

    def _end_output(self) -> None:
        """Pass on what was held back, as nothing follows it."""
        for descriptor, scrubber in self._scrubbers.items():
            self._pass_on(descriptor, scrubber.flush())

    def _pass_on(self, descriptor: int, data: bytes) -> None:
        """Pass on what the guest has printed, as far as it may print."""
        allowed = data if self._left is None else data[: self._left]
        if self._left is not None:
            self._left -= len(allowed)
            if len(allowed) < len(data):
                self._exceeded = True
                self._engine.stop()
        try:
            if self._sink is not None:
                self._sink(descriptor, allowed)
                return
            while allowed:
                allowed = allowed[os.write(descriptor, allowed) :]
        except OSError:
            self._unread = True  # nobody reads any more
            self._engine.stop()

    def _at_epoch(self, context: object, data: object, delta: Any, kind: Any) -> int:
        """All sessions share the engine, and so hear when one of them is to be stopped: the others go on."""
        if self.is_over:
            error = _bindings.wasmtime_error_new(b"wasm trap: interrupt")
            return ctypes.cast(error, ctypes.c_void_p).value or 0
        delta[0], kind[0] = 1, CONTINUE
        return 0

    @property
    def is_over(self) -> bool:
        """Whether the guest was stopped, wrote more than it may, or has nobody who reads what it writes."""
        return self._stopped or self._exceeded or self._unread

    def main(self, request: object) -> int:
        """Run the program that the request names; returns its exit status.  Raises TrapError, or SystemExit for os._exit."""
        try:
            with self._explaining():
                return self._guest.main(json.dumps(request))
        finally:
            self._end_output()

    def call(self, name: Service, argument: object) -> Any:
        """Call one of the guest's services (wenv/guest/entry/services.py).

        Raises TrapError; WenvError if the service failed; GuestAnswerError for an answer that is no JSON or too long.
        """
        return self.call_text(name, json.dumps(argument))

    def call_text(self, name: Service, argument: str) -> Any:
        """The same, for an argument that is JSON already.

        Raises TrapError; WenvError if the service failed; GuestAnswerError for an answer that is no JSON or too long.
        """
        try:
            with self._explaining():
                ok, value = self._guest.call(name, argument)
            self._end_output()
            if len(value) > LARGEST:
                raise GuestAnswerError(name, f"{len(value)} characters, {LARGEST} are allowed")
            if ok:
                return json.loads(value)
        except RecursionError:
            raise GuestAnswerError(name, "nested too deeply") from None
        except ValueError as error:  # not JSON, or no text
            raise GuestAnswerError(name, str(error)) from None
        raise WenvError(f"{name} failed inside the sandbox:\n{value[-LONGEST_TRACEBACK:]}")

    def renew_output(self) -> None:
        """Allow as much output as the limit says from now on."""
        if not self._exceeded:
            self._left = self._limits.output

    def check_output(self) -> None:
        """Raises OutputLimitError if more was written than may be, also if that was the last that the guest did."""
        if self._exceeded:
            raise self.ended()

    def ended(self) -> TrapError:
        """Why a session that `is_over` is."""
        if self._exceeded:
            return OutputLimitError(self._limits.output or 0)
        return TrapError(self._reason(InterruptedError("interrupt")))

    def interrupt(self) -> bool:
        """Ask the guest's interpreter for a KeyboardInterrupt, from any thread; False if only a file can."""
        return self._guest.interrupt()

    @contextmanager
    def module(self) -> Iterator[ModuleGuest]:
        """The instance itself, which must be of a module: for those who make memory images."""
        assert isinstance(self._guest, ModuleGuest)
        with self._explaining():
            yield self._guest

    def stop(self) -> None:
        """Stop what the guest is computing; the session cannot be used again."""
        self._stopped = True
        self._engine.stop()

    def close(self) -> None:
        """Free the guest's memory, and close what was open for it."""
        if self._door is not None:
            self._door.close()
        self._store.close()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except wasmtime.ExitTrap as leaving:
            raise SystemExit(leaving.code) from None
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            if self._exceeded:
                raise self.ended() from error
            raise TrapError(self._reason(error)) from error

    def _reason(self, error: BaseException) -> str:
        if self._stopped:
            return "stopped"
        return explain_trap(str(error), self._limits.memory)
