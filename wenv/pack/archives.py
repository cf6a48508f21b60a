"""Layers as archives that a component holds."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wenv.derived_entries import PACKED
from wenv.guest.pack.archive import ARCHIVE, ARCHIVE_INDEX, Contents, source_of
from wenv.locations import CODE, STANDARD_LIBRARY
from wenv.pack.program import APPLICATION, Program
from wenv.policy.mounts import Mount
from wenv.runtimes import Runtime
from wenv.runtimes.services import GUEST
from wenv_resolver.progress import Progress

OUTPUT = PurePosixPath("/output")
#: Of the standard library, what can work in no sandbox: screens, processes, and installers.
NEVER = (
    r"(?:idlelib|turtledemo|tkinter|ensurepip|venv|curses|lib2to3|config-[^/]*)/.*",
    r"(?:turtle|__phello__)\.py",
)


#: What ``--slim`` leaves out of every layer: tests, type stubs, documents and sources for compilers.
SLIM = (
    r"(?:.*/)?(?:tests?|testing/tests|docs?|examples?)/.*",
    r".*\.(?:pyi|pyx|pxd|c|h|cpp|hpp|rst|md)",
    r"(?:.*/)?py\.typed",
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a packed component: bytes of its files, and of its code that is not in the interpreter's memory."""

    name: str
    files: int
    code: int


def layer_archive(runtime: Runtime, layer: str, base: str, leave_out: Sequence[str], progress: Progress) -> Path:
    """The folder with a layer's archive, kept in the store."""
    writer = (GUEST / "pack" / "archive.py").read_bytes()
    parts = [runtime.code_entry(layer, base), *leave_out, hashlib.sha256(writer).hexdigest()]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def build(folder: Path) -> None:
        code = runtime.code_archive(layer, base, progress)
        mounts = [Mount(folder, OUTPUT, writable=True), Mount(code, CODE)]
        if base != str(STANDARD_LIBRARY):
            mounts.append(Mount(runtime.store.tree(layer), PurePosixPath(base)))
        _pack_tree(runtime, base, str(CODE), leave_out, mounts, progress)

    return runtime.store.derive(PACKED, key, build)


def chosen_part(archive: Path, output: Path, name: str, base: str, loaded: frozenset[str], *, either: bool) -> Part:
    """Write what is to be held of an archive: no code of modules whose source file is in `loaded`, which are in memory.

    With `either`, no source file of a module whose code is held.
    """
    contents: Contents = json.loads((archive / ARCHIVE_INDEX).read_bytes())
    data, held, code, coded = memoryview((archive / ARCHIVE).read_bytes()), bytearray(), {}, set()
    for folder, entries in contents["code"].items():
        code[folder] = kept = dict(entries)
        for module, (kind, offset, length) in entries.items():
            source = source_of(folder, module, kind)
            wanted = length and f"{base}/{source}" not in loaded
            kept[module] = (kind, len(held), length) if wanted else (kind, 0, 0)
            if wanted:
                held += data[offset : offset + length]
                coded.add(source)
    size, files = len(held), []
    for path, offset, length, unpacked in contents["files"]:
        if not either or path not in coded:
            files.append((path, len(held), length, unpacked))
            held += data[offset : offset + length]
    output.mkdir()
    (output / ARCHIVE).write_bytes(held)
    chosen: Contents = {"files": files, "code": code}
    (output / ARCHIVE_INDEX).write_text(json.dumps(chosen), "utf-8")
    return Part(name, len(held) - size, size)


def application_archive(runtime: Runtime, program: Program, folder: Path, progress: Progress) -> Path:
    """The folder with the archive of the program's own files."""
    tree, output = folder / "tree", folder / "output"
    output.mkdir(parents=True)
    tree.mkdir()
    for path, source in program.files:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, tree / path)
    mounts = [Mount(output, OUTPUT, writable=True), Mount(tree, APPLICATION)]
    _pack_tree(runtime, str(APPLICATION), None, (), mounts, progress)
    return output


def _pack_tree(
    runtime: Runtime,
    tree: str,
    code: str | None,
    leave_out: Sequence[str],
    mounts: Sequence[Mount],
    progress: Progress,
) -> None:
    job = {"tree": tree, "code": code, "output": str(OUTPUT), "leave_out": list(leave_out)}
    runtime.call("pack", job, mounts, progress)
