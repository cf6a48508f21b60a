"""The C library inside the wasmtime wheel, as far as a run needs it.

Importing the wasmtime package costs twice what everything here does together.  The declarations hold for the versions that
`SERIES` names; with any other, `load` refuses, and the long way through the package is taken.  The native launcher's are
made of these (`make fmt`, tests/launcher/agreed.py).
Source: wasmtime.h, wasmtime/component.h and wasi.h of the C API.
"""

import ctypes
import os
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    byref,
    c_bool,
    c_char_p,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from wenv.launcher.preopens import Preopen

#: The first part of the versions of wasmtime whose C interface this is.
SERIES = "50."
#: Bytes of stack for WebAssembly code, on the stack of the thread that calls it (wenv/launcher/stacks.py).  CPython counts what
#: it uses of a stack in the guest's memory, and raises RecursionError before the native frames of the same calls need so much.
#: Deallocating nested containers uses none there: these can be about 200,000 deep.
STACK = 64 << 20
#: Of a component: the interface of wenv's own that it exports.
INTERFACE = b"wenv:env/session@0.1.0"
#: The function in it that runs a program.
MAIN_FUNCTION = b"main"
#: The interface of the host's that it imports, the function in it, and what that answers where nothing is granted.
HOST_INTERFACE, ASK, REFUSED = b"wenv:env/host@0.1.0", b"ask", b'-["refused",null,""]'
#: How orders begin that are of programs which the guest starts (wenv/launcher/children.py).
CHILD_ORDER = b'["child.'
#: Of a module: the host's function that it imports, and the Python source with which it is called (wenv/guest/entry/module.py).
DOOR = ("host", "call")
MAIN = "__import__('_wenv.entry.module').entry.module.main({request})"
ANSWER = "__import__('_wenv.entry.module').entry.module.answer({name}, {argument})"
#: wasmtime_component_valkind_t
STRING = 12


class Instance(Structure):
    """wasmtime_component_instance_t"""

    _fields_ = (("store", c_uint64), ("own", c_uint32))


class Function(Structure):
    """wasmtime_component_func_t"""

    # the first two are a structure of their own, which ends at a multiple of eight bytes
    _fields_ = (("store", c_uint64), ("first", c_uint32), ("gap", c_uint32), ("second", c_uint32), ("own", c_void_p))


class Value(Structure):
    """wasmtime_component_val_t, for strings (size and data) and integers (in `size`)."""

    _fields_ = (("kind", c_uint8), ("size", c_size_t), ("data", c_void_p), ("more", c_void_p))


class Bytes(Structure):
    """wasm_byte_vec_t, and wasm_valtype_vec_t."""

    _fields_ = (("size", c_size_t), ("data", c_void_p))


#: What points to one of these, to a pointer, or to a number; what is used as an address only is a c_void_p.
Address, Texts, Status = POINTER(c_void_p), POINTER(c_char_p), POINTER(c_int)


#: wasmtime_component_func_callback_t
Asked = CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_void_p, POINTER(Value), c_size_t, POINTER(Value), c_size_t)
#: Of each function: its result, and what it takes.
FUNCTIONS: "Mapping[str, tuple[Any, ...]]" = {
    "wasm_config_new": (c_void_p,),
    "wasmtime_config_async_stack_size_set": (None, c_void_p, c_size_t),
    "wasmtime_config_max_wasm_stack_set": (None, c_void_p, c_size_t),
    "wasm_engine_new_with_config": (c_void_p, c_void_p),
    "wasmtime_store_new": (c_void_p, c_void_p, c_void_p, c_void_p),
    "wasmtime_store_context": (c_void_p, c_void_p),
    "wasmtime_store_limiter": (None, c_void_p, c_int64, c_int64, c_int64, c_int64, c_int64),
    "wasmtime_context_set_wasi": (c_void_p, c_void_p, c_void_p),
    "wasi_config_new": (c_void_p,),
    "wasi_config_inherit_stdin": (None, c_void_p),
    "wasi_config_inherit_stdout": (None, c_void_p),
    "wasi_config_inherit_stderr": (None, c_void_p),
    "wasi_config_set_argv": (c_bool, c_void_p, c_size_t, Texts),
    "wasi_config_preopen_dir": (c_bool, c_void_p, c_char_p, c_char_p, c_bool),
    "wasmtime_error_exit_status": (c_bool, c_void_p, Status),
    "wasmtime_error_message": (None, c_void_p, POINTER(Bytes)),
}
OF_COMPONENTS: "Mapping[str, tuple[Any, ...]]" = {
    "wasmtime_config_wasm_component_model_set": (None, c_void_p, c_bool),
    "wasmtime_component_deserialize_file": (c_void_p, c_void_p, c_char_p, Address),
    "wasmtime_component_linker_new": (c_void_p, c_void_p),
    "wasmtime_component_linker_add_wasip2": (c_void_p, c_void_p),
    "wasmtime_component_linker_root": (c_void_p, c_void_p),
    "wasmtime_component_linker_instance_add_instance": (c_void_p, c_void_p, c_char_p, c_size_t, Address),
    "wasmtime_component_linker_instance_add_func": (c_void_p, c_void_p, c_char_p, c_size_t, Asked, c_void_p, c_void_p),
    "wasmtime_component_linker_instance_delete": (None, c_void_p),
    "wasm_byte_vec_new": (None, POINTER(Bytes), c_size_t, c_char_p),
    "wasmtime_component_linker_instantiate": (c_void_p, c_void_p, c_void_p, c_void_p, POINTER(Instance)),
    "wasmtime_component_instance_get_export_index": (c_void_p, POINTER(Instance), c_void_p, c_void_p, c_char_p, c_size_t),
    "wasmtime_component_instance_get_func": (c_bool, POINTER(Instance), c_void_p, c_void_p, POINTER(Function)),
    "wasmtime_component_func_call": (c_void_p, POINTER(Function), c_void_p, POINTER(Value), c_size_t, POINTER(Value), c_size_t),
}


class UnusableError(Exception):
    """The library or the component is not what the plan was made for: the long way knows what to do."""


class Trap(Exception):  # noqa: N818 - what WebAssembly calls it
    """What wasmtime says of a guest that it stopped."""


class Exited(Exception):  # noqa: N818 - as SystemExit
    """The guest left through WASI's exit; `status` is 0 or 1."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Machine:
    """An engine with one component or module that is ready to be instantiated."""

    #: The functions that it needs beyond those of all, and the one that switches on what it needs of WebAssembly.
    functions: "Mapping[str, tuple[Any, ...]]"
    feature: str

    def __init__(self, library: str, compiled: str, answer: "Callable[[bytes], bytes] | None" = None) -> None:
        """Load the C library and what was compiled by it; both are paths.  `answer` answers a guest's orders, which are refused
        without.  Raises UnusableError."""
        self._answer = answer
        try:
            dll = ctypes.CDLL(library)
            self._c = {name: _declared(dll, name, types) for name, types in (*FUNCTIONS.items(), *self.functions.items())}
        except (OSError, AttributeError) as error:
            raise UnusableError(str(error)) from error
        c = self._c
        config = c["wasm_config_new"]()
        c[self.feature](config, True)
        c["wasmtime_config_async_stack_size_set"](config, STACK)  # not used here, but wasmtime wants it as large
        c["wasmtime_config_max_wasm_stack_set"](config, STACK)
        self._engine = c["wasm_engine_new_with_config"](config)
        self._load(os.fsencode(compiled))

    def _load(self, compiled: bytes) -> None:
        """Read the native code and link what it imports.  Raises UnusableError."""
        raise NotImplementedError

    def _main(self, context: int, request: str) -> int:
        """Instantiate and run; see `Guest.main`."""
        raise NotImplementedError

    def prepared(self, preopens: "Sequence[Preopen]", memory: "int | None") -> "Guest":
        """A guest that has not started; `memory` is its limit in bytes.  Raises UnusableError for a missing folder."""
        c = self._c
        store = c["wasmtime_store_new"](self._engine, None, None)
        context = c["wasmtime_store_context"](store)
        if memory is not None:
            c["wasmtime_store_limiter"](store, memory, -1, -1, -1, -1)
        wasi = c["wasi_config_new"]()
        argv = (c_char_p * 1)(b"python")
        c["wasi_config_set_argv"](wasi, 1, argv)
        for stream in ("stdin", "stdout", "stderr"):
            c[f"wasi_config_inherit_{stream}"](wasi)
        for host, guest, writable in preopens:
            if not c["wasi_config_preopen_dir"](wasi, host.encode(), guest.encode(), writable):
                raise UnusableError(host)
        self._check(c["wasmtime_context_set_wasi"](context, wasi))
        return Guest(self, context)

    def _check(self, error: "int | None") -> None:
        if not error:
            return
        status = c_int(0)
        if self._c["wasmtime_error_exit_status"](error, byref(status)):
            raise Exited(status.value)
        message = Bytes()
        self._c["wasmtime_error_message"](error, byref(message))
        raise Trap(ctypes.string_at(message.data, message.size).decode("utf-8", "replace"))


class Guest:
    """One instance, for one program."""

    def __init__(self, machine: Machine, context: int) -> None:
        self._machine, self._context = machine, context

    def main(self, request: str) -> int:
        """Run the program that the request names; returns its exit status.  Raises Trap and Exited."""
        return self._machine._main(self._context, request)


def _declared(dll: ctypes.CDLL, name: str, types: "tuple[Any, ...]") -> "Callable[..., Any]":
    function: Any = getattr(dll, name)
    function.restype, *function.argtypes = types
    declared: Callable[..., Any] = function
    return declared


class ComponentMachine(Machine):
    """A machine with a component."""

    functions, feature = OF_COMPONENTS, "wasmtime_config_wasm_component_model_set"

    def _load(self, compiled: bytes) -> None:
        c = self._c
        self._component = c_void_p()
        if c["wasmtime_component_deserialize_file"](self._engine, compiled, byref(self._component)):
            raise UnusableError(os.fsdecode(compiled))
        self._linker = c["wasmtime_component_linker_new"](self._engine)
        self._check(c["wasmtime_component_linker_add_wasip2"](self._linker))
        self._take_orders()

    def _take_orders(self) -> None:
        """Define what the component imports of ours."""
        c, own, answer = self._c, c_void_p(), self._answer
        new = c["wasm_byte_vec_new"]

        def asked(data: object, context: object, kind: object, given: "Any", count: int, results: "Any", size: int) -> int:
            told = REFUSED if answer is None else answer(ctypes.string_at(given[0].data, given[0].size))
            results[0].kind = STRING
            new(ctypes.cast(ctypes.addressof(results[0]) + Value.size.offset, POINTER(Bytes)), len(told), told)
            return 0

        self._asked = Asked(asked)
        root = c["wasmtime_component_linker_root"](self._linker)
        interface, function = (HOST_INTERFACE, len(HOST_INTERFACE)), (ASK, len(ASK))
        self._check(c["wasmtime_component_linker_instance_add_instance"](root, *interface, byref(own)))
        self._check(c["wasmtime_component_linker_instance_add_func"](own, *function, self._asked, None, None))
        for instance in (own, root):
            c["wasmtime_component_linker_instance_delete"](instance)

    def _main(self, context: int, request: str) -> int:
        c, check = self._c, self._check
        instance, function = Instance(), Function()
        check(c["wasmtime_component_linker_instantiate"](self._linker, context, self._component, byref(instance)))
        index = None
        for name in (INTERFACE, MAIN_FUNCTION):
            index = c["wasmtime_component_instance_get_export_index"](byref(instance), context, index, name, len(name))
        if not index or not c["wasmtime_component_instance_get_func"](byref(instance), context, index, byref(function)):
            raise Trap("the component does not export what wenv calls")
        data = request.encode()
        text = ctypes.create_string_buffer(data, len(data))
        argument, result = Value(STRING, len(data), ctypes.addressof(text)), Value()
        check(c["wasmtime_component_func_call"](byref(function), context, byref(argument), 1, byref(result), 1))
        return c_int32(result.size & 0xFFFFFFFF).value
