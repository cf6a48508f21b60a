"""What the native launcher and Python's have agreed on: made of one declaration, which is wasmtime's own."""

import ctypes
from typing import Any

import pytest
from wasmtime import _bindings

from tests.launcher.agreed import FUNCTIONS, HEADER, STRUCTURES, header

library = vars(_bindings)["dll"]
pytestmark = pytest.mark.unit
#: Our structures by wasmtime's names; an Integer and a Value are the kinds of values that are passed.
NAMES = {
    "Instance": "wasmtime_component_instance",
    "Function": "wasmtime_component_func",
    "Value": "wasmtime_component_val",
    "Bytes": "wasm_byte_vec_t",
    "ModuleInstance": "wasmtime_instance",
    "Extern": "wasmtime_extern",
    "Integer": "wasmtime_val",
}


def test_the_header_is_what_the_declarations_say() -> None:
    assert HEADER.read_text("utf-8") == header(), "`make fmt` writes it"


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures_are_as_large_as_wasmtimes(name: str) -> None:
    theirs: Any = getattr(_bindings, NAMES[name])
    assert ctypes.sizeof(STRUCTURES[name]) == ctypes.sizeof(theirs)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_what_wasmtimes_take(name: str) -> None:
    result, *taken = FUNCTIONS[name]
    theirs: Any = getattr(library, name)
    assert [ctypes.sizeof(kind) for kind in taken] == [ctypes.sizeof(kind) for kind in theirs.argtypes]
    assert [kind.__name__ for kind in taken if _is_number(kind)] == [
        kind.__name__ for kind in theirs.argtypes if _is_number(kind)
    ]
    assert (result is None) == (theirs.restype is None)
    assert result is None or ctypes.sizeof(result) == ctypes.sizeof(theirs.restype)


def _is_number(kind: Any) -> bool:
    return issubclass(kind, ctypes._SimpleCData) and kind not in (ctypes.c_void_p, ctypes.c_char_p)
