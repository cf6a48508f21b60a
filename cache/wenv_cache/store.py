"""The store's folder: where each kind of entry lies, and how processes keep out of each other's way.

Everything is written under ``staging``, flushed, and renamed into place, so an entry is there whole or not at all, and
readers need no lock.  Two kinds of lock are for writers: `writing` is shared by all who add entries, and gives the `Writing`
that `publish` demands; `building`, always inside `writing`, lets one process make a derived entry while others wait for it.
Nobody waits for `pruning`: it is alone if it can be, and leaves young entries if it cannot, so who adds entries renews the age
of those that were there already (`has_layer`).
"""

import errno
import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from wenv_cache import files
from wenv_cache.errors import CacheError, CorruptEntryError, FullDiskError, MissingEntryError, UserError
from wenv_cache.kinds import DECLARATIONS, Kind
from wenv_cache.manifest import Manifest
from wenv_cache.reading import InvalidValueError, given_json
from wenv_cache.waits import waiting

if TYPE_CHECKING:
    from filelock import ReadWriteLock

CHECKSUMS = "SHA256SUMS"
#: Seconds within which what was added must be referred to, if entries are deleted meanwhile.
GRACE = 3600.0
#: What the system says of a file that cannot be written because nobody may, or this user may not.
READ_ONLY = (errno.EROFS, errno.EACCES)
#: Seconds for which pruning waits for others to be done.
PATIENCE = 2.0


class Writing:
    """Leave to add entries, from `Store.writing`: what demands one cannot be called without the lock."""

    def __init__(self, store: "Store") -> None:
        self._store: Store | None = store

    @property
    def store(self) -> "Store":
        """The store that may be written to.  Raises RuntimeError once the lock was given back."""
        if self._store is None:
            raise RuntimeError("the store may no longer be written to: `Store.writing` has ended")
        return self._store

    def end(self) -> None:
        """Take the leave back."""
        self._store = None


class Store:
    """A store at a folder, which is created when first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._writers, self._mutex = 0, threading.Lock()
        self._held: ReadWriteLock | None = None

    def folder(self, kind: Kind) -> Path:
        """Where entries of a kind lie."""
        return self.root / DECLARATIONS[kind].folder

    # -- locks

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Shared lock, held while entries are written and until a manifest refers to them; any number of processes may hold it.

        Within a process it is taken once and released by the last that holds it: other threads, and what it calls, may enter.
        """
        with self._mutex:
            if not self._writers:
                self._take_lock()
            self._writers += 1
        given = Writing(self)
        try:
            yield given
        finally:
            given.end()
            with self._mutex:
                self._writers -= 1
                if not self._writers and self._held is not None:
                    self._held.close()  # whichever thread has taken it
                    self._held = None

    def _take_lock(self) -> None:
        from filelock import ReadWriteLock  # late: a run takes no lock

        # a store that nobody can write to needs no lock: what only reads it goes on, what adds to it fails where it does
        with waiting("store"), ignoring(READ_ONLY):
            held = ReadWriteLock(self._lock_file("store"), is_singleton=False)
            held.acquire_read()
            self._held = held

    @contextmanager
    def pruning(self) -> Iterator[bool]:
        """Hold while entries are deleted.  Gives whether this process is alone: if others go on adding entries, those that are
        younger than `GRACE` must stay, as no manifest may refer to them yet."""
        from filelock import ReadWriteLock, Timeout

        lock, until = ReadWriteLock(self._lock_file("store"), is_singleton=False), time.monotonic() + PATIENCE
        with ExitStack() as stack, waiting("store"):
            while time.monotonic() < until:
                try:  # without waiting inside: a writer that waits holds off all who come after it
                    stack.enter_context(lock.write_lock(blocking=False))
                    alone = stack.pop_all()
                    break
                except Timeout:
                    time.sleep(0.05)
            else:
                alone = None
        if alone is None:
            yield False
            return
        with alone:
            yield True

    @contextmanager
    def building(self, name: str) -> Iterator[None]:
        """Hold while the one thing called `name` is made."""
        from filelock import FileLock

        with ExitStack() as stack:
            with waiting(name):
                stack.enter_context(FileLock(self._lock_file(name)))
            yield

    def forget_locks(self) -> None:
        """Delete the locks of things that are not being made; hold `pruning`, alone: nothing is then."""
        for path in self.folder(Kind.LOCKS).glob("*.lock"):
            if not path.name.startswith("store."):
                with suppress(OSError):
                    path.unlink()

    def _lock_file(self, name: str) -> str:
        folder = self.folder(Kind.LOCKS)
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder / f"{name}.lock")

    # -- staging

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A private folder on the store's file system, gone afterwards with what was not moved out of it; where temporary files
        go if the store cannot be written to.  Raises FullDiskError where the disk got full."""
        parent: Path | None = self.folder(Kind.STAGING)
        with ignoring(READ_ONLY):
            self.folder(Kind.STAGING).mkdir(parents=True, exist_ok=True)
        if not os.access(self.folder(Kind.STAGING), os.W_OK):
            parent = None  # for who only reads the store
        folder = Path(tempfile.mkdtemp(dir=parent))
        try:
            with files.reporting_full_disk(self.root):
                yield folder
        except UserError as error:  # what writes here may have its own words for a full disk, or none
            if not isinstance(error, FullDiskError) and files.is_full(self.root):
                raise FullDiskError(self.root) from error
            raise
        finally:
            files.remove_tree(folder)

    def discard(self, path: Path) -> None:
        """Delete an entry: it is moved out of its place first, so that nobody meets a half of it."""
        parent = self.folder(Kind.STAGING)
        parent.mkdir(parents=True, exist_ok=True)
        grave = Path(tempfile.mkdtemp(dir=parent))
        try:
            os.replace(path, grave / "discarded")
        except FileNotFoundError:
            pass  # somebody else was quicker
        finally:
            files.remove_tree(grave)

    # -- layers

    def layer_folder(self, digest: str) -> Path:
        """Where a layer lies, whether it is there or not."""
        return self.folder(Kind.LAYERS) / digest[:2] / digest

    def tree(self, digest: str) -> Path:
        """The layer's files; raises MissingEntryError."""
        tree = self.layer_folder(digest) / "tree"
        if not tree.is_dir():
            raise MissingEntryError("layer", digest)
        return tree

    def has_layer(self, digest: str) -> bool:
        """Whether the layer is there, whole.  Asked by who adds entries, its age is renewed: it will be referred to."""
        folder = self.layer_folder(digest)
        if not folder.is_dir():
            return False
        if self._writers:
            _renew(folder)
        return True

    def manifest(self, digest: str) -> Manifest:
        """The layer's manifest, checked against the digest; raises MissingEntryError and CorruptEntryError."""
        path = self.layer_folder(digest) / "manifest"
        try:
            status = path.stat()
            return _manifest(path, digest, (status.st_size, status.st_mtime_ns, status.st_ino))
        except FileNotFoundError:
            raise MissingEntryError("layer", digest) from None

    def blob(self, sha256: str, executable: bool) -> Path:
        """Where a file's content lies.  The executable bit is part of the name: hard links share it."""
        return self.folder(Kind.BLOBS) / sha256[:2] / (sha256 + (".x" if executable else ""))

    # -- documents and records

    def put_document(self, text: str) -> str:
        """Keep a text; returns its sha256."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        path = self.folder(Kind.DOCUMENTS) / digest[:2] / digest
        if not path.exists():
            files.write_atomically(path, text)
        return digest

    def document(self, digest: str) -> str:
        """The text with this sha256; raises MissingEntryError and CorruptEntryError."""
        try:
            path = self.folder(Kind.DOCUMENTS) / digest[:2] / digest
            data = path.read_bytes()
        except FileNotFoundError:
            raise MissingEntryError("document", digest) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise CorruptEntryError(path, "does not have its digest")
        return data.decode()

    def put_record(self, key: str, record: dict[str, object]) -> None:
        """Remember what an artifact from outside (named by its sha256) became."""
        files.write_atomically(self.folder(Kind.RECORDS) / key[:2] / f"{key}.json", json.dumps(record, sort_keys=True))

    def record(self, key: str) -> dict[str, object] | None:
        """What was remembered, if anything."""
        try:
            given = given_json((self.folder(Kind.RECORDS) / key[:2] / f"{key}.json").read_bytes())
            return {name: value.value for name, value in given.entries().items()}
        except (FileNotFoundError, InvalidValueError):
            return None

    # -- derived entries

    def derived_folder(self, name: str, key: str) -> Path:
        """Where the derived entry `name` for everything that `key` is the digest of lies, whether it is there or not."""
        return self.folder(Kind.DERIVED) / name / key

    def derive(self, name: str, key: str, build: Callable[[Path], None]) -> Path:
        """The derived entry's folder, made by `build(folder)` if it is not there.

        Of several processes that want the same entry one builds it and the others wait.
        """
        target = self.derived_folder(name, key)
        if target.is_dir():
            if self._writers:
                _renew(target)
            return target
        with self.writing(), self.building(f"{name}-{key}"):
            if target.is_dir():
                return target
            with self.staging() as staging:
                made = staging / "made"
                made.mkdir()
                build(made)
                paths = sorted(path for path in made.rglob("*") if path.is_file())
                sums = checksums((path.relative_to(made).as_posix(), files.digest_of_file(path)) for path in paths)
                (made / CHECKSUMS).write_bytes(sums)
                files.flush([*paths, made / CHECKSUMS])
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(made, target)
                files.flush_folder(target.parent)
        return target


@contextmanager
def ignoring(errors: tuple[int, ...]) -> Iterator[None]:
    """Go on after an OSError of these numbers."""
    try:
        yield
    except OSError as error:
        if error.errno not in errors:
            raise


def checksums(digests: Iterable[tuple[str, str]]) -> bytes:
    """What `CHECKSUMS` of a derived entry holds, for paths in it and their sha256, in the order of the paths (sha256sum(1))."""
    return "".join(f"{digest}  {name}\n" for name, digest in digests).encode()


def read_derived(folder: Path, name: str) -> bytes:
    """A small file of a derived entry, checked against the entry's checksums.  Raises CorruptEntryError."""
    path = folder / name
    try:
        data = path.read_bytes()
        known = (folder / CHECKSUMS).read_bytes().splitlines()
    except OSError as error:
        raise CorruptEntryError(path, str(error.strerror)) from error
    if f"{hashlib.sha256(data).hexdigest()}  {name}".encode() not in known:
        raise CorruptEntryError(path, "does not have its digest")
    return data


def _renew(folder: Path) -> None:
    """Make an entry young again; nothing happens where it may not be written to."""
    with suppress(OSError):
        os.utime(folder)


@lru_cache(maxsize=64)
def _manifest(path: Path, digest: str, _: tuple[int, ...]) -> Manifest:
    """A manifest, read once as long as its file is the same: one with 20,000 files takes 80 ms."""
    try:
        manifest = Manifest.parse(path.read_text("utf-8"))
    except (ValueError, CacheError) as error:
        raise CorruptEntryError(path, str(error)) from error
    if manifest.digest != digest:
        raise CorruptEntryError(path, "does not have its digest")
    return manifest
