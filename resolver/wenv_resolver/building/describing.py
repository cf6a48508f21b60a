"""What a source needs: as its wheel says if it was built here, as it says itself, or as its build backend says when asked."""

import hashlib
import json
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from wenv_cache.store import Store, read_derived
from wenv_resolver.building.builder import Builder, BuiltWheel
from wenv_resolver.building.logs import failed_step, last_words
from wenv_resolver.building.recipes import recipe_of
from wenv_resolver.building.sources import obtain, patched, unpack
from wenv_resolver.building.static_metadata import sources_of, static_metadata
from wenv_resolver.building.worker_process import run_worker
from wenv_resolver.errors import BuildError, FailedBuildError
from wenv_resolver.lock import LockedFile
from wenv_resolver.pip_internals.downloads import Downloader
from wenv_resolver.pip_internals.metadata import metadata_inside
from wenv_resolver.progress import Progress
from wenv_resolver.requirements import IndexOptions

#: The store's derived entries with what build backends said.
ASKED = "asked"
ANNOUNCEMENT = "Asking the build of {label} what it needs: its build code runs on this machine, outside the sandbox"
UNKNOWN = "what it needs is unknown until it is built"


@dataclass(slots=True)
class Describer:
    """Finds out what sources need.  `builder` is what may be asked, None for nothing.

    `files` are the sources that were looked at, by the address that was asked for; `unknown` says of some why nothing but their
    name and version is known.
    """

    store: Store
    options: IndexOptions
    builder: Builder | None
    progress: Progress
    files: dict[str, LockedFile] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    _downloader: Downloader | None = None

    def obtain(self, file: LockedFile) -> tuple[LockedFile, Path]:
        """See `wenv_resolver.building.sources.obtain`."""
        if self._downloader is None:
            self._downloader = Downloader(self.options)
        return obtain(self.store, file, self._downloader)

    def metadata(self, file: LockedFile, *, may_ask: bool = True) -> bytes:
        """METADATA of a source, whose name and version may be empty; its build is asked only with `may_ask`.

        Raises FetchError, HashMismatchError, ResolverError; BuildError if not even name and version are known.
        """
        address = file.url
        file, path = self.obtain(file)
        is_new = bool(file.name) and address not in self.files  # without its name it is looked into once more
        if file.is_repository and is_new and (names := sources_of(path, file.subdirectory)):
            self.progress.say(
                f"warning: [tool.uv.sources] of {file.name} is not read, as it comes from a repository: if needed,"
                f" {', '.join(names)} comes from the index (NAME @ ADDRESS names another place)"
            )
        self.files[address] = file
        built = self.builder.known(file) if self.builder is not None else None
        if built is not None:
            return metadata_of(built)
        found = static_metadata(path, file.subdirectory, file.name or None, file.version or None)
        if found.is_complete:
            return found.text()
        named = replace(file, name=found.name or file.name, version=found.version or file.version)
        try:
            return self._asked(named, path, may_ask=may_ask)
        except BuildError as error:
            if not named.name or not named.version:
                raise
            self.unknown[address] = UNKNOWN if not isinstance(error, FailedBuildError) else f"{UNKNOWN}, and its build fails"
            return replace(found, name=named.name, version=named.version).text()

    def _asked(self, file: LockedFile, path: Path, *, may_ask: bool) -> bytes:
        label = f"{file.name or file.filename.removesuffix('.tar')} {file.version}".strip()
        if self.builder is None or not may_ask or not self.builder.rules.permits(file.name):
            raise BuildError(
                f"{label}: {UNKNOWN}, and building is not allowed", "leave out --no-build, or name it with --build-only"
            )
        return ask(self.builder, file, path, self.options, self.progress, label)


def metadata_of(built: BuiltWheel) -> bytes:
    """METADATA of a wheel that was built here."""
    return metadata_inside(built.path)


def ask(builder: Builder, file: LockedFile, path: Path, options: IndexOptions, progress: Progress, label: str) -> bytes:
    """Ask a source's build backend for its wheel's METADATA (PEP 517), in an isolated environment; what it says is kept.

    Raises FailedBuildError.
    """
    store = builder.store
    task = f"Asking {label} what it needs"

    def answered(folder: Path) -> None:
        progress.say(ANNOUNCEMENT.format(label=label))
        progress.begin(task)
        log = builder.log_of(canonicalize_name(file.name or Path(file.filename).stem), file.version or "asked")
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with store.staging() as staging:
                project = unpack(path, staging / "source", file.subdirectory)
                if file.name and file.version:
                    patched(project, recipe_of(file.name, file.version).patches)
                job = {
                    "source": str(project),
                    "output": str(staging / "output"),
                    "result": str(staging / "result"),
                    "settings": {},
                    "environment": {},
                    "headers": [],
                    "asks": True,
                }
                (staging / "output").mkdir()
                (staging / "job.json").write_text(json.dumps(job), "utf-8")
                if run_worker(staging, log, options, lambda line: progress.note(task, line), threading.Event()):
                    name = file.name or file.filename.removesuffix(".tar")
                    raise FailedBuildError(name, file.version, failed_step(log), last_words(log), str(log))
                (folder / "METADATA").write_bytes(Path((staging / "result").read_text("utf-8")).read_bytes())
        finally:
            progress.end(task)

    key = hashlib.sha256(f"{ASKED} {builder.key(file)}".encode()).hexdigest()
    return read_derived(store.derive(ASKED, key, answered), "METADATA")
