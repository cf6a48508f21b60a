"""An environment: a small manifest that names a snapshot, a lock and a policy.  It holds no copy of any file.

Its folder (``.wenv`` in a project, or one under the data folder) has the manifest, which alone decides; and views of it for
people and shells, which can be written again at any time: ``pylock.toml``, ``bin/``, ``.gitignore``.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from cache.files import write_atomically
from cache.manifest import snapshot_digest
from wenv.errors import DamagedEnvironmentError, NoEnvironmentError
from wenv.locations import ENVIRONMENT_FOLDER, LAYERS, data_folder, named_environment, registry_folder
from wenv.policy import Policy

MANIFEST_NAME = "environment.json"
FORMAT = 1
#: Set by an activated shell: the environment that commands use when none is named.
ACTIVE_VARIABLE = "WENV_ENVIRONMENT"


@dataclass(frozen=True, slots=True)
class PackageLayer:
    """A package of an environment and its layer; `wheel` is the sha256 of the wheel that it was made from."""

    name: str
    version: str
    digest: str
    filename: str
    wheel: str

    @property
    def guest_base(self) -> PurePosixPath:
        """Where the layer is mounted in the guest."""
        return LAYERS / f"{self.name}-{self.version}"


@dataclass(frozen=True, slots=True)
class RuntimeRecord:
    """The runtime that an environment was made for."""

    name: str
    identity: str
    standard_library: str


@dataclass(frozen=True, slots=True)
class Environment:
    """A manifest, and the folder it lies in.

    `requested` is `resolver.requested.Requested` as JSON; `scripts` are console scripts (name to ``module:attribute``);
    `split_packages` are packages with files in several layers (dotted name to further guest folders); times are UTC, ISO 8601.
    """

    folder: Path
    runtime: RuntimeRecord
    packages: tuple[PackageLayer, ...]
    lock: str
    requested: dict[str, Any]
    policy: dict[str, Any]
    created: str
    changed: str
    scripts: dict[str, str] = field(default_factory=dict)
    split_packages: dict[str, list[str]] = field(default_factory=dict)

    @property
    def name(self) -> str | None:
        """Its name, for an environment that lies in the data folder."""
        return self.folder.name if self.folder.parent == named_environment("x").parent else None

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return self.name or str(self.folder)

    @property
    def layers(self) -> tuple[str, ...]:
        """The digests of the snapshot's layers, lowest first."""
        return (self.runtime.standard_library, *(package.digest for package in self.packages))

    @property
    def snapshot(self) -> str:
        """The snapshot's digest."""
        return snapshot_digest(self.layers)

    @property
    def granted(self) -> Policy:
        """The policy that every run in this environment starts from."""
        return Policy.from_json(self.policy)

    def package(self, name: str) -> PackageLayer | None:
        """The package of this canonical name."""
        return next((package for package in self.packages if package.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """The manifest's content."""
        return {
            "format": FORMAT,
            "created": self.created,
            "changed": self.changed,
            "snapshot": self.snapshot,
            "runtime": {
                "name": self.runtime.name,
                "identity": self.runtime.identity,
                "standard_library": self.runtime.standard_library,
            },
            "packages": [
                {"name": p.name, "version": p.version, "digest": p.digest, "filename": p.filename, "wheel": p.wheel}
                for p in self.packages
            ],
            "lock": self.lock,
            "requested": self.requested,
            "policy": self.policy,
            "scripts": self.scripts,
            "split_packages": self.split_packages,
        }

    def save(self) -> None:
        """Make this the folder's manifest: the moment at which a change happens."""
        register(self.folder)
        write_atomically(self.folder / MANIFEST_NAME, json.dumps(self.as_json(), indent=1) + "\n")


def load(folder: Path) -> Environment:
    """Read the manifest in a folder; raises NoEnvironmentError and DamagedEnvironmentError."""
    path = folder / MANIFEST_NAME
    try:
        data = json.loads(path.read_bytes())
        if data["format"] != FORMAT:
            raise DamagedEnvironmentError(path, f"its format is {data['format']}, this wenv knows {FORMAT}")
        environment = Environment(
            folder=folder,
            runtime=RuntimeRecord(**data["runtime"]),
            packages=tuple(PackageLayer(**package) for package in data["packages"]),
            lock=data["lock"],
            requested=data["requested"],
            policy=data["policy"],
            created=data["created"],
            changed=data["changed"],
            scripts=data["scripts"],
            split_packages=data["split_packages"],
        )
        if environment.snapshot != data["snapshot"]:
            raise DamagedEnvironmentError(path, "its layers do not have the snapshot's digest")
    except (FileNotFoundError, NotADirectoryError):
        raise NoEnvironmentError(f"in {folder}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedEnvironmentError(path, f"{type(error).__name__}: {error}") from error
    return environment


def exists(folder: Path) -> bool:
    """Whether a folder holds an environment."""
    return (folder / MANIFEST_NAME).is_file()


def find(name: str | None = None, path: Path | None = None) -> Environment:
    """The environment that a command means: the named one, the one at `path`, the active one, or the nearest upwards."""
    if name is not None:
        try:
            return load(named_environment(checked_name(name)))
        except NoEnvironmentError:
            raise NoEnvironmentError(f"called {name!r}") from None
    if path is not None:
        folder = path.absolute()
        return load(folder if exists(folder) or not exists(folder / ENVIRONMENT_FOLDER) else folder / ENVIRONMENT_FOLDER)
    if active := os.environ.get(ACTIVE_VARIABLE):
        return load(Path(active))
    here = Path.cwd()
    for folder in (here, *here.parents):
        if exists(folder / ENVIRONMENT_FOLDER):
            return load(folder / ENVIRONMENT_FOLDER)
    raise NoEnvironmentError(f"in {here} or above it")


def place(name: str | None = None, path: Path | None = None) -> Path:
    """The folder in which an environment would be made."""
    if name is not None:
        return named_environment(checked_name(name))
    return path.absolute() if path is not None else Path.cwd() / ENVIRONMENT_FOLDER


def checked_name(name: str) -> str:
    """The name itself; raises NoEnvironmentError for one that could not be a folder's on every host."""
    allowed = all(character.isalnum() or character in "-_." for character in name)
    if not allowed or not name or name[0] in "-." or name[-1] == "." or len(name) > 64:
        raise NoEnvironmentError(f"can be called {name!r}: a name has letters, digits, dots, dashes and underscores")
    return name


# -- all environments


def register(folder: Path) -> None:
    """Remember that a folder holds an environment, so that prune keeps its layers."""
    if folder.parent == named_environment("x").parent:
        return
    import hashlib

    entry = registry_folder() / hashlib.sha256(str(folder).encode()).hexdigest()[:32]
    if not entry.exists():
        write_atomically(entry, str(folder))


def all_folders() -> Iterator[Path]:
    """The folders of all environments that this user has, named ones first."""
    named = data_folder() / "environments"
    yield from sorted(folder for folder in named.glob("*") if exists(folder))
    for entry in sorted(registry_folder().glob("*")):
        folder = Path(entry.read_text("utf-8"))
        if exists(folder):
            yield folder


def forget_vanished() -> None:
    """Drop registered folders that hold no environment any more."""
    for entry in registry_folder().glob("*"):
        if not exists(Path(entry.read_text("utf-8"))):
            entry.unlink(missing_ok=True)
