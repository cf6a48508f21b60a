"""What a runtime does by calling its own guest: compiled code, and what the interpreter says of itself."""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from wenv.derived_entries import CODE, DESCRIPTIONS
from wenv.errors import TrapError
from wenv.guest.request import Service
from wenv.launcher.plan import guest_files
from wenv.locations import STANDARD_LIBRARY
from wenv.policy.mounts import Mount
from wenv.runtimes import Runtime
from wenv_cache.store import Store, read_derived
from wenv_resolver.progress import Progress
from wenv_resolver.target import Target

GUEST = Path(__file__).parent.parent / "guest"
#: The derived entries of the store that runtimes make.
#: The file in which the guest names the source it is compiling, and how many sources of a layer may be beyond it.
CURRENT, MOST_SKIPPED = "current", 50
#: Where the guest writes what it was asked to make.
OUTPUT = PurePosixPath("/output")


class GuestServices(Runtime):
    """The part of `wenv.runtimes.Runtime` that is the same for all; the rest is the subclass's."""

    def __init__(self, store: Store, identity: str) -> None:
        self.store, self.identity = store, identity

    @property
    def key(self) -> str:
        """Digest of everything that the interpreter is made from, wenv/guest too."""
        raise NotImplementedError

    def target(self, progress: Progress) -> Target:
        return Target.from_description(self._description(progress))

    def _description(self, progress: Progress) -> dict[str, Any]:
        def build(folder: Path) -> None:
            (folder / "description.json").write_text(json.dumps(self.call("describe", None, [], progress), indent=1))

        folder = self.store.derive(DESCRIPTIONS, self.key, build)
        description: dict[str, Any] = json.loads(read_derived(folder, "description.json"))
        return description

    def code_archive(self, layer: str, guest_base: str, progress: Progress) -> Path:
        key = self._code_key(layer, guest_base)

        def build(folder: Path) -> None:
            mounts = [Mount(folder, OUTPUT, writable=True)]
            if guest_base != str(STANDARD_LIBRARY):
                mounts.append(Mount(self.store.tree(layer), PurePosixPath(guest_base)))
            skip: list[str] = []
            while True:
                try:
                    self.call("compile", {"tree": guest_base, "output": str(OUTPUT), "skip": skip}, mounts, progress)
                    break
                except TrapError:
                    # a source file can be too deep for the compiler: it is left out, and fails alone, where it is imported
                    stuck = (folder / CURRENT).read_text("utf-8").strip()
                    if stuck in skip or len(skip) == MOST_SKIPPED:
                        raise
                    skip.append(stuck)
            (folder / CURRENT).unlink()

        return self.store.derive(CODE, key, build)

    def has_code_archive(self, layer: str, guest_base: str) -> bool:
        return self.store.derived_folder(CODE, self._code_key(layer, guest_base)).is_dir()

    def code_entry(self, layer: str, guest_base: str) -> str:
        return f"{CODE}/{self._code_key(layer, guest_base)}"

    def _code_key(self, layer: str, guest_base: str) -> str:
        # all that the code depends on: the interpreter is the one whose component built the standard library's layer
        return hashlib.sha256("\n".join((layer, guest_base, self.identity, self._archive_writer)).encode()).hexdigest()

    @cached_property
    def _archive_writer(self) -> str:
        """What writes the archives: read once, as a run asks for the key of every layer."""
        return (GUEST / "imports" / "code_archive.py").read_text("utf-8")

    def call(self, service: Service, argument: object, mounts: Sequence[Mount], progress: Progress) -> Any:
        from wenv.engine.session import Session  # late: imports wasmtime

        library = Mount(self.store.tree(self.standard_library(progress)), STANDARD_LIBRARY)
        return Session(self.component(progress), [mount.preopen for mount in (library, *mounts)]).call(service, argument)


def guest_sources() -> list[Path]:
    """The files that the component is built from, in a fixed order."""
    return [Path(path) for path in guest_files()]
