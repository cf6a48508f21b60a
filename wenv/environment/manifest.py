"""An environment: a small manifest that names a snapshot, a lock and a policy.  It holds no copy of any file.

Its folder (``.wenv`` in a project, or one under the data folder) has the manifest, which alone decides; and views of it for
people and shells, which can be written again at any time: ``pylock.toml``, ``bin/``, ``.gitignore``.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from wenv.environment.kinds import Kind
from wenv.environment.trust import check_owner
from wenv.errors import (
    DamagedEnvironmentError,
    LinkedEnvironmentError,
    NewerFormatError,
    NoEnvironmentError,
    UsageError,
)
from wenv.launcher.plan import manifest_stamp
from wenv.locations import ENVIRONMENT_FOLDER, LAYERS, folder_key, named_environments, registry_folder
from wenv.policy.policy import Policy
from wenv.runtimes import NativeLayer
from wenv_cache.files import read_regular, write_atomically
from wenv_cache.manifest import snapshot_digest
from wenv_cache.ownfolder import own_folder
from wenv_cache.reading import LARGEST, Given, InvalidValueError, given_json, printable
from wenv_resolver.requirements import Requested

MANIFEST_NAME = "environment.json"
FORMAT = 1
#: Beside what is known of an environment: its launch plan and start file.
PLANS = (".plan", ".start")
DIGEST, KIND = re.compile("[0-9a-f]{64}"), re.compile("|".join(Kind))
#: Of a project's name and version (PEP 503, PEP 440), of a wheel's or archive's file, and of a module.
NAME, FILENAME = re.compile("[0-9A-Za-z][0-9A-Za-z.+!_-]*"), re.compile(r"[^/\\\\:]+")
MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
#: Set by an activated shell: the environment that commands use when none is named.
ACTIVE_VARIABLE = "WENV_ENVIRONMENT"


@dataclass(frozen=True, slots=True)
class PackageLayer:
    """A package of an environment and its layer.  Its name, version and digests become paths.

    `wheel` is the sha256 of the file that it was made from: a wheel, or a source distribution, and then `built` names the entry
    of the wheel that was built from it here.  `native` is whether it holds extension modules.
    """

    name: str
    version: str
    digest: str
    filename: str
    wheel: str
    native: bool = False
    built: str = ""

    @classmethod
    def read(cls, given: Given) -> "PackageLayer":
        """Read what `asdict` makes of one; raises InvalidValueError."""
        names = {key: given[key].text(NAME, longest=255) for key in ("name", "version")}
        digests = {key: given[key].text(DIGEST) for key in ("digest", "wheel")}
        built = given.get("built")
        return cls(
            **names,
            **digests,
            filename=given["filename"].text(FILENAME, longest=255),
            native=given["native"].truth(),
            built="" if built is None or built.value == "" else built.text(DIGEST),
        )

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
    kind: str = Kind.DEFAULT.value

    @classmethod
    def read(cls, given: Given) -> "RuntimeRecord":
        """Read what `asdict` makes of one; raises InvalidValueError."""
        kind = given.get("kind")
        texts = {key: given[key].text(longest=255) for key in ("name", "identity")}
        return cls(
            **texts,
            standard_library=given["standard_library"].text(DIGEST),
            kind=Kind.DEFAULT.value if kind is None else kind.text(KIND),
        )


@dataclass(frozen=True, slots=True)
class Baked:
    """Modules that an environment's component holds imported.

    `variables` are those that they looked at, as these were then, None for not set; `left_out` are modules that could not be
    baked, with the reason; `made` is when it was done, UTC, ISO 8601.  `absent` are guest paths at which the modules found
    nothing: a run that has something there does not start from them.
    """

    modules: tuple[str, ...] = ()
    variables: tuple[tuple[str, str | None], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    made: str = ""
    absent: tuple[str, ...] = ()

    @classmethod
    def read(cls, given: Given) -> "Baked":
        """Read what `as_json` wrote; raises InvalidValueError."""
        variables = given["variables"].entries().items()
        # a reason may quote what an import raised, whatever that holds: it is only shown
        reasons = {
            name: printable(value.text(longest=100_000, controls=True)) for name, value in given["left_out"].entries().items()
        }
        absent = given.get("absent")
        return cls(
            tuple(item.text(MODULE) for item in given["modules"].items()),
            tuple(sorted((name, None if value.optional is None else value.text(controls=True)) for name, value in variables)),
            tuple(sorted(reasons.items())),
            read_time(given["made"]),
            () if absent is None else tuple(item.text() for item in absent.items()),
        )

    def as_json(self) -> dict[str, Any]:
        """For the manifest and `--json`."""
        return {**asdict(self), "variables": dict(self.variables), "left_out": dict(self.left_out)}


@dataclass(frozen=True, slots=True)
class Environment:
    """A manifest, and the folder it lies in.

    `requested` is `wenv_resolver.requirements.Requested` as JSON; times are UTC, ISO 8601; `stamp` is the manifest file's when
    it was read.  What can be computed of the layers (console scripts, packages that several layers share) is no part of it: see
    `wenv.snapshot.contents`.
    """

    folder: Path
    runtime: RuntimeRecord
    packages: tuple[PackageLayer, ...]
    lock: str
    requested: dict[str, Any]
    policy: dict[str, Any]
    created: str
    changed: str
    baked: Baked = Baked()
    stamp: tuple[int, ...] | None = field(default=None, compare=False)

    @property
    def name(self) -> str | None:
        """Its name, for an environment that lies in the data folder."""
        return self.folder.name if self.folder.parent == named_environments() else None

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return self.name or str(self.folder)

    @property
    def title(self) -> str:
        """A word for it, for the names of files: its name, or that of the folder it lies in."""
        return (
            self.name or (self.folder.parent if self.folder.name == ENVIRONMENT_FOLDER else self.folder).name or "environment"
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """The digests of the snapshot's layers, lowest first."""
        return (self.runtime.standard_library, *(package.digest for package in self.packages))

    @property
    def requested_names(self) -> frozenset[str]:
        """The canonical names of the projects that were asked for."""
        return frozenset(line.name for line in self.asked_for.requirements if line.name)

    @property
    def asked_for(self) -> Requested:
        """What was asked for."""
        return Requested.read(Given(self.requested, "requested"))

    @property
    def natives(self) -> tuple[NativeLayer, ...]:
        """The layers whose extension modules are linked into the component."""
        return tuple(NativeLayer(p.digest, str(p.guest_base)) for p in self.packages if p.native)

    @property
    def snapshot(self) -> str:
        """The snapshot's digest."""
        return snapshot_digest(self.layers)

    @property
    def asked(self) -> Policy:
        """The policy that the manifest asks for."""
        return Policy.read(Given(self.policy, "policy"))

    def is_policy_granted(self) -> bool:
        """Whether the manifest's policy is the one that was given to `create` on this machine, by this user.

        A manifest is a file in a project: it may have come with a clone, or have been changed by a program that was allowed
        to write to the folder.  What it asks for counts only if wenv itself wrote it here.
        """
        if self.asked == Policy():
            return True
        registered = _registered(self.folder)
        return registered is not None and registered.get("policy") == _policy_digest(self.policy)

    def as_json(self) -> dict[str, Any]:
        """The manifest's content."""
        return {
            "format": FORMAT,
            "created": self.created,
            "changed": self.changed,
            "snapshot": self.snapshot,
            "runtime": asdict(self.runtime),
            "packages": [asdict(p) for p in self.packages],
            "lock": self.lock,
            "requested": self.requested,
            "policy": self.policy,
            "baked": self.baked.as_json(),
        }

    def save(self, computed: Mapping[str, object], *, granting: bool) -> None:
        """Make this the folder's manifest: the moment at which a change happens.

        `computed` is written with it for earlier versions, which read there what can be computed of the layers.  With
        `granting`, its policy is from now on the one that this user gave it.
        """
        register(self.folder, self.policy if granting else None)
        with own_folder(self.folder) as folder:
            folder.write(MANIFEST_NAME, json.dumps({**self.as_json(), **computed}, indent=1) + "\n")


def load(folder: Path) -> Environment:
    """Read the manifest in a folder; raises NoEnvironmentError and DamagedEnvironmentError."""
    path = folder / MANIFEST_NAME
    try:
        stamp = tuple(manifest_stamp(str(folder)))
        given = given_json(read_regular(path, LARGEST))
        found = given["format"].whole(1, 1 << 30)
        if found != FORMAT:
            raise NewerFormatError(path, found, FORMAT)
        environment = Environment(
            folder=folder,
            runtime=RuntimeRecord.read(given["runtime"]),
            packages=read_packages(given["packages"]),
            lock=given["lock"].text(DIGEST),
            requested=Requested.read(given["requested"]).as_json(),
            policy=_checked_policy(given["policy"]),
            created=read_time(given["created"]),
            changed=read_time(given["changed"]),
            baked=Baked() if (baked := given.get("baked")) is None else Baked.read(baked),
            stamp=stamp,
        )
        if environment.snapshot != given["snapshot"].text(DIGEST):
            raise DamagedEnvironmentError(path, "its layers do not have the snapshot's digest")
    except (FileNotFoundError, NotADirectoryError):
        raise NoEnvironmentError(f"in {folder}") from None
    except InvalidValueError as error:
        raise DamagedEnvironmentError(path, str(error)) from error
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EFBIG, errno.ENXIO, errno.ELOOP):
            raise
        raise DamagedEnvironmentError(path, str(error.strerror)) from error
    return environment


def read_packages(given: Given) -> tuple[PackageLayer, ...]:
    """Read the packages of a manifest; raises InvalidValueError, also for two that would have one place in the guest."""
    packages = tuple(map(PackageLayer.read, given.items()))
    if len({package.guest_base for package in packages}) < len(packages):
        raise given.error("a package occurs twice")
    return packages


def _checked_policy(given: Given) -> dict[str, Any]:
    """A manifest's policy as it is written there: what was granted is known by these words."""
    Policy.read(given)
    return {key: value.value for key, value in given.entries().items()}


def read_time(given: Given) -> str:
    """A moment, ISO 8601; empty if it is not known."""
    text = given.text(longest=40)
    try:
        if text:
            datetime.fromisoformat(text)
    except ValueError:
        raise given.error(f"{text!r} is no time") from None
    return text


def label_of(folder: Path) -> str:
    """What to call the environment in a folder, whatever its manifest says."""
    return folder.name if folder.parent == named_environments() else str(folder)


def exists(folder: Path) -> bool:
    """Whether a folder holds an environment."""
    return (folder / MANIFEST_NAME).is_file()


def find(name: str | None = None, path: Path | None = None) -> Environment:
    """The environment that a command means: the named one, the one at `path`, the active one, or the nearest upwards.

    Raises UsageError, NoEnvironmentError, DamagedEnvironmentError; of one that was only found, ForeignEnvironmentError and
    LinkedEnvironmentError.
    """
    if name is not None and path is not None:
        raise UsageError("--name and --path exclude each other")
    if name is not None:
        try:
            return load(named_environments() / checked_name(name))
        except NoEnvironmentError:
            raise NoEnvironmentError(f"called {name!r}") from None
    if path is not None:
        folder = path.resolve()
        return load(folder if exists(folder) or not exists(folder / ENVIRONMENT_FOLDER) else folder / ENVIRONMENT_FOLDER)
    if active := os.environ.get(ACTIVE_VARIABLE):
        return load(Path(active).resolve())
    here = Path.cwd()
    for folder in (here, *here.parents):
        found = folder / ENVIRONMENT_FOLDER
        if os.path.lexists(found / MANIFEST_NAME):  # whatever it is: the environment of a folder above is another one
            if found.is_symlink():
                raise LinkedEnvironmentError(found, found.resolve())
            check_owner(found)
            return load(found)
    raise NoEnvironmentError(f"in {here} or above it")


def place(name: str | None = None, path: Path | None = None) -> Path:
    """The folder in which an environment would be made."""
    if name is not None:
        return named_environments() / checked_name(name)
    return path.resolve() if path is not None else Path.cwd() / ENVIRONMENT_FOLDER


def checked_name(name: str) -> str:
    """The name itself; raises NoEnvironmentError for one that could not be a folder's on every host."""
    allowed = all(character.isalnum() or character in "-_." for character in name)
    if not allowed or not name or name[0] in "-." or name[-1] == "." or len(name) > 64:
        raise NoEnvironmentError(f"can be called {name!r}: a name has letters, digits, dots, dashes and underscores")
    return name


# -- all environments


def register(folder: Path, policy: dict[str, Any] | None = None) -> None:
    """Remember that a folder holds an environment, so that prune keeps its layers, and the policy that it was given."""
    entry = _registry_entry(folder)
    known = _registered(folder)
    if policy is None and known is not None:
        return
    given = _policy_digest(policy) if policy is not None else None
    write_atomically(entry, json.dumps({"folder": str(folder), "policy": given}))


def _registry_entry(folder: Path) -> Path:
    return registry_folder() / f"{folder_key(folder)}.json"


def _registered(folder: Path) -> dict[str, Any] | None:
    return _read_entry(_registry_entry(folder))


def _read_entry(entry: Path) -> dict[str, Any] | None:
    try:
        given = given_json(entry.read_bytes())
        folder, policy = given["folder"].text(host_path=True), given.get("policy")
        known = None if policy is None or policy.optional is None else policy.text(DIGEST)
        return {"folder": folder, "policy": known} if Path(folder).is_absolute() else None
    except (OSError, InvalidValueError):
        return None  # gone meanwhile, or left by a write that was cut off


def _policy_digest(policy: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(policy, sort_keys=True).encode()).hexdigest()


def forget_plans(folder: Path) -> None:
    """Drop what was decided beforehand for runs in an environment: something else may hold from now on."""
    for suffix in PLANS:
        _registry_entry(folder).with_suffix(suffix).unlink(missing_ok=True)


def last_used(folder: Path) -> str:
    """When a program was last run in an environment, or it was made: UTC, ISO 8601; empty if nothing says."""
    entry, times = _registry_entry(folder), []
    for suffix in PLANS:
        with suppress(OSError):
            times.append(entry.with_suffix(suffix).stat().st_mtime)
    return datetime.fromtimestamp(max(times), UTC).isoformat(timespec="seconds") if times else ""


def all_folders() -> Iterator[Path]:
    """The folders of all environments that this user has, named ones first."""
    named = named_environments()
    yield from sorted(folder for folder in named.glob("*") if exists(folder))
    entries = (_read_entry(entry) for entry in sorted(registry_folder().glob("*.json")))
    folders = sorted(Path(data["folder"]) for data in entries if data is not None)
    yield from (folder for folder in folders if folder.parent != named and exists(folder))


def forget_vanished() -> None:
    """Drop registered folders that hold no environment any more."""
    for entry in registry_folder().glob("*.json"):
        data = _read_entry(entry)
        if data is not None and not exists(Path(data["folder"])):
            entry.unlink(missing_ok=True)
            for suffix in PLANS:
                entry.with_suffix(suffix).unlink(missing_ok=True)
