"""Which functions CPython calls from its tables, with which parameters: read from its public headers.

Types are those of LLVM's IR for wasm32, where a pointer is ``ptr`` and every integer the tables use is 32 bits wide.
"""

import re
from pathlib import Path

from wenv_resolver.building.arity import Signature, Tables

HEADERS = (
    "object.h",
    "cpython/object.h",
    "descrobject.h",
    "methodobject.h",
    "moduleobject.h",
    "pybuffer.h",
    "typeslots.h",
)
#: Structures whose fields are called, and how the headers begin their definition.
STRUCTURES = {
    "_typeobject": r"struct _typeobject \{",
    "PyNumberMethods": r"typedef struct \{(?=[^}]*\} PyNumberMethods;)",
    "PySequenceMethods": r"typedef struct \{(?=[^}]*\} PySequenceMethods;)",
    "PyMappingMethods": r"typedef struct \{(?=[^}]*\} PyMappingMethods;)",
    "PyAsyncMethods": r"typedef struct \{(?=[^}]*\} PyAsyncMethods;)",
    "PyBufferProcs": r"typedef struct \{(?=[^}]*\} PyBufferProcs;)",
    "PyGetSetDef": r"struct PyGetSetDef \{",
    "PyModuleDef": r"struct PyModuleDef \{",
}
#: The types of functions that a PyMethodDef may hold, by the flags that choose among them (METH_*).
METHODS = {
    0x1: "PyCFunction",  # METH_VARARGS
    0x3: "PyCFunctionWithKeywords",
    0x4: "PyCFunction",  # METH_NOARGS
    0x8: "PyCFunction",  # METH_O
    0x80: "PyCFunctionFast",
    0x82: "PyCFunctionFastWithKeywords",
    0x282: "PyCMethod",
}
#: Slots of modules are untyped pointers in the headers; the documentation gives their types (Py_mod_create, Py_mod_exec).
MODULE_SLOTS = {1: Signature("ptr", ("ptr", "ptr")), 2: Signature("i32", ("ptr",))}
INTEGERS = {"int", "size_t", "Py_ssize_t", "Py_hash_t", "PySendResult"}


def read_slots(include: Path) -> Tables:
    """Read the tables out of CPython's headers.  Raises ValueError for headers that are not what they were in 3.14."""
    text = "\n".join((include / name).read_text("utf-8") for name in HEADERS)
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)
    text = re.sub(r"//[^\n]*", "", text)
    functions = _function_types(text)
    by_field: dict[str, Signature] = {}
    fields: dict[str, dict[int, Signature]] = {}
    for name, beginning in STRUCTURES.items():
        declared = _fields(text, name, beginning)
        fields[name] = {i: functions[kind] for i, (kind, _) in enumerate(declared) if kind in functions}
        by_field.update({field: functions[kind] for kind, field in declared if kind in functions})
        if not fields[name]:
            raise ValueError(f"no functions in {name}")
    numbers = re.findall(r"#define Py_((?:bf|mp|nb|sq|tp|am)_\w+) (\d+)", text)
    types = {int(number): by_field[field] for field, number in numbers if field in by_field}
    methods = {flags: functions[kind] for flags, kind in METHODS.items()}
    return Tables(fields, types, methods, dict(MODULE_SLOTS))


def _function_types(text: str) -> dict[str, Signature]:
    """Every ``typedef RESULT (*NAME)(PARAMETERS);`` whose types are known."""
    typedefs = re.findall(r"typedef\s+(\w[\w\s]*\*?)\s*\(\*(\w+)\)\s*\(([^)]*)\)\s*;", text)
    pointers = {name for _, name, _ in typedefs}
    found = {}
    for result, name, parameters in typedefs:
        kinds = [_ir_type(kind, pointers) for kind in (result, *parameters.split(","))]
        if None not in kinds:
            found[name] = Signature(str(kinds[0]), tuple(str(kind) for kind in kinds[1:]))
    return found


def _ir_type(declaration: str, pointers: set[str]) -> str | None:
    """The type of a declared parameter or result; None for what no table uses."""
    word = declaration.split(maxsplit=1)[0]
    if "*" in declaration or word in pointers:
        return "ptr"
    return "i32" if word in INTEGERS else "void" if word == "void" else None


def _fields(text: str, name: str, beginning: str) -> list[tuple[str, str]]:
    """The fields of a structure as (type, name), in order."""
    found = re.search(beginning, text)
    if found is None:
        raise ValueError(f"no {name} in the headers")
    body = text[found.end() : text.index("}", found.end())].replace("PyObject_VAR_HEAD", "PyVarObject ob_base;")
    body = re.sub(r"^\s*#[^\n]*", "", body, flags=re.MULTILINE)
    fields = []
    for declaration in filter(str.strip, body.split(";")):
        first, *more = declaration.replace("*", " ").split(",")
        *kind, field = first.split()
        fields += [(kind[-1] if kind else "", each.strip()) for each in (field, *more)]
    return fields
