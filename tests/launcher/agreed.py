"""Makes wenv/launcher/native/agreed.h: what the native launcher and Python's have agreed on, of Python's declarations.

``python -m tests.launcher.agreed`` writes it (as `make fmt` does); a test holds that it is up to date.
"""

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wenv.errors import Exit
from wenv.launcher import c_api, children, guest_paths, limits, module, program, traps
from wenv.launcher.memory_image import PAGE
from wenv.run.start_file import Record

HEADER = Path(__file__).parents[2] / "wenv" / "launcher" / "native" / "agreed.h"
#: Structures by their names in C.
STRUCTURES: Mapping[str, type[ctypes.Structure]] = {
    "Instance": c_api.Instance,
    "Function": c_api.Function,
    "Value": c_api.Value,
    "Bytes": c_api.Bytes,
    "ModuleInstance": module.ModuleInstance,
    "Extern": module.Extern,
    "Integer": module.Integer,
}
FUNCTIONS: Mapping[str, tuple[Any, ...]] = {**c_api.FUNCTIONS, **c_api.OF_COMPONENTS, **module.FUNCTIONS}
#: Numbers by their names in C, and what they are.
NUMBERS: Mapping[str, tuple[int, str]] = {
    "STRING": (c_api.STRING, "wasmtime_component_valkind_t"),
    "PAGE": (PAGE, "bytes of a page of a memory image"),
    "UNIT": (traps.PAGE, "bytes of a page of WebAssembly's"),
    "NOT_STARTED": (int(Exit.NOT_STARTED), "exit statuses"),
    "DISK_LIMIT": (traps.DISK_LIMIT, ""),
    "SLACK": (limits.SLACK, "descriptors that the host itself may need while a program runs"),
    "MEASURING": (limits.MEASURING, "further ones while it measures"),
    "LOOK": (int(limits.LOOK * 1_000_000), "microseconds between two looks, at least"),
    "LARGEST_SCRIPT": (program.LARGEST_SCRIPT, "bytes of a script that are looked through for its block of metadata"),
    "KEEPER_DESCRIPTOR": (children.DESCRIPTOR, "the way's descriptor in the process that keeps started programs"),
    "LARGEST_MESSAGE": (children.LARGEST, "bytes of a message on the way"),
    "ELUSIVE": (limits.ELUSIVE, "looks that may fail in a row, as folders move away under them"),
}
TEXTS: Mapping[str, str] = {
    "BLOCK": program.BLOCK.decode(),
    "MARK": "".join(f"\\{byte:o}" for byte in program.MARK),
    "INTERFACE": c_api.INTERFACE.decode(),
    "MAIN_FUNCTION": c_api.MAIN_FUNCTION.decode(),
    "HOST_INTERFACE": c_api.HOST_INTERFACE.decode(),
    "ASK": c_api.ASK.decode(),
    "REFUSED": c_api.REFUSED.decode().replace('"', '\\"'),
    "CHILD_ORDER": c_api.CHILD_ORDER.decode().replace('"', '\\"'),
    "KEEPER": children.KEEPER,
    "INTERPRETER": guest_paths.INTERPRETER,
    "DOOR_MODULE": c_api.DOOR[0],
    "DOOR_NAME": c_api.DOOR[1],
    "MEMORY": module.MEMORY.decode(),
    "ALLOCATE": module.ALLOCATE.decode(),
    "TURN": module.TURN.decode(),
    "TOO_LARGE": limits.TOO_LARGE.replace("{}", "%llu"),
    "TOO_MANY": limits.TOO_MANY.replace("{}", "%llu"),
    "TOO_ELUSIVE": limits.TOO_ELUSIVE,
}
_SIMPLE: Mapping[Any, str] = {
    None: "void",
    ctypes.c_void_p: "void *",
    ctypes.c_char_p: "const char *",
    ctypes.c_bool: "bool",
    ctypes.c_int: "int",
    ctypes.c_uint8: "uint8_t",
    ctypes.c_uint32: "uint32_t",
    ctypes.c_int64: "int64_t",
    ctypes.c_uint64: "uint64_t",
    module.Callback: "Callback *",
    c_api.Asked: "Asked *",
    **{structure: name for name, structure in STRUCTURES.items()},
}


def _name(kind: Any) -> str:
    """A type as C writes it."""
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    target = kind._type_
    return f"{_name(target)}{'' if _name(target).endswith('*') else ' '}*"


def _field(name: str, kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, ctypes.Union):
        return f"union {{ {' '.join(_field(*each) for each in kind._fields_)} }} {name};"
    if isinstance(kind, type) and issubclass(kind, ctypes.Array):
        return f"{_name(kind._type_)} {name}[{kind._length_}];"
    words = _name(kind)
    return f"{words}{'' if words.endswith('*') else ' '}{name};"


def header() -> str:
    """The text of agreed.h."""
    callback = module.Callback
    lines = [
        "/* What this launcher and Python's have agreed on.  Made of Python's declarations by tests/launcher/agreed.py. */",
        "",
        "#ifndef WENV_AGREED_H",
        "#define WENV_AGREED_H",
        "",
        "/* clang-format off */",
        "",
        "#include <stdbool.h>",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "",
        "/* Numbers and texts (wenv/launcher/limits.py, traps.py, c_api.py, module.py). */",
        "",
        *(f"enum {{ {name} = {value} }};{f' /* {words} */' if words else ''}" for name, (value, words) in NUMBERS.items()),
        "",
        *(f'#define {name} "{text}"' for name, text in TEXTS.items()),
        "",
        "/* The records of a start file (wenv/run/start_file.py). */",
        "",
        "enum {",
        *(f"  RECORD_{record.name} = '{record.value}'," for record in Record),
        "};",
        "",
        "/* wasmtime's C library (wenv/launcher/c_api.py, module.py). */",
        "",
        *(
            f"typedef struct {{ {' '.join(_field(*field[:2]) for field in structure._fields_)} }} {name};"
            for name, structure in STRUCTURES.items()
        ),
        *(
            f"typedef {_name(each._restype_)} {name}({', '.join(map(_name, each._argtypes_))});"
            for name, each in (("Callback", callback), ("Asked", c_api.Asked))
        ),
        "",
        "#define FUNCTIONS(F) \\",
        " \\\n".join(
            f"  F({_name(result)}, {name}, ({', '.join(map(_name, taken)) or 'void'}))"
            for name, (result, *taken) in FUNCTIONS.items()
        ),
        "",
        "#define DECLARED(result, name, arguments) extern result(*name) arguments;",
        "FUNCTIONS(DECLARED)",
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    HEADER.write_text(header(), "utf-8")
