"""Code archives: the compiled code of every module of one layer, in one file; and one index of all layers of a snapshot.

A layer's archive is a folder with two files, written by `compile_tree` in a run of its own that executes no code of the layer:

``code.bin``
    the modules' code objects, each marshalled by itself, end to end;
``code.idx``
    one marshalled ``dict[str, dict[str, Entry]]``: for each folder, relative to the layer's root (``site-packages/rich``),
    what can be imported from it.  An entry is ``(kind, offset, length)`` in bytes; kind is ``module`` or ``package``, with
    ``sourceless`` before it if there is no source, ``folder`` or ``other``.  A length of 0 means that the module is compiled
    when it is imported: tests, and what no compiler takes.
    The entry named ``""`` stands for files that only CPython's own finder knows (extension modules, sourceless code).

A snapshot's code is a folder with its layers' ``code.bin`` as ``0.bin``, ``1.bin``... in the order of ``sys.path``, and

``index``
    what `write_index` makes of their indexes: the size of a head in four bytes, little-endian; the head, the folders on
    ``sys.path``; and the `Tables`, which are read only if something is imported.  Both are marshalled.

All are valid for one version of CPython only, and name the modules by the guest path the layer was mounted at.
"""

import _imp
import io
import marshal
import os
import warnings
from importlib.util import MAGIC_NUMBER
from types import CodeType
from typing import Literal, TypedDict

Kind = Literal["module", "package", "sourceless module", "sourceless package", "folder", "other"]
Entry = tuple[Kind, int, int]
Index = dict[str, dict[str, Entry]]
#: Of a snapshot: what stands in each folder on ``sys.path``, by stem; for each folder the number of its archive, and its
#: entries, marshalled; for each package with files in several layers the further folders.
Tables = tuple[dict[str, list[str]], dict[str, tuple[int, bytes]], dict[str, list[str]]]

CODE, LAYER_INDEX, INDEX = "code.bin", "code.idx", "index"
#: Suffixes of modules that are loaded by CPython's own finder.
OTHER_SUFFIXES = (".so", ".pyc")
#: Where the code begins in a file of compiled code.
PYC_HEAD = 16
#: Folders whose modules are not compiled in advance: in sympy they are half of the work, and few ever import them.
TESTS = frozenset({"test", "tests"})


#: What all guest paths of the snapshot begin with.
LIBRARY = "/python/"
#: How many bytes of the index are read at first: the head, of all but large snapshots.
HEAD = 1 << 13
#: How many bytes of an archive are read at once.
READ_AHEAD = 1 << 16


#: The folders of a layer that are not data (wenv_resolver.layout), or would hide what is there.
OWN_FOLDERS = frozenset({"site-packages", "bin", "include", "layers"})


def is_data(path: str) -> bool:
    """Whether a file of a layer is data, which programs look for below ``sys.prefix``."""
    top, slash, _ = path.partition("/")
    return bool(slash) and top not in OWN_FOLDERS


class Job(TypedDict):
    """What `compile_tree` is asked to do: guest folders."""

    tree: str
    output: str
    skip: list[str]
    """Paths that are not to be compiled: the compiler was stopped at them before."""


def compile_tree(job: Job) -> dict[str, int]:
    """Write the code archive of the folder `tree` into `output`; returns how many modules and bytes it holds."""
    tree, offset, modules = job["tree"], 0, 0
    index: Index = {}
    packages: dict[str, Entry] = {}
    at = io.FileIO(f"{job['output']}/current", "w")
    with warnings.catch_warnings(), open(f"{job['output']}/{CODE}", "wb") as archive, at:
        warnings.simplefilter("ignore")  # a layer's SyntaxWarnings are shown to nobody who could mend them
        for folder, folders, files in os.walk(tree):
            # what is no identifier cannot be part of a module's name, but for the layer's own folders (site-packages)
            folders[:] = sorted(name for name in folders if folder == tree or (name.isidentifier() and name != "__pycache__"))
            relative = folder[len(tree) + 1 :]
            tests = not TESTS.isdisjoint(relative.split("/"))
            # an extension module comes before a source file and a folder of its name, as it does for CPython's finder
            extensions = {name.partition(".")[0] for name in files if name.endswith(".so")}
            entries: dict[str, Entry] = {name: ("folder", 0, 0) for name in folders if name not in extensions}
            index[relative] = entries
            for name in sorted(files):
                stem, suffix = os.path.splitext(name)
                path = f"{folder}/{name}"
                ready = sourceless_code(path) if suffix == ".pyc" and f"{stem}.py" not in files else b""
                if suffix in OTHER_SUFFIXES and not ready:
                    entries[""] = ("other", 0, 0)
                if (suffix != ".py" and not ready) or stem in extensions:
                    continue
                at.seek(0)
                at.write(path.encode().ljust(1024))  # should the sandbox be stopped, the host knows at which file
                data = ready or (b"" if tests or path in job["skip"] else compiled(path))
                archive.write(data)
                if stem == "__init__":
                    packages[relative] = ("sourceless package" if ready else "package", offset, len(data))
                else:
                    entries[stem] = ("sourceless module" if ready else "module", offset, len(data))
                offset, modules = offset + len(data), modules + 1
    for relative, entry in packages.items():  # a package wins over a module of the same name, as it does in CPython
        parent, _, name = relative.rpartition("/")
        if relative:
            index[parent][name] = entry
    with open(f"{job['output']}/{LAYER_INDEX}", "wb") as file:
        marshal.dump(index, file)
    return {"modules": modules, "bytes": offset}


def sourceless_code(path: str) -> bytes:
    """The marshalled code in a file of compiled code, saying that it comes from there; empty if another version of CPython
    wrote it, or it is damaged."""
    with open(path, "rb") as file:
        data = file.read()
    if not data.startswith(MAGIC_NUMBER):
        return b""
    try:
        code = marshal.loads(data[PYC_HEAD:])
        _imp._fix_co_filename(code, path.removesuffix("c"))  # type: ignore[attr-defined]
        return marshal.dumps(code)
    except Exception:  # whatever is wrong with it, CPython's finder says so, if it is ever imported
        return b""


def compiled(path: str) -> bytes:
    """The marshalled code of a source file; empty if it does not compile."""
    with open(path, "rb") as file:
        source = file.read()
    try:
        return marshal.dumps(compile(source, path, "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return b""


class Layer(TypedDict):
    """One layer of a snapshot: where it is mounted, its folder on ``sys.path``, and the names that stand in that folder.

    `more` are folders that its ``.pth`` files name, for the end of ``sys.path``, with the names that stand there.
    """

    base: str
    path: str
    names: list[str]
    more: dict[str, list[str]]


def searched(layers: list[Layer]) -> dict[str, list[str]]:
    """The folders on ``sys.path``, in order, with the stems of what stands in them."""
    folders = {layer["path"]: layer["names"] for layer in layers}
    for layer in layers:
        folders |= {path: names for path, names in layer["more"].items() if path not in folders}
    return {path: sorted({name.partition(".")[0] for name in names}) for path, names in folders.items()}


class IndexJob(TypedDict):
    """What `write_index` is asked to do: `folder` holds ``0.idx``, ``1.idx``... for `layers`; the index goes to `output`."""

    folder: str
    output: str
    layers: list[Layer]
    split_packages: dict[str, list[str]]


def write_index(job: IndexJob) -> int:
    """Write the index of a snapshot; returns its size in bytes."""
    folders: dict[str, tuple[int, bytes]] = {}
    for number, layer in enumerate(job["layers"]):
        with open(f"{job['folder']}/{number}.idx", "rb") as file:
            index: Index = marshal.load(file)
        for relative, entries in index.items():
            folders[f"{layer['base']}/{relative}" if relative else layer["base"]] = (number, marshal.dumps(entries))
    names = searched(job["layers"])
    head = marshal.dumps(list(names))
    with open(f"{job['output']}/{INDEX}", "wb") as file:
        file.write(len(head).to_bytes(4, "little") + head + marshal.dumps((names, folders, job["split_packages"])))
        return file.tell()


class Snapshot:
    """The code of all layers of a snapshot, read as it is needed.

    `folder` is the guest folder that holds the index and the archives, `paths` are the folders on ``sys.path``, in order.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        with io.FileIO(f"{folder}/{INDEX}") as file:
            start = file.read(HEAD)
            self._body = 4 + int.from_bytes(start[:4], "little")
            while len(start) < self._body and (more := file.read(self._body - len(start))):
                start += more
        self.paths: list[str] = marshal.loads(start[4 : self._body])
        self._tables: Tables | None = None
        self._entries: dict[str, dict[str, Entry]] = {}
        self._files: dict[int, io.FileIO] = {}
        self._read: dict[int, tuple[int, bytes]] = {}

    def __contains__(self, folder: str) -> bool:
        return folder in self.paths or (folder.startswith(LIBRARY) and folder in self.tables()[1])

    def tables(self) -> Tables:
        """Everything but the head: a program that imports nothing new does without."""
        if self._tables is None:
            with io.FileIO(f"{self.folder}/{INDEX}") as file:
                file.seek(self._body)
                self._tables = marshal.loads(file.readall())
        return self._tables

    def names(self, path: str) -> list[str] | None:
        """What stands in a folder on ``sys.path``, by stem; None for any other folder."""
        return self.tables()[0].get(path)

    def has_package(self, name: str, path: str) -> bool:
        """Whether a layer beside the one at `path` holds a package of this name; the standard library is no such layer."""
        if path == self.paths[0]:
            return False
        others = (other for other in self.paths[1:] if other != path and name in (self.names(other) or ()))
        return any(self.entries(other).get(name, ("", 0, 0))[0].endswith("package") for other in others)

    def archive(self, folder: str) -> int:
        """The number of the archive that covers a guest folder."""
        return self.tables()[1][folder][0]

    def portions(self, package: str) -> list[str]:
        """The further folders of a package with files in several layers, by its dotted name."""
        return self.tables()[2].get(package, [])

    def entries(self, folder: str) -> dict[str, Entry]:
        """What can be imported from a guest folder; empty for a folder that no archive covers."""
        found = self._entries.get(folder)
        if found is None:
            packed = self.tables()[1].get(folder)
            found = self._entries[folder] = marshal.loads(packed[1]) if packed else {}
        return found

    def code(self, number: int, offset: int, length: int) -> CodeType:
        """The code object at `offset` in an archive."""
        start, data = self._read.get(number, (0, b""))
        if not start <= offset <= offset + length <= start + len(data):
            start, data = self._read[number] = offset, self._bytes(number, offset, length)
        code: CodeType = marshal.loads(memoryview(data)[offset - start : offset - start + length])
        return code

    def _bytes(self, number: int, offset: int, length: int) -> bytes:
        """At least `length` bytes; what follows is often wanted next, and a call of the host's costs more than copying it."""
        file = self._files.get(number)
        if file is None:
            file = self._files[number] = io.FileIO(f"{self.folder}/{number}.bin")
        file.seek(offset)
        data = file.read(max(length, READ_AHEAD))
        while len(data) < length:  # a call of the host's may return less than was asked for
            more = file.read(length - len(data))
            if not more:
                raise EOFError(f"{self.folder}/{number}.bin is too short")
            data += more
        return data

    def close(self) -> None:
        """Close the archives; they are opened again when code is wanted."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._read.clear()
