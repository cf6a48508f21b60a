"""Checks every entry of the store against its digest."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from wenv_cache import files
from wenv_cache.errors import UserError
from wenv_cache.kinds import Kind
from wenv_cache.manifest import Manifest
from wenv_cache.reading import InvalidValueError, given_json
from wenv_cache.store import CHECKSUMS, Store, checksums


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
    """Findings about blobs, layers, documents, records and derived entries; `progress` hears each entry's name before it is
    read.  Whatever a damaged file holds ends in a finding."""
    digests: dict[tuple[int, int], str] = {}

    def digest(path: Path) -> str:
        status = path.stat()
        inode = (status.st_dev, status.st_ino)
        if inode not in digests:
            digests[inode] = files.digest_of_file(path)
        return digests[inode]

    def has_its_digest(path: Path) -> str | None:
        same = path.is_file() and digest(path) == path.name.removesuffix(".x")
        return None if same else "content does not have its digest"

    checks: tuple[tuple[Kind, str, Callable[[Path], str | None]], ...] = (
        (Kind.BLOBS, "*/[!.]*", has_its_digest),  # with a dot: left by a write that was cut off
        (Kind.LAYERS, "*/*", lambda folder: _layer_problem(folder, digest)),
        (Kind.DOCUMENTS, "*/[!.]*", has_its_digest),
        (Kind.RECORDS, "*/[!.]*", _record_problem),
        (Kind.DERIVED, "*/*", lambda folder: _derived_problem(folder, digest)),
    )
    for kind, pattern, check in checks:
        for path in sorted(store.folder(kind).glob(pattern)):
            entry = f"{path.parent.name}/{path.name}" if kind is Kind.DERIVED else path.name
            progress(entry)
            try:
                problem = check(path)
            except FileNotFoundError:
                continue  # deleted meanwhile
            except OSError as error:
                problem = str(error)
            if problem:
                yield Finding(kind, entry, path, problem)


def _record_problem(path: Path) -> str | None:
    """A record says what an artifact became; one that cannot be read is as good as none, and is made again."""
    try:
        given_json(path.read_bytes()).entries()
    except InvalidValueError as error:
        return str(error)
    return None


def _layer_problem(folder: Path, digest: Callable[[Path], str]) -> str | None:
    try:  # read anew: what this process has in memory says nothing of the file
        manifest = Manifest.parse((folder / "manifest").read_text("utf-8"))
    except (ValueError, UserError) as error:
        return f"its manifest: {error}"
    if manifest.digest != folder.name:
        return "its manifest does not have its digest"
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
    said = (folder / CHECKSUMS).read_bytes()
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or (path.is_file() and path != folder / CHECKSUMS))
    if links := [path.name for path in paths if path.is_symlink()]:
        return f"links: {', '.join(links[:3])}"
    found = checksums((path.relative_to(folder).as_posix(), digest(path)) for path in paths)
    if found == said:
        return None
    changed = {line.partition(b"  ")[2] for line in {*found.split(b"\n")} ^ {*said.split(b"\n")}}
    names = sorted(name.decode("utf-8", "backslashreplace") for name in changed if name)
    return f"not as its {CHECKSUMS} says: {', '.join(names[:3]) or CHECKSUMS}"


def repair(store: Store, findings: list[Finding]) -> None:
    """Delete the entries that the findings name.  No lock is held: who uses a damaged entry has lost it already."""
    for finding in findings:
        store.discard(finding.path)
