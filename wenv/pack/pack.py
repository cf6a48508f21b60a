"""Packing: an environment and a program as one component that runs on any host with wasmtime.

The component holds the interpreter, every file of the standard library and of the layers, their compiled code, and the
program's own files, all compressed; and modules that were imported already, as a baked one does.  See
wenv/guest/pack/files.py for how a program reads files where there is no file system.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from wenv.bake.baking import Fit, baking_with, fit_modules, requested_modules
from wenv.environment.manifest import Environment
from wenv.errors import WenvError
from wenv.guest.pack.archive import ARCHIVE, ARCHIVE_INDEX, Contents, Entry, Pack, source_of
from wenv.locations import CODE, STANDARD_LIBRARY
from wenv.policy.mounts import Mount
from wenv.runtimes import Packing, Runtime
from wenv.runtimes.needs import needs_for
from wenv.runtimes.services import GUEST, guest_sources
from wenv.snapshot.code_index import layer_bases
from wenv.snapshot.contents import console_scripts, importable_names, split_packages, top_level_modules
from wenv.snapshot.ready import ensure_ready
from wenv_cache.files import replacing
from wenv_cache.store import Store
from wenv_resolver.layout import SITE_PACKAGES
from wenv_resolver.progress import Progress, Silent

PACKED = "packed"
APPLICATION, OUTPUT = PurePosixPath("/app"), PurePosixPath("/output")
ARCHIVING = "Archiving files"
#: Calls that may be nested on wasmtime's usual stack of 512 KiB; CPython's own limit is 1000.  See tests/test_pack.py.
RECURSION_LIMIT = 250
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
_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([\w., \t]+))", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Program:
    """What a packed component shall run: `form` and `target` as in wenv/guest/pack/archive.py.

    `files` are the program's own, by their path below ``/app``.
    """

    form: str = "python"
    target: str = ""
    name: str = ""
    files: tuple[tuple[str, Path], ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a packed component: bytes of its files, and of its code that is not in the interpreter's memory."""

    name: str
    files: int
    code: int


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed component: its `parts` in bytes; the rest of its `size` is the interpreter and what is in its memory.

    `variables` are environment variables that imports looked at, `missing` are names that the script imports and nobody has.
    """

    path: Path
    size: int
    parts: tuple[Part, ...]
    modules: tuple[str, ...]
    not_imported: dict[str, str]
    variables: tuple[str, ...]
    missing: tuple[str, ...]
    precompiled: Path | None

    @property
    def interpreter(self) -> int:
        """Bytes of the interpreter, and of the memory of what has been imported."""
        return self.size - sum(part.files + part.code for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        paths = {"path": str(self.path), "precompiled": str(self.precompiled) if self.precompiled else None}
        return {**asdict(self), **paths, "interpreter": self.interpreter}


def program_of(store: Store, environment: Environment, entry: str | None, module: str | None, files: Sequence[Path]) -> Program:
    """What is meant: a script's path or a console script, a module, or the interpreter; `files` come along.

    Raises WenvError for a script or file that is not there, or that does not lie in the script's folder.
    """
    if module is not None:
        return Program("module", module, module, _files(files, Path.cwd()))
    if entry is None:
        return Program("python", "", "", _files(files, Path.cwd()))
    path = Path(entry)
    if path.is_file():
        base = path.absolute().parent
        return Program("script", str(APPLICATION / path.name), path.name, _files([path, *files], base))
    if target := console_scripts(store, environment.packages).get(entry):
        return Program("entry", target, entry, _files(files, Path.cwd()))
    raise WenvError(f"no file and no console script called {entry!r}", "`wenv info` lists the console scripts")


def _files(given: Iterable[Path], base: Path) -> tuple[tuple[str, Path], ...]:
    """The files, and those in folders, by their path relative to `base`."""
    found: dict[str, Path] = {}
    for path in given:
        whole = path.absolute()
        if not whole.exists():
            raise WenvError(f"no such file: {path}")
        if not whole.is_relative_to(base):
            raise WenvError(f"{path} does not lie in {base}", "the program finds its files relative to its own folder")
        for file in sorted(whole.rglob("*")) if whole.is_dir() else [whole]:
            if file.is_file() and "__pycache__" not in file.parts:
                found[file.relative_to(base).as_posix()] = file
    return tuple(sorted(found.items()))


def pack(
    runtime: Runtime,
    environment: Environment,
    program: Program,
    output: Path,
    progress: Progress,
    *,
    bake: bool = True,
    slim: bool = False,
    precompile: Path | None = None,
) -> Packed:
    """Write a component that holds the environment and runs the program; hold `Store.adding`.

    `precompile` is a wasmtime executable that compiles it for itself.  Raises WenvError.
    """
    runtime.check_packing()
    ensure_ready(runtime, environment, progress)
    missing = _missing(runtime, environment, program, progress)
    needs = needs_for(runtime, environment, writable=False)
    variables = {"HOME": "/tmp", **needs.environment}
    fit = Fit()
    if bake:
        fit = fit_modules(runtime, environment, _wanted(runtime, environment, program), needs.stubs, variables, progress)
    entry: Entry = {
        "form": program.form,  # type: ignore[typeddict-item]
        "name": program.name,
        "target": program.target,
        "recursion_limit": RECURSION_LIMIT,
        "environment": variables,
        "stubs": list(needs.stubs),
    }
    order: Pack = {
        "layers": [],
        "split_packages": split_packages(runtime.store, environment.packages),
        "entry": entry,
        "own": program.form != "script" and bool(program.files),
    }
    unused = _unused(runtime.store, environment, program) if slim and program.form != "python" else ()
    archives: dict[str, Path] = {}
    parts: list[Part] = []
    with runtime.store.staging() as staging:
        progress.begin(ARCHIVING, len(environment.packages) + 2)
        for number, (layer, base) in enumerate(layer_bases(environment)):
            library = base == str(STANDARD_LIBRARY)
            leave_out = [*(NEVER if library else ()), *(SLIM if slim else ()), *(unused if library else ())]
            archive = _archive(runtime, layer, base, leave_out, progress)
            name = "standard library" if library else environment.packages[number - 1].guest_base.name
            archives[str(number)] = staging / str(number)
            parts.append(_chosen(archive, staging / str(number), name, base, fit.files, either=slim and library))
            tree = runtime.store.tree(layer)
            names = sorted(item.name for item in tree.iterdir()) if library else importable_names(tree)
            order["layers"].append({"base": base, "path": base if library else f"{base}/{SITE_PACKAGES}", "names": names})
            progress.advance(ARCHIVING, 1)
        application = _application(runtime, program, staging / "application", progress)
        archives["app"] = staging / "app"
        parts.append(_chosen(application, staging / "app", "program", str(APPLICATION), frozenset(), either=False))
        progress.end(ARCHIVING)
        made = staging / "packed.wasm"
        baking = baking_with(runtime, environment, fit.modules, tuple(variables.items()))
        runtime.pack(made, environment.natives, baking, Packing(archives, order), progress)
        compiled = _precompiled(precompile, made, output.with_suffix(".cwasm"), progress) if precompile else None
        _move(made, output)
    size = output.stat().st_size
    return Packed(output, size, tuple(parts), fit.modules, dict(fit.left_out), fit.variables, missing, compiled)


def _move(source: Path, target: Path) -> None:
    """Give a finished file its name; the store may lie on another disk."""
    with replacing(target) as file, source.open("rb") as made:
        shutil.copyfileobj(made, file)


def _precompiled(wasmtime: Path, component: Path, target: Path, progress: Progress) -> Path:
    """What a wasmtime executable makes of a component: native code for that executable and this kind of processor."""
    task = "Compiling for this kind of processor"
    progress.begin(task)
    compiled = component.with_suffix(".cwasm")
    try:
        command = [str(wasmtime), "compile", str(component), "-o", str(compiled)]
        result = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise WenvError(f"{wasmtime}: {error.strerror}", "--precompile names a wasmtime executable") from error
    finally:
        progress.end(task)
    if result.returncode:
        raise WenvError(f"{wasmtime} could not compile the component: {result.stderr.strip()[-500:]}")
    _move(compiled, target)
    return target


def _archive(runtime: Runtime, layer: str, base: str, leave_out: Sequence[str], progress: Progress) -> Path:
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


def _chosen(archive: Path, output: Path, name: str, base: str, loaded: frozenset[str], *, either: bool) -> Part:
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


def _application(runtime: Runtime, program: Program, folder: Path, progress: Progress) -> Path:
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


# -- what is used


def _missing(runtime: Runtime, environment: Environment, program: Program, progress: Progress) -> tuple[str, ...]:
    """What a script imports at its top level and nobody has.  Raises WenvError for a program that cannot even begin."""
    own = {PurePosixPath(path).parts[0].removesuffix(".py") for path, _ in program.files}
    there = own | set(sys.stdlib_module_names) | set(_library_modules(runtime.store, environment))
    there |= {name for package in environment.packages for name in _top_level(runtime.store, package.digest)}
    if program.form == "module" and program.target.partition(".")[0] not in there:
        raise WenvError(f"no module called {program.target!r} in the environment", "name its files to take them along")
    if program.form != "script":
        return ()
    script = dict(program.files)[PurePosixPath(program.target).name]
    source = script.read_bytes()
    mistake = runtime.call("syntax", source.decode("latin-1"), [], progress)
    if mistake is not None:
        raise WenvError(f"{script}: {mistake}")
    return tuple(sorted(imported_names(source, outer=True) - there))


def _top_level(store: Store, layer: str) -> set[str]:
    """All that can be imported from a layer, private modules and namespaces too."""
    tree = store.tree(layer) / SITE_PACKAGES
    return {path.name.partition(".")[0] for path in tree.iterdir()} if tree.is_dir() else set()


def _wanted(runtime: Runtime, environment: Environment, program: Program) -> list[str]:
    """The modules to have imported already: those that the program begins with."""
    if program.form == "python":
        return requested_modules(runtime, environment, Silent())
    own = {PurePosixPath(path).parts[0].removesuffix(".py") for path, _ in program.files}
    if program.form in ("module", "entry"):
        return sorted({program.target.partition(":")[0].partition(".")[0]} - own)
    script = dict(program.files)[PurePosixPath(program.target).name]
    found = imported_names(script.read_bytes()) - own
    store = runtime.store
    there = {name for package in environment.packages for name in top_level_modules(store, package)}
    there |= set(_library_modules(store, environment))
    return sorted(found & there - {"__future__"})


def imported_names(source: bytes, *, outer: bool = False) -> set[str]:
    """The top-level names that a source file's import statements name; with `outer`, only those that are not indented.

    Read by the eye, not by a parser: the guest's Python may be newer than the host's.
    """
    names: set[str] = set()
    for match in _IMPORT.finditer(source):
        if outer and match[0][:1].isspace():
            continue
        listed = match[1] or match[2]
        names.update(part.split()[0].split(".")[0] for part in listed.decode("utf-8", "replace").split(",") if part.split())
    return names


def _library_modules(store: Store, environment: Environment) -> dict[str, list[Path]]:
    """The standard library's top-level modules and packages, with their source files."""
    modules: dict[str, list[Path]] = {}
    tree = store.tree(environment.runtime.standard_library)
    for path in tree.rglob("*.py"):
        modules.setdefault(path.relative_to(tree).parts[0].removesuffix(".py"), []).append(path)
    return modules


#: Developers' tools and clients of networks: used only if imported at the top level of what is used, not where a function does.
TOOLS = frozenset(
    [
        "antigravity",
        "bdb",
        "cProfile",
        "cmd",
        "doctest",
        "ensurepip",
        "filecmp",
        "fileinput",
        "ftplib",
        "idlelib",
        "imaplib",
        "mailbox",
        "modulefinder",
        "multiprocessing",
        "netrc",
        "nntplib",
        "pdb",
        "pickletools",
        "poplib",
        "profile",
        "pstats",
        "py_compile",
        "pyclbr",
        "pydoc",
        "pydoc_data",
        "rlcompleter",
        "sched",
        "smtplib",
        "socketserver",
        "ssl",
        "tabnanny",
        "this",
        "timeit",
        "trace",
        "tracemalloc",
        "unittest",
        "webbrowser",
        "wsgiref",
        "xmlrpc",
        "_pyrepl",
    ]
)
#: Of the standard library, what the interpreter imports without being told to in any import statement.
_ALWAYS = frozenset(
    {"encodings", "codecs", "site", "os", "io", "traceback", "linecache", "runpy", "importlib", "warnings", "code"}
)


def _unused(store: Store, environment: Environment, program: Program) -> list[str]:
    """Patterns for the standard library's modules that are not used.

    Used is what an import statement names in the program, in any layer, or in a module of the library that is used itself; of
    `TOOLS` only what is imported at the top level there.
    """
    library = _library_modules(store, environment)
    sources = [path for _, path in program.files if path.suffix == ".py"]
    for package in environment.packages:
        sources += (store.tree(package.digest) / SITE_PACKAGES).rglob("*.py")
    sources += guest_sources()
    used = set(_ALWAYS)
    if program.form == "module":
        used.add(program.target.partition(".")[0])
    waiting = [name for source in sources for name in imported_names(source.read_bytes())] + sorted(used)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            for source in (path.read_bytes() for path in library.get(name, ())):
                waiting += (imported_names(source) - TOOLS) | imported_names(source, outer=True)
    return [rf"{re.escape(name)}(?:\.py|/.*)" for name in sorted(library.keys() - seen) if not name.startswith("_sysconfig")]
