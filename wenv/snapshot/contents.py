"""What the layers of a snapshot hold for Python: modules, console scripts, and packages that several layers share."""

import configparser
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from wenv.environment.manifest import PackageLayer
from wenv.guest.imports.code_archive import is_data
from wenv.guest.imports.extensions import is_extension
from wenv_cache.manifest import Manifest
from wenv_cache.store import Store
from wenv_resolver.layout import SCRIPTS, SITE_PACKAGES

#: Of a script: a name that every file system takes, and ``module:attribute``.  Others are left out, as pip does.
_NAME = re.compile(r"[^\W_][\w.+-]{0,127}|_[\w.+-]{0,127}")
_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def console_scripts(store: Store, packages: Iterable[PackageLayer]) -> dict[str, str]:
    """Console and GUI scripts of all packages: name to ``module:attribute`` (entry points specification)."""
    return dict(_console_scripts(store, tuple(packages)))


@lru_cache(maxsize=32)  # layers do not change, and a command asks several times
def _console_scripts(store: Store, packages: tuple[PackageLayer, ...]) -> dict[str, str]:
    scripts: dict[str, str] = {}
    for package in packages:
        for path in (store.tree(package.digest) / SITE_PACKAGES).glob("*.dist-info/entry_points.txt"):
            parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
            parser.optionxform = str  # type: ignore[assignment,method-assign]
            try:
                parser.read_string(path.read_text("utf-8"))
            except (configparser.Error, ValueError, RecursionError):
                continue  # as pip does: such a package works, it just has no scripts
            for section in ("console_scripts", "gui_scripts"):
                for name, value in parser[section].items() if parser.has_section(section) else ():
                    target = value.partition("[")[0].replace(" ", "")
                    if _NAME.fullmatch(name) and _TARGET.fullmatch(target):
                        scripts[name] = target
    return dict(sorted(scripts.items()))


def split_packages(store: Store, packages: Iterable[PackageLayer]) -> dict[str, list[str]]:
    """Regular packages that get files from more than one layer: dotted name to the guest folders beside the first.

    Namespace packages are CPython's own matter; a package with an ``__init__`` is found in one folder only, and would not
    see modules that another wheel adds to it.
    """
    folders: dict[str, list[tuple[PackageLayer, bool]]] = {}
    for package in packages:
        for folder, regular in _package_folders(store.manifest(package.digest)).items():
            folders.setdefault(folder, []).append((package, regular))
    split: dict[str, list[str]] = {}
    for folder, layers in folders.items():
        if len(layers) > 1 and any(regular for _, regular in layers):
            first = next(package for package, regular in layers if regular)
            others = [package for package, _ in layers if package is not first]
            split[folder.replace("/", ".")] = [str(package.guest_base / SITE_PACKAGES / folder) for package in others]
    return dict(sorted(split.items()))


def _package_folders(manifest: Manifest) -> dict[str, bool]:
    """Folders with Python files, relative to site-packages, and whether they have an ``__init__``."""
    folders: dict[str, bool] = {}
    for file in manifest.files:
        root, _, rest = file.path.partition("/")  # strings: a snapshot has thousands of files
        folder, _, name = rest.rpartition("/")
        if root == SITE_PACKAGES and folder and name.endswith((".py", ".so")):
            folders[folder] = folders.get(folder, False) or name == "__init__.py"
    return folders


def remarks(store: Store, packages: Sequence[PackageLayer], of: frozenset[str]) -> list[str]:
    """What a user should hear of packages together, as far as those of the names `of` are concerned: files that several have,
    and ``.pth`` files with code."""
    both: dict[tuple[str, str], list[str]] = {}
    first: dict[str, tuple[PackageLayer, str]] = {}
    for package in packages:
        for file in store.manifest(package.digest).files:
            if file.path.partition("/")[0] in (SITE_PACKAGES, SCRIPTS) or is_data(file.path):
                other, sha256 = first.setdefault(file.path, (package, file.sha256))
                if sha256 != file.sha256 and not of.isdisjoint((other.name, package.name)):
                    both.setdefault((other.name, package.name), []).append(file.path.removeprefix(f"{SITE_PACKAGES}/"))
    found = []
    for (one, two), paths in both.items():
        shown, more = min(paths, key=lambda path: not path.endswith(".py")), f" and {len(paths) - 1} more"
        names = shown if len(paths) == 1 else shown + more
        found.append(f"{one} and {two} have different files of one name ({names}): those of {one} are used")
    for package in packages:
        for name in path_files(store.tree(package.digest)).with_code if package.name in of else ():
            found.append(f"{package.name}: {name} is code for the start of every program, and is not run")
    return found


def extension_modules(store: Store, package: PackageLayer) -> list[str]:
    """The dotted names of a layer's extension modules."""
    names = []
    for file in store.manifest(package.digest).files:
        path = PurePosixPath(file.path)
        if path.parts[0] == SITE_PACKAGES and is_extension(path.name):
            names.append(".".join((*path.parts[1:-1], path.name.partition(".")[0])))
    return sorted(names)


def top_level_modules(store: Store, package: PackageLayer) -> list[str]:
    """What can be imported from a layer: its top-level modules and packages, without private ones."""
    found = set()
    for file in store.manifest(package.digest).files:
        path = PurePosixPath(file.path)
        if path.parts[0] != SITE_PACKAGES or path.suffix not in (".py", ".so"):
            continue
        name = path.parts[1] if len(path.parts) > 2 else path.name.partition(".")[0]
        if name.isidentifier() and not name.startswith("_"):
            found.add(name)
    return sorted(found)


def data_files(store: Store, package: PackageLayer) -> list[str]:
    """The data files of a layer, relative to it: what is installed below ``sys.prefix``, in folders of any name."""
    return [file.path for file in store.manifest(package.digest).files if is_data(file.path)]


@dataclass(frozen=True, slots=True)
class PathFiles:
    """What the ``.pth`` files of a layer say: `folders` to be searched, relative to its site-packages, and the names of files
    with lines that are code, which is not run."""

    folders: tuple[str, ...]
    with_code: tuple[str, ...]


def path_files(tree: Path) -> PathFiles:
    """Read the ``.pth`` files in a layer, as `site` does: a line that is no folder is passed over.

    Those of setuptools' namespace packages (``-nspkg.pth``) say nothing that is not so already.
    """
    site, folders, with_code = tree / SITE_PACKAGES, dict[str, None](), []
    for file in sorted(site.glob("*.pth")):
        lines = [line.strip() for line in file.read_text("utf-8", "replace").splitlines()]
        if any(line.startswith(("import ", "import\t")) for line in lines) and not file.name.endswith("-nspkg.pth"):
            with_code.append(file.name)
        for line in lines:
            folder = posixpath.normpath(line.replace("\\", "/"))
            inside = (
                line and not line.startswith(("#", "/", "import ", "import\t")) and folder.partition("/")[0] not in ("..", ".")
            )
            if inside and "\0" not in folder and (site / folder).is_dir():
                folders[folder] = None
    return PathFiles(tuple(folders), tuple(with_code))


def importable_names(tree: Path, below: str = "") -> list[str]:
    """What stands directly in a layer's site-packages, or in a folder of it."""
    folder = tree / SITE_PACKAGES / below
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
