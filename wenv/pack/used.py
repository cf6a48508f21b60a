"""What of the standard library and of the layers a program can import."""

import re
import sys
from pathlib import Path, PurePosixPath

from wenv.bake.baking import requested_modules
from wenv.environment.manifest import Environment
from wenv.errors import WenvError
from wenv.pack.program import Program
from wenv.runtimes.services import guest_sources
from wenv.snapshot.contents import top_level_modules
from wenv.snapshot.ready import Ready
from wenv_cache.store import Store
from wenv_resolver.layout import SITE_PACKAGES
from wenv_resolver.progress import Progress

_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([\w., \t]+))", re.MULTILINE)


def missing_modules(ready: Ready, program: Program, progress: Progress) -> tuple[str, ...]:
    """What a script imports at its top level and nobody has.  Raises WenvError for a program that cannot even begin."""
    runtime, environment = ready.runtime, ready.environment
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


def wanted_modules(ready: Ready, program: Program) -> list[str]:
    """The modules to have imported already: those that the program begins with."""
    if program.form == "python":
        return requested_modules(ready)
    own = {PurePosixPath(path).parts[0].removesuffix(".py") for path, _ in program.files}
    if program.form in ("module", "entry"):
        return sorted({program.target.partition(":")[0].partition(".")[0]} - own)
    script = dict(program.files)[PurePosixPath(program.target).name]
    found = imported_names(script.read_bytes()) - own
    store, environment = ready.runtime.store, ready.environment
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


def unused_patterns(store: Store, environment: Environment, program: Program) -> list[str]:
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
