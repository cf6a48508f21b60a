"""Exceptions of modules are taken out and put back, past a linker that does not know them."""

import pytest
import wasmtime

from wenv.runtimes.wasm_exceptions import CODE, TAG, lowered, restored
from wenv.runtimes.wasm_sections import joined, sections

#: What a module of C++ holds: throws, both kinds of clauses, references to exceptions in locals, results and as null.
THROWING = """
(module
  (type $numbers (func (param i32 f64) (result i32 exnref)))
  (tag $error (param i32))
  (memory 1)
  (table 2 funcref)
  (func $throws (param i32) (throw $error (local.get 0)))
  (func (export "again") (param i32) (result i32)
    (local f32 exnref i64)
    (local.set 2 (ref.null exn))
    (block $caught (result i32 exnref)
      (try_table (catch_ref $error $caught) (call $throws (local.get 0)))
      (i32.const -1) (ref.null exn))
    (local.set 2)
    (drop)
    (block $kept (result i32)
      (block $all (result exnref)
        (br $kept (try_table (result i32) (catch $error $kept) (catch_all_ref $all) (throw_ref (local.get 2)))))
      (drop) (i32.const 9))
    (i32.add (i32.const 1)))
  (func (param i32) (result f64)
    (block (block (br_table 0 1 0 (local.get 0))))
    (i32.store offset=300 (i32.const 8) (i32.const -70000))
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 2))
    (memory.copy (i32.const 0) (i32.const 1) (i32.const 2))
    (drop (select (result i32) (i32.const 1) (i32.const 2) (local.get 0)))
    (drop (i32.trunc_sat_f64_s (f64.const 1.5)))
    (drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (v128.const i64x2 8 31) (v128.load (i32.const 0))))
    (drop (i8x16.extract_lane_s 3 (v128.load32_lane offset=4 1 (i32.const 0) (v128.const i64x2 10 8))))
    (drop (f32.const 2)) (drop (i64.const -1099511627776)) (drop (memory.grow (i32.const 0)))
    (call_indirect (param i32) (local.get 0) (i32.const 1))
    (f64.const 31)))
"""


def validated(module: bytes, *, exceptions: bool) -> None:
    config = wasmtime.Config()
    config.wasm_exceptions = exceptions
    wasmtime.Module.validate(wasmtime.Engine(config), module)


def test_a_lowered_module_has_no_exceptions_and_the_same_indices() -> None:
    module = bytes(wasmtime.wat2wasm(THROWING))
    with pytest.raises(wasmtime.WasmtimeError):
        validated(module, exceptions=False)
    low = lowered(module)
    assert low is not None
    validated(low, exceptions=False)
    names = [kind for kind, _ in sections(module) if kind != TAG]
    assert names == [kind for kind, _ in sections(low)]


def test_a_module_without_exceptions_is_left_alone() -> None:
    assert lowered(bytes(wasmtime.wat2wasm('(module (func (export "f")))'))) is None


def test_what_was_taken_is_put_back() -> None:
    module = bytes(wasmtime.wat2wasm(THROWING))
    low = lowered(module)
    assert low is not None
    other = bytes(wasmtime.wat2wasm("(module (func))"))
    component = b"\0asm\x0d\0\1\0"
    linked = joined(component, [(1, other), (1, low), (7, b"other")])
    whole = restored(linked, [module])
    assert list(sections(whole)) == [(1, other), (1, module), (7, b"other")]
    validated(module, exceptions=True)
    store = wasmtime.Store(wasmtime.Engine())
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, dict(enumerate(sections(whole)))[1][1]), [])
    again = instance.exports(store)["again"]
    assert isinstance(again, wasmtime.Func)
    assert again(store, 41) == 42


def test_a_component_without_the_module_is_refused() -> None:
    module = bytes(wasmtime.wat2wasm(THROWING))
    low = lowered(module)
    assert low is not None
    changed = joined(low, [(kind, body + b"\0" if kind == CODE else body) for kind, body in sections(low)])
    with pytest.raises(ValueError, match="changed the code"):
        restored(joined(b"\0asm\x0d\0\1\0", [(1, changed)]), [module])


def test_hostile_modules_are_refused_in_words() -> None:
    module = bytes(wasmtime.wat2wasm(THROWING))
    parts = list(sections(module))
    hostile = [module[:length] for length in range(8, len(module))]
    for place, (kind, body) in enumerate(parts):
        cut = ((kind, body[:length]) for length in range(len(body)))
        hostile += [joined(module, [*parts[:place], part, *parts[place + 1 :]]) for part in cut]
    refused = 0
    for each in hostile:
        try:
            lowered(each)
        except ValueError:
            refused += 1
    assert refused > len(module) / 2
