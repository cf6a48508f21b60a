"""The short way for runtimes that are a module and a memory image: imported by no other run."""

import ctypes
import struct
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    Union,
    byref,
    c_bool,
    c_char_p,
    c_int32,
    c_size_t,
    c_uint8,
    c_uint64,
    c_void_p,
)

from wenv.launcher.c_api import DOOR, MAIN, Address, Bytes, Exited, Machine, Trap, UnusableError
from wenv.launcher.memory_image import UNIT, is_whole, restore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


class ModuleInstance(Structure):
    """wasmtime_instance_t"""

    _fields_ = (("store", c_uint64), ("own", c_size_t))


class Extern(Structure):
    """wasmtime_extern_t: a function or a memory, which is known by where `of` is."""

    _fields_ = (("kind", c_uint8), ("of", c_uint64 * 3))


class Number(Union):
    """wasmtime_valunion_t, for 32-bit integers."""

    _fields_ = (("number", c_int32), ("largest", c_uint64 * 3))


class Integer(Structure):
    """wasmtime_val_t, for 32-bit integers; their kind is 0."""

    _fields_ = (("kind", c_uint8), ("of", Number))


Callback = CFUNCTYPE(c_size_t, c_void_p, c_void_p, POINTER(Integer), c_size_t, POINTER(Integer), c_size_t)


#: What a module exports: its memory, what takes space in it, and what runs a line of Python that lies there.
MEMORY, ALLOCATE, TURN = b"memory", b"host_alloc", b"turn"


#: As in `wenv.launcher.c_api`.
FUNCTIONS: "Mapping[str, tuple[Any, ...]]" = {
    "wasmtime_config_wasm_exceptions_set": (None, c_void_p, c_bool),
    "wasmtime_module_deserialize_file": (c_void_p, c_void_p, c_char_p, Address),
    "wasmtime_linker_new": (c_void_p, c_void_p),
    "wasmtime_linker_define_wasi": (c_void_p, c_void_p),
    "wasm_valtype_new": (c_void_p, c_uint8),
    "wasm_valtype_vec_new": (None, POINTER(Bytes), c_size_t, Address),
    "wasm_functype_new": (c_void_p, POINTER(Bytes), POINTER(Bytes)),
    "wasmtime_linker_define_func": (
        c_void_p, c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_void_p, Callback, c_void_p, c_void_p,
    ),
    "wasmtime_linker_instantiate": (c_void_p, c_void_p, c_void_p, c_void_p, POINTER(ModuleInstance), Address),
    "wasmtime_instance_export_get": (c_bool, c_void_p, POINTER(ModuleInstance), c_char_p, c_size_t, POINTER(Extern)),
    "wasmtime_func_call": (
        c_void_p, c_void_p, c_void_p, POINTER(Integer), c_size_t, POINTER(Integer), c_size_t, Address,
    ),
    "wasmtime_memory_data": (c_void_p, c_void_p, c_void_p),
    "wasmtime_memory_size": (c_uint64, c_void_p, c_void_p),
    "wasmtime_memory_grow": (c_void_p, c_void_p, c_void_p, c_uint64, POINTER(c_uint64)),
    "wasm_trap_message": (None, c_void_p, POINTER(Bytes)),
}  # fmt: skip


class ModuleMachine(Machine):
    """A machine with a module, and the memory image that each instance starts from."""

    functions = FUNCTIONS
    feature = "wasmtime_config_wasm_exceptions_set"

    def __init__(self, library: str, compiled: str, image: str, answer: "Callable[[bytes], bytes] | None" = None) -> None:
        """`image` is a memory image (wenv/launcher/memory_image.py)."""
        self._image = image
        #: Of the instance that runs: its context, its memory, and what takes space in it.
        self._own: tuple[int, int, Extern] | None = None
        super().__init__(library, compiled, answer)

    def _take(self, data: object, caller: object, given: "Any", count: int, results: "Any", size: int) -> int:
        """The host function that a module imports: it takes orders, and nothing else."""
        results[0].kind, results[0].of.number = 0, -1
        if self._answer is None or self._own is None:
            return 0
        context, memory, allocate = self._own
        start, length, place, told_size = (given[index].of.number & 0xFFFFFFFF for index in range(4))
        sent = self._bytes(context, memory, start, length)
        if sent is None or bytes(sent[:1]) != b"[":
            return 0
        told = self._answer(bytes(sent))
        try:
            left = self._called(context, allocate, max(1, len(told)))
        except (Trap, Exited):
            return 0
        for at, new in ((left, told), (place, struct.pack("<I", left)), (told_size, struct.pack("<I", max(1, len(told))))):
            target = self._bytes(context, memory, at, len(new))
            if target is None:
                return 0
            target[:] = new
        results[0].of.number = 0
        return 0

    def _bytes(self, context: int, memory: int, start: int, size: int) -> "memoryview | None":
        """A part of the guest's memory, which is valid until the guest goes on; None for what lies beyond."""
        units: int = self._c["wasmtime_memory_size"](context, memory)
        if start + size > units * UNIT:
            return None
        address = self._c["wasmtime_memory_data"](context, memory) + start
        return memoryview((c_uint8 * size).from_address(address)).cast("B")

    def _load(self, compiled: bytes) -> None:
        c = self._c
        self._module = c_void_p()
        if c["wasmtime_module_deserialize_file"](self._engine, compiled, byref(self._module)):
            raise UnusableError(compiled.decode(errors="replace"))
        if not is_whole(self._image):
            raise UnusableError(self._image)
        self._linker = c["wasmtime_linker_new"](self._engine)
        self._check(c["wasmtime_linker_define_wasi"](self._linker))
        module, name = (text.encode() for text in DOOR)
        self._taken = Callback(self._take)
        kind = c["wasm_functype_new"](byref(self._integers(4)), byref(self._integers(1)))
        self._check(
            c["wasmtime_linker_define_func"](
                self._linker, module, len(module), name, len(name), kind, self._taken, None, None
            )
        )  # fmt: skip

    def _integers(self, count: int) -> Bytes:
        """The types of so many 32-bit integers."""
        kinds, vector = (c_void_p * count)(*(self._c["wasm_valtype_new"](0) for _ in range(count))), Bytes()
        self._c["wasm_valtype_vec_new"](byref(vector), count, kinds)
        return vector

    def _main(self, context: int, request: str) -> int:
        c, instance, trap = self._c, ModuleInstance(), c_void_p()
        self._check(c["wasmtime_linker_instantiate"](self._linker, context, self._module, byref(instance), byref(trap)), trap)
        exports = {name: Extern() for name in (MEMORY, ALLOCATE, TURN)}
        for name, extern in exports.items():
            if not c["wasmtime_instance_export_get"](context, byref(instance), name, len(name), byref(extern)):
                raise Trap("the module does not export what wenv calls")
        memory = _of(exports[MEMORY])

        def grown(units: int) -> int:
            missing = units - c["wasmtime_memory_size"](context, memory)
            if missing > 0:
                before = c_uint64()
                self._check(c["wasmtime_memory_grow"](context, memory, missing, byref(before)))
            address: int = c["wasmtime_memory_data"](context, memory)
            return address

        restore(self._image, grown, mapped=True)
        self._own = context, memory, exports[ALLOCATE]
        source = MAIN.format(request=ascii(request)).encode()
        place = self._called(context, exports[ALLOCATE], len(source))
        ctypes.memmove(grown(0) + place, source, len(source))
        return self._called(context, exports[TURN], place, len(source)) & 0xFF

    def _called(self, context: int, function: Extern, *arguments: int) -> int:
        values, result, trap = (Integer * len(arguments))(), Integer(), c_void_p()
        for value, argument in zip(values, arguments, strict=True):
            value.of.number = argument
        self._check(
            self._c["wasmtime_func_call"](context, _of(function), values, len(arguments), byref(result), 1, byref(trap)), trap
        )
        return int(result.of.number) & 0xFFFFFFFF

    def _check(self, error: "int | None", trap: "c_void_p | None" = None) -> None:
        super()._check(error)
        if trap:
            message = Bytes()
            self._c["wasm_trap_message"](trap, byref(message))
            raise Trap(ctypes.string_at(message.data, message.size).decode("utf-8", "replace").rstrip("\0"))


def _of(extern: Extern) -> int:
    """The address of the function or memory in it."""
    return ctypes.addressof(extern) + Extern.of.offset
