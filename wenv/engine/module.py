"""A guest that is a core module: its calls, its memory, interrupting it."""

import ctypes
import json
import struct
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wasmtime

from wenv.engine.deep import deeply
from wenv.engine.door import Door
from wenv.engine.engine import Compiled
from wenv.engine.replies import LARGEST
from wenv.errors import TrapError
from wenv.launcher.c_api import ANSWER, DOOR, MAIN
from wenv.launcher.memory_image import FORGET_FOLDERS, INTERRUPT, PAGE, UNIT, head_of, restore

if TYPE_CHECKING:
    from wenv.launcher.memory_image import Run


#: What the guest sends around an interrupt of its own (wenv/guest/entry/module.py).
BEFORE, AFTER = b"?before", b"?after"
#: How an order begins (wenv/guest/network/door.py).
ORDER = b"["


#: With what CPython's state begins in memory, and where its size is from there.
#: Source: ``struct _Py_DebugOffsets`` in Include/internal/pycore_debug_offsets.h.
STATE, STATE_SIZE = b"xdebugpy", 24


#: Pages that are as they were at first and lie between two runs of others are saved with these, if there are so few.
GAP = 4


class ModuleGuest:
    """A module whose export ``turn`` runs Python source, and which calls one function of the host's, ``call``."""

    def __init__(self, compiled: Compiled, store: wasmtime.Store, door: Door | None = None) -> None:
        if door is not None:
            door.take_bytes()
        self._door = door
        assert isinstance(compiled.program, wasmtime.Module)
        self._compiled, self._store = compiled, store
        self._is_asked = self._is_watched = False
        self._replies: list[bytes] = []
        self._seen: list[bytes] = []
        self._interrupted = False
        engine = compiled.engine.wasmtime
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        integers = [wasmtime.ValType.i32() for _ in range(4)]
        linker.define_func(*DOOR, wasmtime.FuncType(integers, integers[:1]), self._take, access_caller=True)
        program = compiled.program
        self._exports = deeply(lambda: linker.instantiate(store, program)).exports(store)
        memory = self._exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        self._memory = memory
        self._base = self._address
        if compiled.memory is not None:
            restore(str(compiled.memory), self._grown, mapped=not compiled.engine.stoppable)

    def _grown(self, units: int) -> int:
        missing = units - self._memory.size(self._store)
        if missing > 0:
            self._memory.grow(self._store, missing)
            self._base = self._address
        return self._base

    @property
    def _address(self) -> int:
        return ctypes.addressof(self._memory.data_ptr(self._store).contents)

    def _take(self, caller: Any, start: int, size: int, answer: int, answer_size: int) -> int:
        """What the guest sends: an order, or the reply to a call; of several replies the last.

        Nobody hears what it sends without being asked, and orders only in a run that is granted something.
        """
        if not self._is_asked and self._door is None:
            return -1
        start, size = start & 0xFFFFFFFF, size & 0xFFFFFFFF
        if size > LARGEST or start + size > self._memory.data_len(caller):
            return -2
        sent, told = bytes(self._memory.read(caller, start, start + size)), b""
        if sent[:1] == ORDER:
            if self._door is None:
                return -1
            told = self._door.ask(sent)
        elif self._is_asked:
            self._replies[:] = [sent]
        else:
            return -1
        if self._is_watched and sent in (BEFORE, AFTER):
            self._seen.append(bytes(self._bytes()))
        place = caller["host_alloc"](caller, max(1, len(told))) & 0xFFFFFFFF
        try:
            self._memory.write(caller, told, place)
            self._memory.write(caller, struct.pack("<I", place), answer & 0xFFFFFFFF)
            self._memory.write(caller, struct.pack("<I", max(1, len(told))), answer_size & 0xFFFFFFFF)
        except IndexError:
            return -2
        return 0

    def turn(self, source: str) -> int:
        """Run Python source; returns the status that it ends with."""
        data = source.encode()
        place = self._function("host_alloc")(self._store, len(data)) & 0xFFFFFFFF
        self._memory.write(self._store, data, place)
        status: int = deeply(lambda: self._function("turn")(self._store, place, len(data)))
        return status

    def _function(self, name: str) -> wasmtime.Func:
        found = self._exports[name]
        assert isinstance(found, wasmtime.Func)
        return found

    def main(self, request: str) -> int:
        return self.turn(MAIN.format(request=ascii(request))) & 0xFF

    def call(self, name: str, argument: str) -> tuple[bool, str]:
        """See `wenv.engine.instances.Guest.call`.  Raises TrapError."""
        if self._interrupted:
            self._forget_interrupt()
        self._replies.clear()
        self._is_asked = True
        try:
            self.turn(ANSWER.format(name=ascii(name), argument=ascii(argument)))
        finally:
            self._is_asked = False
        if not self._replies:
            raise TrapError("the interpreter gave no answer")
        reply = self._replies[-1]
        return reply[:1] == b"+", reply[1:].decode()

    @cached_property
    def _interrupt_places(self) -> list[tuple[int, int]]:
        assert self._compiled.memory is not None
        places: list[tuple[int, int]] = json.loads((self._compiled.memory.parent / INTERRUPT).read_bytes())
        return places

    def interrupt(self) -> bool:
        for place, bits in self._interrupt_places:
            ctypes.c_ubyte.from_address(self._base + place).value |= bits
        self._interrupted = True
        return True

    def _forget_interrupt(self) -> None:
        """Withdraw an interrupt that came when nothing was running any more."""
        for place, bits in self._interrupt_places:
            ctypes.c_ubyte.from_address(self._base + place).value &= ~bits
        self._interrupted = False

    def interrupt_places(self) -> list[tuple[int, int]]:
        """What to set in memory for the interpreter to raise KeyboardInterrupt: addresses, and the bit of each byte.

        It is found by watching what its own function for that sets in its state, and nothing else does: two flags of its signal
        handling, and one for the loop that evaluates bytecode.  Raises TrapError.
        """
        changed: list[dict[int, int]] = []
        self._is_watched = True
        for real in (False, False, True):
            self._seen.clear()
            ok, value = self.call("show_interrupt", json.dumps(real))
            if not ok or len(self._seen) != 2:
                raise TrapError(f"the interpreter cannot be interrupted: {value}")
            changed.append(_changes(*self._seen))
        state = self._seen[0].find(STATE)
        (size,) = struct.unpack_from("<Q", self._seen[0], state + STATE_SIZE)
        self._seen.clear()
        self._is_watched = False
        first, second, real_one = changed
        places = [place for place in real_one if state <= place < state + size and place not in first and place not in second]
        found = [(place, real_one[place]) for place in places if real_one[place].bit_count() == 1]
        if not 2 <= len(found) <= 4:
            raise TrapError(f"an interrupt changes {len(found)} flags of the interpreter")
        return found

    def save_memory(self, path: Path) -> None:
        """Write what memory holds as an image (wenv/launcher/memory_image.py); nothing may be running in it."""
        self._function(FORGET_FOLDERS)(self._store)
        with wasmtime.Store(self._compiled.engine.wasmtime) as store:
            store.set_wasi(wasmtime.WasiConfig())
            fresh = ModuleGuest(Compiled(self._compiled.engine, self._compiled.program), store)
            ours, theirs = self._bytes(), fresh._bytes()
            runs = list(_runs(ours, theirs))
            with path.open("wb") as file:
                file.write(head_of(len(ours) // UNIT, runs))
                for first, count in runs:
                    file.write(ours[first * PAGE : (first + count) * PAGE])

    def _bytes(self) -> memoryview:
        size = self._memory.data_len(self._store)
        return memoryview((ctypes.c_ubyte * size).from_address(self._address)).cast("B")


def _changes(before: bytes, after: bytes) -> dict[int, int]:
    """Addresses of bytes that have changed, with the bits that were set."""
    found = {}
    for start in range(0, len(before), PAGE):
        old, new = before[start : start + PAGE], after[start : start + PAGE]
        if old != new:
            found.update({start + i: new[i] & ~old[i] for i in range(len(old)) if old[i] != new[i]})
    return found


def _runs(memory: memoryview, fresh: memoryview) -> "list[Run]":
    """The pages in which a memory differs from a fresh one."""
    nothing = bytes(PAGE)
    runs: list[Run] = []
    for page in range(len(memory) // PAGE):
        start = page * PAGE
        before = fresh[start : start + PAGE] if start < len(fresh) else nothing
        if memory[start : start + PAGE] == before:
            continue
        if runs and page - sum(runs[-1]) <= GAP:
            runs[-1] = (runs[-1][0], page + 1 - runs[-1][0])
        else:
            runs.append((page, 1))
    return runs
