"""Packing: a layer's files and compiled code in one archive that a component holds in its memory.

`pack_tree` runs in a sandbox of its own, before: it writes

``packed.bin``
    each file and each code object of the layer's code archive, compressed one by one with zlib, end to end;
``packed.idx``
    `Contents` as JSON: the files, and the code's index as in `imports.code_archive`, with places in ``packed.bin``.

`hold` runs while the packed component is built.
"""

import io
import json
import marshal
import os
import re
import sys
import zlib
from types import CodeType
from typing import Literal, TypedDict

from ..imports import importer
from ..imports.code_archive import CODE, LAYER_INDEX, Index, Layer, Snapshot, is_data, searched
from ..request import Form
from .files import adapting, install, nodes
from .files.tree import add_archive, add_folder

ARCHIVE, ARCHIVE_INDEX = "packed.bin", "packed.idx"
LEVEL = 9
#: ``sys.prefix``.
PREFIX = "/python"


class Contents(TypedDict):
    """What is in an archive."""

    files: list[nodes.Entry]
    code: Index


class Job(TypedDict):
    """What `pack_tree` is asked to do: guest folders, and what is left out, as regular expressions on whole paths."""

    tree: str
    code: str | None
    output: str
    leave_out: list[str]


def pack_tree(job: Job) -> int:
    """Write the archive of a tree, with its compiled code if there is any; returns its size in bytes."""
    left_out = re.compile("|".join(f"(?:{pattern})" for pattern in job["leave_out"]) or r"(?!)")
    listed: list[nodes.Entry] = []
    with open(f"{job['output']}/{ARCHIVE}", "wb") as archive:
        for path in _paths(job["tree"]):
            if left_out.fullmatch(path):
                continue
            with open(f"{job['tree']}/{path}", "rb") as file:
                data = file.read()
            packed = zlib.compress(data, LEVEL)
            listed.append((path, archive.tell(), len(packed), len(data)))
            archive.write(packed)
        index: Index = {}
        if job["code"] is not None:
            with open(f"{job['code']}/{LAYER_INDEX}", "rb") as file:
                original: Index = marshal.load(file)
            with open(f"{job['code']}/{CODE}", "rb") as source:
                for folder, entries in original.items():
                    if left_out.fullmatch(f"{folder}/"):
                        continue
                    index[folder] = kept = {}
                    for name, (kind, offset, length) in entries.items():
                        if left_out.fullmatch(source_of(folder, name, kind)) or left_out.fullmatch(
                            f"{folder}/{name}/".lstrip("/")
                        ):
                            continue
                        start = archive.tell()
                        if length:
                            source.seek(offset)
                            archive.write(zlib.compress(source.read(length), LEVEL))
                        kept[name] = (kind, start, archive.tell() - start)
        size = archive.tell()
    contents: Contents = {"files": listed, "code": index}
    with open(f"{job['output']}/{ARCHIVE_INDEX}", "w", encoding="utf-8") as output:
        json.dump(contents, output)
    return size


def source_of(folder: str, name: str, kind: str) -> str:
    """The path of a module's source file in its layer."""
    inside = f"{folder}/{name}".strip("/")
    if kind not in ("folder", "other"):
        inside += ("/__init__" if kind.endswith("package") else "") + (".pyc" if kind.startswith("sourceless") else ".py")
    return inside


def _paths(tree: str) -> list[str]:
    """The files below a folder, relative, sorted."""
    found = []
    for folder, folders, names in os.walk(tree):
        folders[:] = [
            name for name in folders if name != "__pycache__" and (folder != tree or f"{tree}/{name}" != "/python/layers")
        ]
        found += [f"{folder}/{name}"[len(tree) + 1 :] for name in names]
    return sorted(found)


def check_syntax(source: str) -> str | None:
    """What is wrong with a script, whose bytes come as Latin-1; None if nothing is."""
    try:
        compile(source.encode("latin-1"), "script", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        where = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        return f"{type(error).__name__}{where}: {error.msg if isinstance(error, SyntaxError) else error}"
    return None


class PackedSnapshot(Snapshot):
    """A snapshot whose archives are in memory: code is unpacked when it is imported."""

    def __init__(self, layers: list[Layer], split_packages: dict[str, list[str]]) -> None:
        self.folder = ""
        names = searched(layers)
        self.paths = list(names)
        self._folders: dict[str, tuple[int, bytes]] = {}
        self._tables = (names, self._folders, split_packages)
        self._entries = {}
        self._archives: list[memoryview] = []

    def add(self, base: str, archive: memoryview, index: Index) -> None:
        """Add the archive of one layer; they come in the order of ``sys.path``."""
        for relative, entries in index.items():
            self._folders[f"{base}/{relative}" if relative else base] = (len(self._archives), marshal.dumps(entries))
        self._archives.append(archive)

    def code(self, number: int, offset: int, length: int) -> CodeType:
        code: CodeType = marshal.loads(zlib.decompress(self._archives[number][offset : offset + length]))
        return code

    def close(self) -> None:
        """Nothing is open."""


class Entry(TypedDict):
    """What a packed component runs: as in a `Request`, or ``python`` for the interpreter's own command line.

    `recursion_limit` is for hosts with wasmtime's usual stack; `environment` is what is set unless the host sets it.
    """

    form: Form | Literal["python"]
    name: str
    """What ``sys.argv[0]`` is for a console script."""
    target: str
    recursion_limit: int
    environment: dict[str, str]
    stubs: list[str]
    network: bool
    """Whether it may open sockets, where its host grants any."""


class Pack(TypedDict):
    """What to hold in memory: archives for `layers`, in the order of ``sys.path``, and the program's own files."""

    layers: list[Layer]
    split_packages: dict[str, list[str]]
    entry: Entry
    own: bool
    """Whether modules among the program's own files can be imported, although it is no script."""


#: What this component runs, if it is a packed one; and whether modules among its own files can be imported by it.
entry: Entry | None = None
own = False


def hold(folder: str, pack: Pack) -> None:
    """Hold the archives in a folder (``0.bin`` and ``0.idx``, ``1.bin``...; ``app.bin``) in memory, and import from them.

    To be called when everything is imported that shall be: what is in memory need not be in an archive.
    """
    global entry, own
    install.install()
    snapshot, placed, taken = PackedSnapshot(pack["layers"], pack["split_packages"]), set[str](), set[str]()
    for number, layer in enumerate(pack["layers"]):
        archive, contents = _read(f"{folder}/{number}")
        add_archive(layer["base"], archive, contents["files"])
        if number == 0:
            taken = set(add_folder(PREFIX))
        else:
            data = [entry for entry in contents["files"] if is_data(entry[0]) and entry[0] not in placed]
            add_archive(PREFIX, archive, [entry for entry in data if entry[0].partition("/")[0] not in taken])
            placed.update(entry[0] for entry in data)
        snapshot.add(layer["base"], archive, contents["code"])
    archive, contents = _read(f"{folder}/app")
    add_folder("/app")
    add_archive("/app", archive, contents["files"])
    importer.exchange(snapshot)
    importer.after_import.update(adapting.ADAPTED)
    for name, adapt in adapting.ADAPTED.items():
        if name in sys.modules:
            adapt(sys.modules[name])
    entry, own = pack["entry"], pack["own"]


def _read(path: str) -> tuple[memoryview, Contents]:
    """An archive, in one piece of memory, and what is in it."""
    with open(f"{path}.idx", "rb") as file:
        contents: Contents = json.load(file)
    with io.FileIO(f"{path}.bin") as source:
        archive = memoryview(bytearray(os.fstat(source.fileno()).st_size))
        start = 0
        while count := source.readinto(archive[start:]):
            start += count
    return archive.toreadonly(), contents
