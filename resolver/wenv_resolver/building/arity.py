"""Gives functions in CPython's tables the exact type that CPython calls them with.

CPython calls what stands in its tables (methods, getters, slots of types and modules) with a fixed number of arguments.  C code
often declares fewer and casts.  Native calling conventions forgive that; WebAssembly compares the types of a call through a
pointer and traps.  This pass reads LLVM IR as text, before any optimisation, finds those tables by the names of their structure
types, and puts a thunk of the exact type in place of each function that has another.

Not covered: tables filled at run time, and casts at run time.

Runs inside the compiler driver: it imports nothing of wenv's.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple


class Signature(NamedTuple):
    """A function's type in LLVM's IR."""

    result: str
    parameters: tuple[str, ...]

    @property
    def compiled(self) -> tuple[str, ...] | None:
        """The type that WebAssembly compares; None for one with parameters that are no plain values."""
        kinds = (self.result, *self.parameters)
        return tuple(COMPILED[kind] for kind in kinds) if all(kind in COMPILED for kind in kinds) else None


#: Types of the IR, and what they become in WebAssembly.
COMPILED = {
    "void": "", "ptr": "i32", "i1": "i32", "i8": "i32", "i16": "i32", "i32": "i32", "i64": "i64", "float": "f32",
    "double": "f64",
}  # fmt: skip
#: The METH_* flags that say nothing about parameters: CLASS, STATIC, COEXIST.
OTHER_FLAGS = 0x70
NAME = r'"[^"\n]+"|[\w.$-]+'
FUNCTION = re.compile(rf"^(?:define|declare) (?:[^@\n]*? )?([\w.%]+) @({NAME})\(", re.MULTILINE)
POINTER = re.compile(rf"ptr @({NAME})")
#: An array of slots belongs to CPython where a PyType_Spec names it; other libraries use the structure for tables of theirs.
SPECIFICATION = re.compile(rf"%struct\.PyType_Spec \{{[^{{}}\n]*?ptr @({NAME}) \}}")
METHOD, TYPE_SLOT, MODULE_SLOT, TYPE = "PyMethodDef", "PyType_Slot", "PyModuleDef_Slot", "_typeobject"
#: A constant of a type whose last fields do not fill it is written with a structure that has no name: so are static types.
UNNAMED_TYPE = r"\{ (?=%struct\.PyVarObject \{)"
#: How the fields of a static type begin, which no other object has: they tell it from those.
TYPE_FIELDS = ("%struct.PyVarObject", "ptr", "i32", "i32", "ptr", "i32", *("ptr",) * 13, "i32")


@dataclass(slots=True)
class Tables:
    """For each kind of table, which function belongs where (header_signatures.py reads them from CPython's headers).

    `fields`: structure to (index of the field to signature); `types`: PyType_Slot number to signature; `methods`: PyMethodDef
    flags to signature; `modules`: PyModuleDef_Slot number to signature.
    """

    fields: dict[str, dict[int, Signature]]
    types: dict[int, Signature]
    methods: dict[int, Signature]
    modules: dict[int, Signature]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Tables":
        """What `as_json` gave."""
        flat = {key: _numbered(data[key]) for key in ("types", "methods", "modules")}
        return cls(fields={name: _numbered(table) for name, table in data["fields"].items()}, **flat)

    def as_json(self) -> dict[str, Any]:
        """For the compiler driver; as JSON, numbers become strings."""
        return asdict(self)

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of the structures that are looked for."""
        return (*self.fields, METHOD, TYPE_SLOT, MODULE_SLOT)


def _numbered(table: Mapping[str, Any]) -> dict[int, Signature]:
    return {int(key): Signature(result, tuple(parameters)) for key, (result, parameters) in table.items()}


@dataclass(slots=True)
class _Thunks:
    """The thunks of one module of IR."""

    functions: dict[str, Signature]
    made: dict[tuple[str, Signature], tuple[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def fitting(self, function: str, wanted: Signature, where: str) -> str:
        """The name of a function of the type `wanted` that does what `function` does: itself, or a thunk."""
        given = self.functions.get(function)
        if given is None or given.compiled is None or given.compiled == wanted.compiled:
            return function
        key = (function, wanted)
        if key not in self.made:
            name = f'"wenv.thunk.{len(self.made)}.{function.strip(chr(34))}"'
            body = _thunk(name, function, given, wanted)
            if body is None:
                self.notes.append(f"{function} in {where} is {_shown(given)}, called as {_shown(wanted)}: cannot be adapted")
                return function
            self.made[key] = (name, body)
            self.notes.append(f"{function} in {where} is {_shown(given)}, called as {_shown(wanted)}: adapted")
        return self.made[key][0]


def adapted(text: str, tables: Tables) -> tuple[str, list[str]]:
    """The IR with thunks where they are needed, and a note on each."""
    names = "|".join(re.escape(name) for name in tables.structures)
    structure = re.compile(rf"%struct\.({names}) \{{|{UNNAMED_TYPE}")
    if not structure.search(text):
        return text, []
    thunks = _Thunks(dict(_functions(text)))
    specified = set(SPECIFICATION.findall(text))
    lines = []
    for line in text.split("\n"):
        if line.startswith("@") and structure.search(line):
            array = line[1:].split(" ", 1)[0]
            lines.append(_adapted_constant(line, structure, tables, thunks, array in specified))
        else:
            lines.append(line)
    return "\n".join([*lines, *(body for _, body in thunks.made.values()), ""]), thunks.notes


def _functions(text: str) -> Iterator[tuple[str, Signature]]:
    """Name and type of every function that the module defines or declares."""
    for match in FUNCTION.finditer(text):
        inside, _ = enclosed(text, match.end() - 1)
        parameters = tuple(part.split()[0] for part in split(inside))
        yield match[2], Signature(match[1], parameters)


def _adapted_constant(line: str, structure: "re.Pattern[str]", tables: Tables, thunks: _Thunks, specified: bool) -> str:
    """A constant's line with the tables in it adapted; `specified`: its slots are known to be CPython's."""
    done, out = 0, []
    for match in structure.finditer(line):
        if match.start() < done or (match[1] == TYPE_SLOT and not specified):
            continue
        start = line.rindex("{", 0, match.end())
        inside, end = enclosed(line, start)
        parts = split(inside)
        if match[1] is None and tuple(part.split(" ", 1)[0] for part in parts[: len(TYPE_FIELDS)]) != TYPE_FIELDS:
            continue
        name = match[1] or TYPE
        for index, wanted in _wanted(name, parts, tables):
            if index < len(parts) and (pointer := POINTER.fullmatch(parts[index])):
                parts[index] = f"ptr @{thunks.fitting(pointer[1], wanted, name)}"
        out += [line[done : start + 1], " ", ", ".join(parts), " "]
        done = end
    return "".join(out) + line[done:]


def _wanted(structure: str, parts: list[str], tables: Tables) -> Iterator[tuple[int, Signature]]:
    """Which parts of a structure's constant are functions of which type."""
    if structure in tables.fields:
        yield from tables.fields[structure].items()
        return
    position, function, table = {
        METHOD: (2, 1, tables.methods), TYPE_SLOT: (0, 1, tables.types), MODULE_SLOT: (0, 1, tables.modules),
    }[structure]  # fmt: skip
    number = re.fullmatch(r"i32 (\d+)", parts[position]) if position < len(parts) else None
    if number:
        key = int(number[1]) & ~OTHER_FLAGS if structure == METHOD else int(number[1])
        if key in table:
            yield function, table[key]


def _thunk(name: str, function: str, given: Signature, wanted: Signature) -> str | None:
    """A function of type `wanted` that calls `function`: spare arguments are dropped, missing ones are zero."""
    body: list[str] = []
    arguments: list[str] = []
    for index, kind in enumerate(given.parameters):
        if index >= len(wanted.parameters):
            arguments.append(f"{kind} {_zero(kind)}")
            continue
        value = _converted(f"%a{index}", wanted.parameters[index], kind, body)
        if value is None:
            return None
        arguments.append(f"{kind} {value}")
    call = f"call {given.result} @{function}({', '.join(arguments)})"
    if wanted.result == "void" or given.result == "void":
        body.append(f"  {call}" if given.result == "void" else f"  %result = {call}")
        body.append("  ret void" if wanted.result == "void" else f"  ret {wanted.result} {_zero(wanted.result)}")
    else:
        body.append(f"  %result = {call}")
        value = _converted("%result", given.result, wanted.result, body)
        if value is None:
            return None
        body.append(f"  ret {wanted.result} {value}")
    parameters = ", ".join(f"{kind} %a{index}" for index, kind in enumerate(wanted.parameters))
    return "\n".join((f"define internal {wanted.result} @{name}({parameters}) {{", *body, "}"))


def _converted(value: str, given: str, wanted: str, body: list[str]) -> str | None:
    """`value` as another type of the same size in WebAssembly, by an instruction added to `body`; None if there is none."""
    if given == wanted:
        return value
    if COMPILED[given] != COMPILED[wanted]:
        return None
    if "ptr" in (given, wanted):
        instruction = "inttoptr" if wanted == "ptr" else "ptrtoint"
    else:
        instruction = "sext" if int(wanted[1:]) > int(given[1:]) else "trunc"
    body.append(f"  {value}.c = {instruction} {given} {value} to {wanted}")
    return f"{value}.c"


def _zero(kind: str) -> str:
    return "null" if kind == "ptr" else "0.0" if kind in ("float", "double") else "0"


def _shown(signature: Signature) -> str:
    return f"{signature.result}({', '.join(signature.parameters)})"


def enclosed(text: str, start: int) -> tuple[str, int]:
    """What stands between the bracket at `start` and the one that closes it, and where that is."""
    depth, quoted, index = 0, False, start
    while True:
        character = text[index]
        if character == '"':
            quoted = not quoted
        elif not quoted and character in "({[<":
            depth += 1
        elif not quoted and character in ")}]>":
            depth -= 1
            if depth == 0:
                return text[start + 1 : index], index
        index += 1


def split(text: str) -> list[str]:
    """The parts between the commas that no bracket and no string holds."""
    parts, depth, quoted, start = [], 0, False, 0
    for index, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character in "({[<":
            depth += 1
        elif character in ")}]>":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts
