"""Editable projects: their modules are imported from the project's own folder, and stay current as its files change.

What a build adds (metadata with entry points, generated modules) is a layer, made of the wheel that was built of the folder:
the files that the folder has as well are left out of it.  So every build backend is supported alike, and nothing is written to
the folder.
"""

import json
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wenv_resolver.building.trees import project_files
from wenv_resolver.errors import BuildError

#: Folders in which builds leave copies of modules.
COPIES = {"build", "dist", "site-packages"}
WAY = "without -e it is installed as it is built now"


@dataclass(frozen=True, slots=True)
class Editable:
    """Where an editable project's modules are: `roots` are folders for ``sys.path``, relative to `folder`; "" is itself.

    `left_out` are the wheel's files that lie there, `built` the wheel's top-level names that do not and so are as built.
    """

    folder: Path
    roots: tuple[str, ...]
    left_out: frozenset[str]
    built: tuple[str, ...]

    @property
    def direct_url(self) -> bytes:
        """The content of ``direct_url.json`` (PEP 610)."""
        return json.dumps({"url": self.folder.as_uri(), "dir_info": {"editable": True}}).encode()


def editable_of(wheel: Path, name: str, folder: Path) -> Editable:
    """Which files of a wheel lie in the folder that it was built from.  Raises BuildError for a project that cannot be so."""
    with zipfile.ZipFile(wheel) as archive:
        files = [member for member in archive.namelist() if not member.endswith("/")]
    modules = [file for file in files if not PurePosixPath(file).parts[0].endswith((".dist-info", ".data"))]
    if native := [file for file in modules if file.endswith((".so", ".pyd"))]:
        raise BuildError(f"{name} has extension modules ({native[0]}), and cannot be editable", WAY)
    there = project_files(folder)
    roots: set[str] = set()
    left_out: set[str] = set()
    built = []
    for top in sorted({PurePosixPath(file).parts[0] for file in modules}):
        own = [file for file in modules if PurePosixPath(file).parts[0] == top]
        root = _root(own, there)
        if root is None:
            built.append(top)
            continue
        roots.add(root)
        left_out |= {file for file in own if _joined(root, file) in there}
    if modules and not roots:
        raise BuildError(f"no folder of {folder} holds the modules of {name} as they are built", WAY)
    return Editable(folder, tuple(sorted(roots)), frozenset(left_out), tuple(built))


def _root(files: Iterable[str], there: frozenset[str]) -> str | None:
    """The folder, relative to the project's, that has most of a wheel's files; None if none has any Python file of them."""
    votes = Counter[str]()
    wanted = {file for file in files if file.endswith((".py", ".pyi"))}
    by_name: dict[str, list[str]] = {}
    for path in there:
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    for file in wanted:
        for path in by_name.get(file.rpartition("/")[2], ()):
            if path == file or path.endswith(f"/{file}"):
                votes[path[: -len(file)].rstrip("/")] += 1
    usable = {root: count for root, count in votes.items() if COPIES.isdisjoint(PurePosixPath(root).parts)}
    return min(usable, key=lambda root: (-usable[root], root.count("/"), root), default=None)


def _joined(root: str, file: str) -> str:
    return f"{root}/{file}" if root else file
