"""Checks every entry of the store against its digest."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cache import files
from cache.errors import UserError
from cache.kinds import Kind
from cache.store import CHECKSUMS, Store


@dataclass(frozen=True, slots=True)
class Finding:
    """One entry that is not what its name says; `path` is what to delete to be rid of it."""

    kind: Kind
    entry: str
    path: Path
    problem: str

    def as_json(self) -> dict[str, str]:
        """For `--json`."""
        return {key: str(value) for key, value in asdict(self).items()}


def verify(store: Store, progress: Callable[[str], None] = lambda entry: None) -> Iterator[Finding]:
    """Findings about blobs, layers, documents and derived entries; `progress` hears each entry's name before it is read."""
    digests: dict[tuple[int, int], str] = {}

    def digest(path: Path) -> str:
        status = path.stat()
        inode = (status.st_dev, status.st_ino)
        if inode not in digests:
            digests[inode] = files.digest_of_file(path)
        return digests[inode]

    for path in sorted(store.folder(Kind.BLOBS).glob("*/*")):
        progress(path.name)
        if digest(path) != path.name.removesuffix(".x"):
            yield Finding(Kind.BLOBS, path.name, path, "content does not have its digest")
    for folder in sorted(store.folder(Kind.LAYERS).glob("*/*")):
        progress(folder.name)
        problem = _layer_problem(store, folder, digest)
        if problem:
            yield Finding(Kind.LAYERS, folder.name, folder, problem)
    for path in sorted(store.folder(Kind.DOCUMENTS).glob("*/[!.]*")):  # with a dot: left by a write that was cut off
        if digest(path) != path.name:
            yield Finding(Kind.DOCUMENTS, path.name, path, "content does not have its digest")
    for folder in sorted(store.folder(Kind.DERIVED).glob("*/*")):
        progress(f"{folder.parent.name} {folder.name}")
        problem = _derived_problem(folder, digest)
        if problem:
            yield Finding(Kind.DERIVED, f"{folder.parent.name}/{folder.name}", folder, problem)


def _layer_problem(store: Store, folder: Path, digest: Callable[[Path], str]) -> str | None:
    try:
        manifest = store.manifest(folder.name)
    except UserError as error:
        return str(error)
    tree = folder / "tree"
    present = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if not path.is_dir() or path.is_symlink()}
    expected = {file.path for file in manifest.files}
    if present != expected:
        return f"files missing or added: {', '.join(sorted(present ^ expected)[:3])}"
    for file in manifest.files:
        path = tree / file.path
        if path.is_symlink() or path.stat().st_size != file.size or digest(path) != file.sha256:
            return f"{file.path} does not have its digest"
    return None


def _derived_problem(folder: Path, digest: Callable[[Path], str]) -> str | None:
    try:
        lines = (folder / CHECKSUMS).read_text("utf-8").splitlines()
    except OSError as error:
        return str(error)
    expected = {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}
    for name, sha256 in expected.items():
        if not (folder / name).is_file() or digest(folder / name) != sha256:
            return f"{name} does not have its digest"
    return None


def repair(store: Store, findings: list[Finding]) -> None:
    """Delete the entries that the findings name; hold `Store.pruning`."""
    for finding in findings:
        store.discard(finding.path)
