"""What is told of packages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from email.parser import Parser
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wenv.environment.manifest import Environment, PackageLayer
from wenv.report.origins import Origin, origins
from wenv.runtimes import Runtime
from wenv.runtimes.contents import Contained
from wenv.snapshot.contents import extension_modules
from wenv_resolver.layout import SITE_PACKAGES
from wenv_resolver.lock import LockedFile
from wenv_resolver.progress import Progress

#: The kind of packages that a runtime holds.
IN_RUNTIME = "in the runtime"


@dataclass(frozen=True, slots=True)
class PackageReport:
    """One package of an environment; `size` in bytes, `needed_by` and `needs` other packages of the environment.

    `kind` is ``pure``, ``wasm wheel``, ``built here``, ``pure, built here``, ``editable`` or ``in the runtime``.  `linked` are
    the extension modules that are linked into the component, `folder` is that of an editable project, `origin` says where the
    files came from (None for the runtime's).
    """

    name: str
    version: str
    kind: str
    size: int
    requested: bool
    needed_by: tuple[str, ...]
    needs: tuple[str, ...]
    summary: str
    licence: str
    layer: str
    linked: tuple[str, ...]
    folder: str | None = None
    origin: Origin | None = None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def requested_of_runtime(runtime: Runtime, environment: Environment) -> list[str]:
    """The packages that were asked for and are the runtime's, by canonical name."""
    return [name for name in runtime.contents.packages if name in environment.requested_names]


@dataclass(frozen=True, slots=True)
class VersionChange:
    """What became of a package; versions, None where it is not there, the same where only its files are others."""

    name: str
    before: str | None
    after: str | None

    @property
    def words(self) -> str:
        """One line for people: ``+`` added, ``-`` removed, ``~`` changed."""
        if self.before is None:
            return f"+ {self.name} {self.after}"
        if self.after is None:
            return f"- {self.name} {self.before}"
        if self.before == self.after:
            return f"~ {self.name} {self.after}, with other files"
        return f"~ {self.name} {self.before} -> {self.after}"

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def version_changes(before: Environment, after: Environment, held: Mapping[str, Contained]) -> list[VersionChange]:
    """What changed from one state of an environment to another, by name; `held` are the packages of its runtime, of which those
    that are asked for count."""
    changes, were = planned_changes(before, after.requested_names, after.packages, held), {p.name: p for p in before.packages}
    for package in after.packages:
        was = were.get(package.name, package)
        if was.version == package.version and was.digest != package.digest:
            changes.append(VersionChange(package.name, was.version, package.version))
    return sorted(changes, key=lambda change: change.name)


def planned_changes(
    before: Environment, requested: frozenset[str], packages: Iterable[PackageLayer | LockedFile], held: Mapping[str, Contained]
) -> list[VersionChange]:
    """The same for what an environment would hold: what is `requested` of it, by name, and its packages.

    A version that shows only once it is built is taken for the one that is there.
    """

    def versions(names: frozenset[str], files: Iterable[PackageLayer | LockedFile]) -> dict[str, str]:
        return {name: held[name].version for name in names & held.keys()} | {file.name: file.version for file in files}

    old, new = versions(before.requested_names, before.packages), versions(requested, packages)
    new = {name: version or old.get(name, version) for name, version in new.items()}
    changed = (name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name))
    return [VersionChange(name, old.get(name), new.get(name)) for name in changed]


def package_reports(runtime: Runtime, environment: Environment, progress: Progress) -> list[PackageReport]:
    """The packages of an environment, sorted by name, with those of the runtime's that are asked for or needed."""
    store, markers = runtime.store, runtime.target(progress).markers
    library, contained = environment.runtime.standard_library, runtime.contents.packages
    metadata = {package.name: _metadata(store.tree(package.digest) / SITE_PACKAGES) for package in environment.packages}
    metadata.update({name: _metadata(store.tree(library), name, held.version) for name, held in contained.items()})
    needed_by: dict[str, set[str]] = {}
    layered = {package.name for package in environment.packages}
    extras = _extras(environment, metadata, markers)
    for name, message in metadata.items():
        needs = _requirements(message.get("requires", ()), markers, ["", *extras.get(name, ())])
        for needed in needs.keys() & (layered | contained.keys()):
            needed_by.setdefault(needed, set()).add(name)
    requested = environment.requested_names
    reports = []
    chosen, waiting = set[str](), [*requested, *(package.name for package in environment.packages)]
    while waiting:
        if (name := waiting.pop()) not in chosen and name in metadata:
            chosen.add(name)
            waiting += [needed for needed, users in needed_by.items() if name in users]
    needed_by = {name: users & chosen for name, users in needed_by.items() if name in chosen}

    def report(
        name: str,
        version: str,
        kind: str,
        size: int,
        layer: str,
        linked: Sequence[str] = (),
        folder: str | None = None,
        origin: Origin | None = None,
    ) -> PackageReport:
        users, needs = needed_by.get(name, ()), [needed for needed, users in needed_by.items() if name in users]
        said = metadata[name]
        return PackageReport(
            name, version, kind, size, name in requested, tuple(sorted(users)), tuple(sorted(needs)),
            said.get("summary", ""), said.get("licence", ""), layer, tuple(linked), folder, origin,
        )  # fmt: skip

    found = origins(store, environment)
    for package in environment.packages:
        linked = extension_modules(store, package) if package.native else ()
        size = store.manifest(package.digest).size
        folder = package.editable.folder if package.editable is not None else None
        reports.append(
            report(package.name, package.version, kind_of(package), size, package.digest, linked, folder, found[package.name])
        )
    reports += [report(name, held.version, IN_RUNTIME, 0, library) for name, held in contained.items() if name in chosen]
    return sorted(reports, key=lambda each: each.name)


def kind_of(package: PackageLayer) -> str:
    """What `PackageReport` calls the kind of a package."""
    if package.editable is not None:
        return "editable"
    if package.built:
        return "built here" if package.native else "pure, built here"
    return "wasm wheel" if package.native else "pure"


def _metadata(folder: Path, name: str = "", version: str = "") -> dict[str, Any]:
    """The core metadata in a folder of packages: of the one with a name, or of the only one."""
    pattern = f"{name.replace('-', '_')}-{version}.dist-info" if name else "*.dist-info"
    for path in folder.glob(f"{pattern}/METADATA"):
        message = Parser().parsestr(path.read_text("utf-8", "replace"), headersonly=True)
        classifiers = [text for text in message.get_all("Classifier") or () if text.startswith("License :: ")]
        licence = (
            message["License-Expression"]
            or message["License"]
            or ", ".join(text.rpartition(" :: ")[2].removesuffix(" License") for text in classifiers)
        )
        return {
            "requires": message.get_all("Requires-Dist") or (),
            "extras": message.get_all("Provides-Extra") or (),
            "summary": message["Summary"] or "",
            "licence": licence.splitlines()[0] if licence else "",
        }
    return {}


def _extras(
    environment: Environment, metadata: Mapping[str, Mapping[str, Any]], markers: Mapping[str, str]
) -> dict[str, set[str]]:
    """The extras of each package that were asked for, by the user or by another package that is there."""
    found: dict[str, set[str]] = {}
    waiting = [(name, found_extras) for name, found_extras in _asked_extras(environment).items()]
    waiting += [(name, set()) for name in metadata]
    while waiting:
        name, more = waiting.pop()
        known = found.get(name)
        if known is not None and more <= known:
            continue
        found[name] = known = (known or set()) | more
        needed = _requirements(metadata.get(name, {}).get("requires", ()), markers, ["", *known])
        waiting += [(each, extras) for each, extras in needed.items() if extras]
    return found


def _asked_extras(environment: Environment) -> dict[str, set[str]]:
    """The extras that a user asked for, by the package's name."""
    found: dict[str, set[str]] = {}
    for line in environment.asked_for.requirements:
        if line.name is not None:
            found.setdefault(line.name, set()).update(canonicalize_name(each) for each in Requirement(line.text).extras)
    return found


def _requirements(lines: Iterable[str], markers: Mapping[str, str], extras: Sequence[str]) -> dict[str, set[str]]:
    """Names of what is needed with any of the extras, and the extras that are wanted of these."""
    names: dict[str, set[str]] = {}
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or any(requirement.marker.evaluate({**markers, "extra": extra}) for extra in extras):
            wanted = names.setdefault(canonicalize_name(requirement.name), set())
            wanted.update(canonicalize_name(extra) for extra in requirement.extras)
    return names
