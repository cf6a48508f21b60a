"""Code archives: the compiled code of every module of one layer, in one file with an index.

A folder with two files, written by `compile_tree` in a run of its own that executes no code of the layer:

``code.bin``
    the modules' code objects, each marshalled by itself, end to end;
``code.idx``
    one marshalled ``dict[str, dict[str, Entry]]``: for each folder, relative to the layer's root (``site-packages/rich``),
    what can be imported from it.  An entry is ``(kind, offset, length)`` in bytes; kind is ``module``, ``package``,
    ``folder`` or ``other``.  A length of 0 means that the module is compiled when it is imported: tests, and what no
    compiler takes.
    The entry named ``""`` stands for files that only CPython's own finder knows (extension modules, sourceless code).

Both are valid for one version of CPython only, and name the modules by the guest path the layer was mounted at.
"""

import io
import marshal
import os
import warnings
from types import CodeType
from typing import Literal, TypedDict

Entry = tuple[Literal["module", "package", "folder", "other"], int, int]
Index = dict[str, dict[str, Entry]]

CODE, INDEX = "code.bin", "code.idx"
#: Suffixes of modules that are loaded by CPython's own finder.
OTHER_SUFFIXES = (".so", ".pyc")
#: Folders whose modules are not compiled in advance: in sympy they are half of the work, and few ever import them.
TESTS = frozenset({"test", "tests"})


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
                if suffix in OTHER_SUFFIXES:
                    entries[""] = ("other", 0, 0)
                if suffix != ".py" or stem in extensions:
                    continue
                path = f"{folder}/{name}"
                at.seek(0)
                at.write(path.encode().ljust(1024))  # should the sandbox be stopped, the host knows at which file
                data = b"" if tests or path in job["skip"] else compiled(path)
                archive.write(data)
                if stem == "__init__":
                    packages[relative] = ("package", offset, len(data))
                else:
                    entries[stem] = ("module", offset, len(data))
                offset, modules = offset + len(data), modules + 1
    for relative, entry in packages.items():  # a package wins over a module of the same name, as it does in CPython
        parent, _, name = relative.rpartition("/")
        if relative:
            index[parent][name] = entry
    with open(f"{job['output']}/{INDEX}", "wb") as file:
        marshal.dump(index, file)
    return {"modules": modules, "bytes": offset}


def compiled(path: str) -> bytes:
    """The marshalled code of a source file; empty if it does not compile."""
    with open(path, "rb") as file:
        source = file.read()
    try:
        return marshal.dumps(compile(source, path, "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return b""


class Archive:
    """The code of one layer, read as it is needed.

    `folder` is the guest folder that holds the two files, `base` the guest folder that the index is relative to.
    """

    def __init__(self, folder: str, base: str) -> None:
        self.base = base
        self._folder = folder
        self._index: Index | None = None
        self._file: io.FileIO | None = None

    def entries(self, folder: str) -> dict[str, Entry]:
        """What can be imported from a guest folder inside `base`; empty for a folder that the archive does not know."""
        if self._index is None:
            with open(f"{self._folder}/{INDEX}", "rb") as file:
                self._index = marshal.load(file)
        return self._index.get(folder[len(self.base) + 1 :], {})

    def code(self, offset: int, length: int) -> CodeType:
        """The code object at `offset`."""
        if self._file is None:
            self._file = io.FileIO(f"{self._folder}/{CODE}")
        self._file.seek(offset)
        data = self._file.read(length)
        while len(data) < length:  # a call of the host's may return less than was asked for
            more = self._file.read(length - len(data))
            if not more:
                raise EOFError(f"{self._folder}/{CODE} is too short")
            data += more
        code: CodeType = marshal.loads(data)
        return code
