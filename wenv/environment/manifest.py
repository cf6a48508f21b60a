"""An environment: a small manifest that names a snapshot, a lock and a policy.  It holds no copy of any file.

Its folder (``.wenv`` in a project, or one under the data folder) has the manifest, which alone decides; and views of it for
people and shells, which can be written again at any time: ``pylock.toml``, ``bin/``, ``.gitignore``.
"""

import errno
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from wenv.environment.kinds import Kind
from wenv.environment.known import DIGEST, digest_of, label_of, register, registered
from wenv.errors import (
    DamagedEnvironmentError,
    NewerFormatError,
    NoEnvironmentError,
)
from wenv.launcher.guest_paths import MANIFEST_NAME
from wenv.launcher.plan import manifest_stamp
from wenv.locations import ENVIRONMENT_FOLDER, LAYERS, named_environments
from wenv.policy.policy import Policy
from wenv_cache.files import read_regular
from wenv_cache.manifest import snapshot_digest
from wenv_cache.ownfolder import own_folder
from wenv_cache.reading import LARGEST, Given, InvalidValueError, given_json, printable
from wenv_resolver.requirements import Requested

#: The second has editable projects, which a version that knows the first only would leave out.
FORMAT, PLAIN_FORMAT = 2, 1
KIND = re.compile("|".join(Kind))
#: Of a project's name and version (PEP 503, PEP 440), of a wheel's or archive's file, and of a module.
NAME, FILENAME = re.compile("[0-9A-Za-z][0-9A-Za-z.+!_-]*"), re.compile(r"[^/\\\\:]+")
MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
#: Of a folder in a project, relative to it: no part of it leads upwards.
ROOT, ROOTS = re.compile(r"(?!/)((?!\.\.?(/|$))[^/\\]+(/|$))*"), 100


@dataclass(frozen=True, slots=True, order=True)
class NativeLayer:
    """A layer with extension modules: they are linked into the component.  `guest_base` is where the layer is mounted."""

    digest: str
    guest_base: str


@dataclass(frozen=True, slots=True)
class EditableFolder:
    """A project's folder on this machine, and the folders in it that hold its modules, relative to it ("" is itself)."""

    folder: str
    roots: tuple[str, ...]

    @classmethod
    def read(cls, given: Given) -> "EditableFolder":
        """Read what `asdict` makes of one; raises InvalidValueError."""
        folder, roots = given["folder"], [item.text(ROOT, host_path=True) for item in given["roots"].items(ROOTS)]
        if not Path(folder.text(host_path=True)).is_absolute():
            raise folder.error("a folder that is not absolute")
        return cls(folder.text(host_path=True), tuple(roots))


@dataclass(frozen=True, slots=True)
class PackageLayer:
    """A package of an environment and its layer.  Its name, version and digests become paths.

    `wheel` is the sha256 of the file that it was made from: a wheel, or a source distribution, and then `built` names the entry
    of the wheel that was built from it here.  `native` is whether it holds extension modules.  Of an `editable` project the
    layer holds what its build added.
    """

    name: str
    version: str
    digest: str
    filename: str
    wheel: str
    native: bool = False
    built: str = ""
    editable: EditableFolder | None = None

    @classmethod
    def read(cls, given: Given) -> "PackageLayer":
        """Read what `as_json` makes of one; raises InvalidValueError."""
        names = {key: given[key].text(NAME, longest=255) for key in ("name", "version")}
        digests = {key: given[key].text(DIGEST) for key in ("digest", "wheel")}
        built, editable = given.get("built"), given.get("editable")
        return cls(
            **names,
            **digests,
            filename=given["filename"].text(FILENAME, longest=255),
            native=given["native"].truth(),
            built="" if built is None or built.value == "" else built.text(DIGEST),
            editable=None if editable is None else EditableFolder.read(editable),
        )

    def as_json(self) -> dict[str, Any]:
        """For manifests and `--json`."""
        found = asdict(self)
        return found if self.editable is not None else {name: value for name, value in found.items() if name != "editable"}

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
        return label_of(self.folder)

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
        return self.asked_for.names

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
    def editables(self) -> tuple[PackageLayer, ...]:
        """The editable projects; `wenv.environment.editables` tells whether they may be shared."""
        return tuple(package for package in self.packages if package.editable is not None)

    def are_editables_granted(self) -> bool:
        """Whether the user made the environment with these editable folders on this machine."""
        if not self.editables:
            return True
        known = registered(self.folder)
        return known is not None and known.get("editables") == self._editables_digest()

    def _editables_digest(self) -> str:
        return digest_of([asdict(package.editable) for package in self.editables if package.editable is not None])

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
        known = registered(self.folder)
        return known is not None and known.get("policy") == digest_of(self.policy)

    def as_json(self) -> dict[str, Any]:
        """The manifest's content."""
        return {
            "format": FORMAT if self.editables else PLAIN_FORMAT,
            "created": self.created,
            "changed": self.changed,
            "snapshot": self.snapshot,
            "runtime": asdict(self.runtime),
            "packages": [package.as_json() for package in self.packages],
            "lock": self.lock,
            "requested": self.requested,
            "policy": self.policy,
            "baked": self.baked.as_json(),
        }

    def save(self, computed: Mapping[str, object], *, granting: bool, sharing: bool) -> None:
        """Make this the folder's manifest: the moment at which a change happens.

        `computed` is written with it for earlier versions, which read there what can be computed of the layers.  With
        `granting`, its policy is from now on the one that this user gave it; with `sharing`, its editable folders are.
        """
        editables = self._editables_digest() if sharing and self.editables else None
        register(self.folder, self.policy if granting else None, editables)
        with own_folder(self.folder) as folder:
            folder.write(MANIFEST_NAME, json.dumps({**self.as_json(), **computed}, indent=1) + "\n")


def load(folder: Path) -> Environment:
    """Read the manifest in a folder; raises NoEnvironmentError, NewerFormatError and DamagedEnvironmentError."""
    path = folder / MANIFEST_NAME
    try:
        stamp = tuple(manifest_stamp(str(folder)))
        given = given_json(read_regular(path, LARGEST))
        found = given["format"].whole(1, 1 << 30)
        if not PLAIN_FORMAT <= found <= FORMAT:
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


# -- all environments
