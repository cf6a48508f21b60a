"""Mutations: of bytes, and of documents, which stay JSON or TOML while their values become others."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

#: What stands in for a value, or is put into a text: what readers stumble over.
TEXTS = (
    "", "\0", "\x1b]0;x\x07", "a\nb", "\r", "..", "../../x", "/", "/python/layers/x", "C:\\x", "x" * 300, "é\u0301", "\ud800",
    "\udcff", "\u202e", "0" * 64, "A" * 64, "1.0", "1!2.0.post1+x", "zz-a @ http://[x", "zz-a @ http://u:p@h/x.whl",
    "zz-a; python_version ~= 'x'", "http://[", "file:///%00", "%2e%2e%2f", "zz_b-2.0-py3-none-any.whl", "zz-b-2.0.tar.gz",
    "2026-01-01T00:00:00+00:00", "=", "a=b", "2026-13-01", "1e999", "x.y", "1x",
    "os_name ~= 'x'", "extra == 'x'", "'e' in extras", "python_version > '3'", "platform_release > '1'",
    "dependency_groups == 'x'",
    "https://example.org/zz_b-2.0-py3-none-any.whl", "file:///wheels/zz_a-1.0-py3-none-any.whl", "zz_d-1-cp314-cp314-any.whl",
)  # fmt: skip
VALUES: tuple[object, ...] = (
    None, True, False, 0, 1, -1, 2, 1 << 31, 1 << 64, 10**400, 0.5, -0.0, 1e300, float("inf"), float("nan"), [], {}, [[]],
    {"": ""}, [None], {"\0": "\0"}, {"text": "zz-a", "hashes": []},
)  # fmt: skip

Place = tuple[Any, Any]


def check(holds: bool, words: str) -> None:
    """Raises AssertionError with these words."""
    assert holds, words


def places(value: object) -> Iterator[Place]:
    """Every place in a document at which a value stands: (list or object, index or key)."""
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield value, key
        yield from places(inner)


def _other(chance: random.Random, value: object, donor: object) -> object:
    """Something in place of a value."""
    kind = chance.randrange(5)
    if kind == 0:
        return copy.deepcopy(chance.choice(VALUES))
    if kind == 1:
        return chance.choice(TEXTS)
    if kind == 2 and isinstance(value, str):
        at = chance.randint(0, len(value))
        return value[:at] + chance.choice(TEXTS) + value[at + chance.randint(0, 3) :]
    if kind == 3 and isinstance(value, int):
        return value + chance.choice((-1, 1, 1 << 32, 1 << 63))
    others = list(places(donor))
    if not others:
        return value
    holder, key = chance.choice(others)
    return copy.deepcopy(holder[key])


def changed(chance: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    """The document with one to four values changed, removed, repeated or renamed."""
    made = copy.deepcopy(document)
    for _ in range(chance.randint(1, 4)):
        found = list(places(made))
        if not found:
            break
        holder, key = chance.choice(found)
        kind = chance.randrange(8)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif kind == 1:
            holder[chance.choice(TEXTS)] = holder[key]
        elif kind == 2:
            deep: object = holder[key]
            for _ in range(chance.choice((1, 3, 100, 2000))):
                deep = [deep]
            holder[key] = deep
        else:
            holder[key] = _other(chance, holder[key], made)
    return made


def json_text(document: object) -> bytes:
    """As JSON; empty if it is none."""
    try:
        return json.dumps(document).encode()
    except (RecursionError, ValueError, TypeError):
        return b""


def bytewise(chance: random.Random, data: bytes, most: int) -> bytes:
    """The bytes with one to four places changed, left out, repeated or filled; atheris has none of its own here."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(made))
        size = min(chance.choice((1, 1, 2, 4, 16, 64)), len(made) - at)
        kind = chance.randrange(6)
        if kind == 0:
            del made[at : at + size]
        elif kind == 1:
            other = chance.randint(0, len(made))
            made[at:at] = made[other : other + size]
        elif kind == 2:
            made[at : at + size] = chance.randbytes(size)
        elif kind == 3:
            made[at:at] = chance.choice(TEXTS).encode("utf-8", "surrogatepass")
        elif kind == 4:
            made[at : at + size] = chance.choice((b"\0", b"\xff", b"\x7f", b"[", b"{", b'"')) * size
        elif at < len(made):
            made[at] ^= 1 << chance.randrange(8)
    return bytes(made[:most])


def mutator(
    read: Callable[[bytes], dict[str, Any]], written: Callable[[dict[str, Any]], bytes]
) -> Callable[[bytes, int, int], bytes]:
    """What libFuzzer calls for a new input: one in four is mutated bytewise, the others as documents."""

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if not chance.randrange(4):
            return bytewise(chance, data, most)
        try:
            made = written(changed(chance, read(data)))
        except (ValueError, RecursionError, TypeError):
            made = b""
        return made if made and len(made) <= most else bytewise(chance, data, most)

    return mutate
