"""Exceptions of extension modules, past a linker that does not know them.

componentize-py 0.25 links modules with tags and ``try_table`` as they are, but starts the result in a wasmtime in which
exceptions are off.  So a module is linked without them (`lowered`: a ``try_table`` is a block that nothing leaves early, a
throw traps), under the same indices, and in the finished component it is given back what was taken from it (`restored`).  What
throws while a component is made ends that making: the module that did it is not baked.

Source of the format: the WebAssembly core specification 3.0, "Binary Format".
"""

from collections.abc import Iterable

from wenv.runtimes.wasm_sections import MAGIC, joined, number, read_number, sections

TYPE, CODE, TAG = 1, 10, 13
#: In a component: the section that is a module.
MODULE = 1
#: The sections that come before that of tags.
BEFORE_TAGS = {0, 1, 2, 3, 4, 5}
FUNCTION, EXNREF, NO_EXNREF, EXTERNREF, NO_EXTERNREF = 0x60, 0x69, 0x74, 0x6F, 0x72
#: What takes the place of a reference to an exception, in types and as the type of null.
INSTEAD = {EXNREF: EXTERNREF, NO_EXNREF: NO_EXTERNREF}
UNREACHABLE, BLOCK, LOOP, IF, THROW, THROW_REF, BRANCH_TABLE = 0x00, 0x02, 0x03, 0x04, 0x08, 0x0A, 0x0E
SELECT_TYPED, TRY_TABLE, F32_CONST, F64_CONST, REF_NULL, MISCELLANEOUS, VECTOR, ATOMIC = (
    0x1C, 0x1F, 0x43, 0x44, 0xD0, 0xFC, 0xFD, 0xFE,
)  # fmt: skip
#: Of the clauses of a try_table those that name a tag: ``catch`` and ``catch_ref``.
NAMING_A_TAG = (0, 1)
#: How many numbers follow an instruction, where it is not told by hand.
IMMEDIATES = bytes(
    1 if code in (0x0C, 0x0D, 0x10, 0x12, *range(0x20, 0x27), 0x3F, 0x40, 0x41, 0x42, 0xD2)
    else 2 if code in (0x11, 0x13, *range(0x28, 0x3F))
    else 0
    for code in range(256)
)  # fmt: skip
#: The same after MISCELLANEOUS, by its second code.
MISCELLANEOUS_IMMEDIATES = bytes((0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1))


def lowered(module: bytes) -> bytes | None:
    """The module without exceptions; None if it has none.  Raises ValueError for no module, and for what is not known."""
    parts = list(sections(module))
    if not any(kind == TAG for kind, _ in parts):
        return None
    change = {TYPE: _types, CODE: _code}
    try:
        return joined(module, [(kind, change[kind](body) if kind in change else body) for kind, body in parts if kind != TAG])
    except IndexError:
        raise ValueError("the module ends too early") from None


def restored(component: bytes, originals: Iterable[bytes]) -> bytes:
    """The component in which lowered modules are what they were.  Raises ValueError if one is not found in it."""
    waiting: dict[bytes, tuple[dict[int, bytes], dict[int, bytes]]] = {}
    for original in originals:
        if (low := lowered(original)) is not None:
            plain = dict(sections(low))
            waiting[plain[CODE]] = (plain, dict(sections(original)))
    done = []
    for kind, body in sections(component):
        if kind == MODULE and body[: len(MAGIC)] == MAGIC:
            parts = list(sections(body))
            if (found := waiting.pop(dict(parts).get(CODE, b""), None)) is not None:
                plain, full = found
                if dict(parts)[TYPE] != plain[TYPE]:
                    raise ValueError("the linker changed the types of a module")
                swapped = [(each, full[each] if each in (TYPE, CODE) else content) for each, content in parts]
                place = next(index for index, (each, _) in enumerate(swapped) if each not in BEFORE_TAGS)
                swapped.insert(place, (TAG, full[TAG]))
                body = joined(body, swapped)  # noqa: PLW2901 - the section, changed
        done.append((kind, body))
    if waiting:
        raise ValueError("the linker changed the code of a module")
    return joined(component, done)


def _after(data: bytes, at: int) -> int:
    """Where the next begins, after a number."""
    while data[at] >= 0x80:
        at += 1
    return at + 1


def _types(body: bytes) -> bytes:
    """A section of types, which are those of functions with plain values and references."""
    count, at = read_number(body, 0)
    result = bytearray(body)
    for _ in range(count):
        if body[at] != FUNCTION:
            raise ValueError("types that are no functions' are not known")
        at += 1
        for _ in range(2):
            values, at = read_number(body, at)
            for _ in range(values):
                result[at] = _value(body[at])
                at += 1
    return bytes(result)


def _value(kind: int) -> int:
    """A type of values, without exceptions."""
    if kind in (0x63, 0x64):
        raise ValueError("typed references are not known")
    return INSTEAD.get(kind, kind)


def _code(body: bytes) -> bytes:
    count, at = read_number(body, 0)
    result = bytearray(number(count))
    for _ in range(count):
        size, at = read_number(body, at)
        function = _function(body[at : at + size])
        result += number(len(function))
        result += function
        at += size
    return bytes(result)


def _function(body: bytes) -> bytes:
    groups, at = read_number(body, 0)
    result = bytearray(number(groups))
    for _ in range(groups):
        start, at = at, _after(body, at)
        result += body[start:at]
        result.append(_value(body[at]))
        at += 1
    kept, end = at, len(body)  # what is copied next begins at `kept`
    while at < end:
        code = body[at]
        if code in (BLOCK, LOOP, IF, REF_NULL):
            if body[at + 1] in INSTEAD:
                result += body[kept : at + 1]
                result.append(INSTEAD[body[at + 1]])
                at = kept = at + 2
            else:
                at = _after(body, at + 1)
        elif code == TRY_TABLE:
            result += body[kept:at]
            start, at = at + 1, _after(body, at + 1)
            kind = body[start:at]
            result += bytes((BLOCK, INSTEAD[kind[0]])) if kind[0] in INSTEAD else bytes((BLOCK,)) + kind
            clauses, at = read_number(body, at)
            for _ in range(clauses):
                clause, at = body[at], _after(body, at + 1)
                at = _after(body, at) if clause in NAMING_A_TAG else at
            kept = at
        elif code in (THROW, THROW_REF):
            result += body[kept:at]
            result.append(UNREACHABLE)
            at = kept = _after(body, at + 1) if code == THROW else at + 1
        else:
            at = _after_plain(body, at)
    return bytes(result + body[kept:])


def _after_plain(body: bytes, at: int) -> int:
    """Where the next instruction begins, after one that has nothing to do with exceptions."""
    code = body[at]
    if code == BRANCH_TABLE:
        labels, at = read_number(body, at + 1)
        for _ in range(labels + 1):
            at = _after(body, at)
        return at
    if code == SELECT_TYPED:
        kinds, at = read_number(body, at + 1)
        if any(kind in INSTEAD for kind in body[at : at + kinds]):
            raise ValueError("a choice between exceptions is not known")
        return at + kinds
    if code in (F32_CONST, F64_CONST):
        return at + (5 if code == F32_CONST else 9)
    if code in (MISCELLANEOUS, VECTOR, ATOMIC):
        second, at = read_number(body, at + 1)
        if code == VECTOR:
            return _after_vector(body, second, at)
        if code == ATOMIC:
            return at + 1 if second == 3 else _after(body, _after(body, at))  # a fence, or an access of memory
        for _ in range(MISCELLANEOUS_IMMEDIATES[second]):
            at = _after(body, at)
        return at
    at += 1
    for _ in range(IMMEDIATES[code]):
        at = _after(body, at)
    return at


def _after_vector(body: bytes, code: int, at: int) -> int:
    if code <= 11 or code in (92, 93):  # loads and stores
        return _after(body, _after(body, at))
    if code in (12, 13):  # a constant, a shuffle
        return at + 16
    if 21 <= code <= 34:  # one lane
        return at + 1
    if 84 <= code <= 91:  # loads and stores of one lane
        return _after(body, _after(body, at)) + 1
    return at
