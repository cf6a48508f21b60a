"""Fuzzes the readers of code archives, as the guest runs them: a damaged archive ends in an exception.

An input is an index and an archive: ``SIZE OF THE INDEX, 4 bytes`` INDEX ARCHIVE.  The other files that are read marshalled (a
layer's own index, compiled modules that a wheel brings) and the head of a memory image are read of the same bytes.
"""

import io
import marshal
import random
import tempfile
from contextlib import suppress
from functools import cache
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import Any

from tests.fuzz.trees import TEXTS, VALUES, bytewise, check
from wenv.guest.imports import code_archive
from wenv.guest.imports.code_archive import CODE, INDEX, LAYER_INDEX, PYC_HEAD, Snapshot, compile_tree, write_index
from wenv.launcher.memory_image import PAGE, UNIT, _read_head, head_of

#: How reading may end: in the guest each of these ends the import that wanted the code.  SystemError is what `marshal` says
#: of some objects that cannot be.
ENDS = (
    EOFError, ValueError, TypeError, LookupError, AttributeError, OSError, OverflowError, MemoryError, RecursionError,
    SystemError,
)  # fmt: skip
#: Folders and entries that are asked for of one index.
MOST = 50


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="wenv-fuzz-")


def read(data: bytes) -> None:
    """Read the bytes in every way; raises what is none of `ENDS`."""
    size = int.from_bytes(data[:4], "little")
    folder = Path(_folder().name)
    (folder / INDEX).write_bytes(data[4 : 4 + size])
    (folder / "0.bin").write_bytes(data[4 + size :])
    _compiled_module(folder, data[4 + size :])
    for way in (_snapshot, _layer_index, _image):
        with suppress(*ENDS):
            way(folder, data[4 + size :])


def _snapshot(folder: Path, data: bytes) -> None:
    """What an import asks of a snapshot's code."""
    snapshot = Snapshot(str(folder))
    try:
        assert isinstance("/python/lib" in snapshot, bool)
        for path in list(snapshot.tables()[1])[:MOST]:
            snapshot.names(path)
            snapshot.portions(path)
            _ask(snapshot, path)
    finally:
        snapshot.close()


def _ask(snapshot: Snapshot, path: str) -> None:
    with suppress(*ENDS):
        for kind, offset, length in list(snapshot.entries(path).values())[:MOST]:
            kind.endswith("package")
            if length:
                snapshot.code(snapshot.archive(path), offset, length)


def _layer_index(folder: Path, data: bytes) -> None:
    """A layer's index becomes a part of a snapshot's."""
    (folder / "0.idx").write_bytes(data)
    layer: code_archive.Layer = {"base": "/python/lib", "path": "/python/lib", "names": ["a.py"], "more": {}}
    output = folder / "output"
    output.mkdir(exist_ok=True)
    write_index({"folder": str(folder), "output": str(output), "layers": [layer], "split_packages": {}})


def _compiled_module(folder: Path, data: bytes) -> None:
    """A wheel brings a compiled module, which may be damaged: its other modules are compiled all the same."""
    tree, output = folder / "tree", folder / "made"
    tree.mkdir(exist_ok=True)
    output.mkdir(exist_ok=True)
    (tree / "module.pyc").write_bytes(MAGIC_NUMBER + bytes(PYC_HEAD - len(MAGIC_NUMBER)) + data)
    compile_tree({"tree": str(tree), "output": str(output), "skip": []})
    with (output / LAYER_INDEX).open("rb") as file:
        index = marshal.load(file)
    assert (output / CODE).stat().st_size == sum(entry[2] for entries in index.values() for entry in entries.values())


def _image(folder: Path, data: bytes) -> None:
    """Pages of an image are put into a guest's memory, and nowhere else."""
    path = folder / "image"
    path.write_bytes(data.ljust(3 * PAGE, b"\0"))
    with path.open("rb", buffering=0) as file:
        units, runs, start = _read_head(file)
    check(all(first + pages <= units * (UNIT // PAGE) for first, pages in runs), "pages beyond the memory")
    check(start + PAGE * sum(pages for _, pages in runs) <= path.stat().st_size, "pages beyond the file")


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Half of the mutations are bytewise, half make an index whose values are wrong."""
    chance = random.Random(seed)
    made = b"" if chance.randrange(2) else _index(chance)
    return made if made and len(made) <= most else bytewise(chance, data, most)


def _wrong(chance: random.Random, value: object) -> Any:
    kind = chance.randrange(12)
    if kind == 0:
        return chance.choice(VALUES)
    if kind == 1:
        return chance.choice((1 << 20, 1 << 40, 1 << 62, -1, -(1 << 31), 1 << 100))
    return chance.choice(TEXTS) if kind == 2 else value


def _index(chance: random.Random) -> bytes:
    """An index of one module and its code, with values that are wrong."""
    code = marshal.dumps(compile("x = [1, 'a', (2, None)]\ndef f(a, *b):\n return a\n", "/python/lib/a.py", "exec"))
    entries = {
        "a": (_wrong(chance, "module"), _wrong(chance, 0), _wrong(chance, len(code))),
        _text(chance, "b"): ("folder", 0, 0),
    }
    packed = _wrong(chance, marshal.dumps(entries))
    folders = _wrong(chance, {"/python/lib": (_wrong(chance, 0), packed)})
    tables = _wrong(chance, ({"/python/lib": _wrong(chance, ["a"])}, folders, _wrong(chance, {"a": ["/x"]})))
    head = marshal.dumps(_wrong(chance, ["/python/lib"]))
    size = _wrong(chance, len(head))
    number = (size if type(size) is int else 0) & 0xFFFFFFFF
    index = number.to_bytes(4, "little") + head + marshal.dumps(tables)
    return len(index).to_bytes(4, "little") + index + chance.choice((code, marshal.dumps({"": entries}), b""))


def _text(chance: random.Random, text: str) -> str:
    found = _wrong(chance, text)
    return found if isinstance(found, str) else text


def seeds() -> dict[str, bytes]:
    """Valid archives, by the names of their files in the corpus."""

    class Steady(random.Random):
        def randrange(self, *_: object) -> int:
            return 11

    made = io.BytesIO(_index(Steady(1)))
    return {"one-module": made.getvalue(), "image": bytes(4) + head_of(4, [(0, 1), (63, 1)]).rstrip(b"\0")}
