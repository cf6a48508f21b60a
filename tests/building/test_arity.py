"""Functions in CPython's tables get the types that CPython calls them with: C in, LLVM's IR out, for each kind of table."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from wenv_resolver.building.arity import Signature, Tables, adapted, enclosed, split
from wenv_resolver.building.header_signatures import read_slots


@pytest.fixture(scope="session")
def slots(headers: Path) -> Tables:
    return read_slots(headers)


@pytest.fixture(scope="session")
def include(headers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The headers with a pyconfig.h that is enough to compile them."""
    import shutil

    folder = tmp_path_factory.mktemp("headers") / "include"
    shutil.copytree(headers, folder)
    sizes = {"LONG": 4, "VOID_P": 4, "SIZE_T": 4, "WCHAR_T": 4, "INT": 4, "LONG_LONG": 8, "SHORT": 2, "TIME_T": 8, "DOUBLE": 8}
    lines = [f"#define SIZEOF_{name} {size}" for name, size in {**sizes, "FLOAT": 4, "PTHREAD_T": 4, "UINTPTR_T": 4}.items()]
    lines += ["#define HAVE_STDARG_PROTOTYPES 1", "#define ALIGNOF_MAX_ALIGN_T 16", "#define HAVE_PTHREAD_H 1"]
    (folder / "pyconfig.h").write_text("\n".join(lines) + "\n")
    return folder


def test_the_tables_are_those_of_the_headers(slots: Tables, headers: Path) -> None:
    pointer, integer = "ptr", "i32"
    assert slots.fields["_typeobject"][4] == Signature("void", (pointer,))  # tp_dealloc
    assert slots.fields["_typeobject"][37] == Signature(pointer, (pointer,) * 3)  # tp_new
    assert slots.fields["_typeobject"][48] == Signature(pointer, (pointer, pointer, integer, pointer))  # tp_vectorcall
    assert slots.fields["PyNumberMethods"][5] == Signature(pointer, (pointer,) * 3)  # nb_power
    assert slots.fields["PyNumberMethods"][9] == Signature(integer, (pointer,))  # nb_bool
    assert slots.fields["PySequenceMethods"][5] == Signature(integer, (pointer, integer, pointer))  # sq_ass_item
    assert slots.fields["PyModuleDef"][8] == Signature("void", (pointer,))  # m_free
    untyped = {"tp_base", "tp_bases", "tp_doc", "tp_methods", "tp_members", "tp_getset", "tp_token"}
    numbers = re.findall(r"#define Py_(\w+) (\d+)", (headers / "typeslots.h").read_text())
    assert {name for name, number in numbers if int(number) not in slots.types} == untyped


#: Source, and what each function in it has to become: its type in the table, or None where it already has it.
CASES = {
    "METH_NOARGS": (
        ("static PyObject *f(PyObject *self) { return self; }\n"
        'PyMethodDef m[] = {{"f", (PyCFunction)f, METH_NOARGS, 0}, {0}};'),
        "ptr (ptr, ptr)",
    ),
    "METH_NOARGS without parameters": (
        'static PyObject *f(void) { return 0; }\nPyMethodDef m[] = {{"f", (PyCFunction)f, METH_NOARGS, 0}, {0}};',
        "ptr (ptr, ptr)",
    ),
    "METH_KEYWORDS": (
        ("static PyObject *f(PyObject *self, PyObject *args) { return self; }\n"
        'PyMethodDef m[] = {{"f", (PyCFunction)(void *)f, METH_VARARGS | METH_KEYWORDS, 0}, {0}};'),
        "ptr (ptr, ptr, ptr)",
    ),
    "METH_STATIC does not matter": (
        ("static PyObject *f(PyObject *self) { return self; }\n"
        'PyMethodDef m[] = {{"f", (PyCFunction)f, METH_NOARGS | METH_STATIC, 0}, {0}};'),
        "ptr (ptr, ptr)",
    ),
    "METH_FASTCALL": (
        ("static PyObject *f(PyObject *self, PyObject **args) { return self; }\n"
        'PyMethodDef m[] = {{"f", (PyCFunction)(void *)f, METH_FASTCALL, 0}, {0}};'),
        "ptr (ptr, ptr, i32)",
    ),
    "getter": (
        'static PyObject *f(PyObject *self) { return self; }\nPyGetSetDef g[] = {{"f", (getter)f, 0, 0, 0}, {0}};',
        "ptr (ptr, ptr)",
    ),
    "setter that returns nothing": (
        'static void f(PyObject *self, PyObject *v) {}\nPyGetSetDef g[] = {{"f", 0, (setter)(void *)f, 0, 0}, {0}};',
        "i32 (ptr, ptr, ptr)",
    ),
    "static type": (
        ("static PyObject *f(PyTypeObject *t) { return 0; }\n"
        'PyTypeObject t = {PyVarObject_HEAD_INIT(0, 0) .tp_name = "x.t", .tp_new = (newfunc)f};'),
        "ptr (ptr, ptr, ptr)",
    ),
    "number methods": (
        "static PyObject *f(PyObject *a, PyObject *b) { return a; }\nPyNumberMethods n = {.nb_power = (ternaryfunc)f};",
        "ptr (ptr, ptr, ptr)",
    ),
    "sequence methods": (
        "static PyObject *f(PyObject *a) { return a; }\nPySequenceMethods n = {.sq_item = (ssizeargfunc)f};",
        "ptr (ptr, i32)",
    ),
    "mapping methods": (
        "static int f(PyObject *a, PyObject *b) { return 0; }\nPyMappingMethods n = {.mp_ass_subscript = (objobjargproc)f};",
        "i32 (ptr, ptr, ptr)",
    ),
    "async methods": (
        "static PyObject *f(void) { return 0; }\nPyAsyncMethods n = {.am_anext = (unaryfunc)f};",
        "ptr (ptr)",
    ),
    "buffer": (
        "static void f(PyObject *a) {}\nPyBufferProcs n = {.bf_releasebuffer = (releasebufferproc)f};",
        "void (ptr, ptr)",
    ),
    "type slot": (
        ("static int f(PyObject *a) { return 0; }\n"
        "static PyType_Slot s[] = {{Py_tp_init, (void *)f}, {0, 0}};\n"
        'PyType_Spec spec = {"x.t", 0, 0, 0, s};'),
        "i32 (ptr, ptr, ptr)",
    ),
    "module slot": (
        "static int f(void) { return 0; }\nPyModuleDef_Slot s[] = {{Py_mod_exec, (void *)f}, {0, 0}};",
        "i32 (ptr)",
    ),
    "module": (
        'static void f(void) {}\nPyModuleDef d = {PyModuleDef_HEAD_INIT, "x", 0, 0, 0, 0, 0, 0, (freefunc)f};',
        "void (ptr)",
    ),
    "right already": (
        "static PyObject *f(PyObject *s, PyObject *a) { return s; }\nPyMethodDef m[] = {{\"f\", f, METH_NOARGS, 0}, {0}};",
        None,
    ),
    "a name with a bracket in its documentation": (
        ("static PyObject *f(PyObject *self) { return self; }\n"
        'PyMethodDef m[] = {{"f", (PyCFunction)f, METH_NOARGS, "f(x, {[\\"y\\"]})"}, {0}};'),
        "ptr (ptr, ptr)",
    ),
    "another library's slots": (
        "static int f(void) { return 0; }\nPyType_Slot s[] = {{Py_tp_init, (void *)f}, {0, 0}};",
        None,
    ),
}  # fmt: skip


def compiled(folder: Path, source: str, include: Path, suffix: str = ".c") -> str:
    (folder / f"x{suffix}").write_text(f"#include <Python.h>\n{source}\n")
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", f"-I{include}", "-w"]
    to_ir = [*zig, "-O2", "-S", "-emit-llvm", "-Xclang", "-disable-llvm-passes", f"x{suffix}", "-o", "x.ll"]
    subprocess.run(to_ir, cwd=folder, check=True, capture_output=True)
    return (folder / "x.ll").read_text()


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_table(name: str, slots: Tables, include: Path, tmp_path: Path) -> None:
    source, expected = CASES[name]
    text, notes = adapted(compiled(tmp_path, source, include), Tables.from_json(slots.as_json()))
    if expected is None:
        assert not notes
        return
    result, _, parameters = expected.partition(" ")
    kinds = parameters.strip("()").split(", ")
    head = f'define internal {result} @"wenv.thunk.0.f"({", ".join(f"{kind} %a{i}" for i, kind in enumerate(kinds))})'
    assert head in text, notes
    assert 'ptr @"wenv.thunk.0.f"' in text
    assert len(notes) == 1
    assert notes[0].endswith("adapted")
    (tmp_path / "y.ll").write_text(text)  # the compiler takes it
    check = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", "-c", "y.ll", "-o", "y.o", "-w"]
    subprocess.run(check, cwd=tmp_path, check=True, capture_output=True)


def test_c_plus_plus_has_the_same_tables(slots: Tables, include: Path, tmp_path: Path) -> None:
    source = (
        'namespace { PyObject *f(PyObject *self) { return self; } }\n'
        'PyMethodDef m[] = {{"f", (PyCFunction)f, METH_NOARGS, 0}, {0}};'
    )  # fmt: skip
    _, notes = adapted(compiled(tmp_path, source, include, ".cpp"), Tables.from_json(slots.as_json()))
    assert len(notes) == 1
    assert "adapted" in notes[0]


def test_what_cannot_be_adapted_is_said(slots: Tables, include: Path, tmp_path: Path) -> None:
    source = (
        "static PyObject *f(PyObject *self, double x) { return self; }\n"
        'PyMethodDef m[] = {{"f", (PyCFunction)(void *)f, METH_O, 0}, {0}};'
    )
    before = compiled(tmp_path, source, include)
    text, notes = adapted(before, Tables.from_json(slots.as_json()))
    assert "cannot be adapted" in notes[0]
    assert "wenv.thunk" not in text


def test_text_without_tables_is_left_alone() -> None:
    text = "define i32 @f(i32 %x) {\n  ret i32 %x\n}\n"
    assert adapted(text, Tables({}, {}, {}, {})) == (text, [])


def test_brackets_and_strings() -> None:
    assert split('i32 1, { i32, ptr } { i32 2, ptr null }, c"a,b\\22", ptr @f') == [
        "i32 1", "{ i32, ptr } { i32 2, ptr null }", 'c"a,b\\22"', "ptr @f",
    ]  # fmt: skip
    assert enclosed('x { a "}" [b] } y', 2) == (' a "}" [b] ', 14)
