"""What can be said about environments: one view for tables and one as JSON."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from email.parser import Parser
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wenv.bake.baking import baking_of, is_baked
from wenv.environment.kinds import Kind as Runtimes
from wenv.environment.known import all_folders, last_used
from wenv.environment.manifest import Environment, PackageLayer, load
from wenv.locations import STANDARD_LIBRARY, named_environments
from wenv.runtimes import Contained, Runtime, runtime_of
from wenv.snapshot.contents import extension_modules
from wenv_cache.errors import UserError
from wenv_cache.kinds import Kind
from wenv_cache.store import Store
from wenv_resolver.layout import SITE_PACKAGES
from wenv_resolver.progress import Progress

#: The kind of packages that a runtime holds.
IN_RUNTIME = "in the runtime"


@dataclass(frozen=True, slots=True)
class Summary:
    """One environment in a list.

    `size` is the bytes of its layers, `shared` of those that other environments have too; times are UTC, ISO 8601; `state` is
    ``fine``, ``stale`` (made for another runtime), ``incomplete`` (layers are missing) or ``damaged``, and `problem` says more.
    """

    label: str
    name: str | None
    folder: str
    runtime: str
    packages: int
    size: int
    shared: int
    baked: bool
    changed: str
    used: str
    state: str
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One layer of a snapshot; `size` in bytes, `shared_by` counts the other environments that have it.

    `kind` is ``standard library``, or what `PackageReport` says.
    """

    title: str
    kind: str
    digest: str
    files: int
    size: int
    shared_by: int

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PackageReport:
    """One package of an environment; `size` in bytes, `needed_by` and `needs` other packages of the environment.

    `kind` is ``pure``, ``wasm wheel``, ``built here``, ``pure, built here`` or ``in the runtime``; `linked` are the extension
    modules that are linked into the component.
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

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def summaries(store: Store) -> list[Summary]:
    """All environments of this user."""
    loaded: list[Environment | Summary] = []
    for folder in all_folders():
        try:
            loaded.append(load(folder))
        except UserError as error:
            label = folder.name if folder.parent == named_environments() else str(folder)
            loaded.append(Summary(label, None, str(folder), "?", 0, 0, 0, False, "", "", "damaged", str(error)))
    found = [item for item in loaded if isinstance(item, Environment)]
    runtimes = {kind: runtime_of(store, Runtimes(kind)) for kind in {item.runtime.kind for item in found}}
    counts = _counts(found)
    sizes: dict[str, int] = {}
    for layer in counts:
        with suppress(UserError):  # one that is missing or damaged is told of its environments
            sizes[layer] = store.manifest(layer).size
    return [
        item if isinstance(item, Summary) else _summary(item, runtimes[item.runtime.kind], counts, sizes) for item in loaded
    ]


def _counts(environments: Iterable[Environment]) -> Counter[str]:
    """How many environments have each layer."""
    return Counter(layer for environment in environments for layer in environment.layers)


def _summary(environment: Environment, runtime: Runtime, counts: Mapping[str, int], sizes: Mapping[str, int]) -> Summary:
    identity = runtime.identity
    state, problem = "fine", ""
    if missing := [layer for layer in environment.layers if layer not in sizes]:
        state, problem = "incomplete", f"{len(missing)} layers are missing; `wenv install` restores them"
    elif environment.runtime.identity != identity:
        state, problem = "stale", f"made for {environment.runtime.identity}; `wenv install` moves it to {identity}"
    return Summary(
        environment.label,
        environment.name,
        str(environment.folder),
        environment.runtime.name,
        len(environment.packages),
        sum(sizes.get(layer, 0) for layer in environment.layers),
        sum(sizes.get(layer, 0) for layer in environment.layers if counts[layer] > 1),
        bool(environment.baked.modules) and is_baked(runtime, environment),
        environment.changed,
        last_used(environment.folder),
        state,
        problem,
    )


@dataclass(frozen=True, slots=True)
class VersionChange:
    """What became of a package; versions, None where it is not there."""

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
        return f"~ {self.name} {self.before} -> {self.after}"

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def version_changes(before: Environment, after: Environment, held: Mapping[str, Contained]) -> list[VersionChange]:
    """What changed from one state of an environment to another, by name; `held` are the packages of its runtime, of which those
    that are asked for count."""

    def versions(state: Environment) -> dict[str, str]:
        return {name: held[name].version for name in state.requested_names & held.keys()} | {
            p.name: p.version for p in state.packages
        }

    old, new = versions(before), versions(after)
    changed = (name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name))
    return [VersionChange(name, old.get(name), new.get(name)) for name in changed]


def layer_reports(store: Store, environment: Environment) -> list[LayerReport]:
    """The layers of an environment's snapshot, lowest first.  Raises MissingEntryError for one that is not in the store."""
    others = []
    for folder in all_folders():
        with suppress(UserError):
            others.append(load(folder))
    counts = _counts(others)

    def report(title: str, kind: str, digest: str) -> LayerReport:
        manifest = store.manifest(digest)
        return LayerReport(title, kind, digest, len(manifest.files), manifest.size, max(0, counts[digest] - 1))

    library = environment.runtime.standard_library
    return [
        report(environment.runtime.name, "standard library", library),
        *(report(f"{package.name} {package.version}", kind_of(package), package.digest) for package in environment.packages),
    ]


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Bytes that an environment takes in the store, by kind; others may use the same."""

    kind: str
    size: int


def disk_use(runtime: Runtime, environment: Environment) -> list[DiskUse]:
    """What an environment needs on disk.  What is not there counts as nothing."""
    store, library = runtime.store, environment.runtime.standard_library
    bases = {library: str(STANDARD_LIBRARY), **{package.digest: str(package.guest_base) for package in environment.packages}}

    def files(layers: Iterable[str]) -> int:
        return sum(store.manifest(layer).size for layer in layers if store.has_layer(layer))

    baking = baking_of(runtime, environment)
    baked = runtime.executable(environment.natives, baking) if baking is not None else None
    code = [store.folder(Kind.DERIVED) / runtime.code_entry(layer, base) for layer, base in bases.items()]
    return [
        DiskUse("packages", files(package.digest for package in environment.packages)),
        DiskUse("standard library", files([library])),
        DiskUse("compiled code", sum(_size(folder) for folder in code)),
        DiskUse("interpreter", _size(runtime.executable(environment.natives).code)),
        DiskUse("baked", _size(baked.memory or baked.code) if baked is not None else 0),
    ]


@dataclass(frozen=True, slots=True)
class CodeReport:
    """The compiled code of one layer: how many modules, their bytes, and which of those that were baked come from it."""

    title: str
    modules: int
    size: int
    baked: tuple[str, ...]


def code_reports(runtime: Runtime, environment: Environment) -> list[CodeReport]:
    """The compiled code of an environment, the largest first.  Raises MissingEntryError."""
    store, library = runtime.store, environment.runtime.standard_library
    layers = [(environment.runtime.name, library, str(STANDARD_LIBRARY), "")]
    layers += [(p.name, p.digest, str(p.guest_base), f"{SITE_PACKAGES}/") for p in environment.packages]
    found = []
    for title, layer, base, below in layers:
        sources = [file.path for file in store.manifest(layer).files if file.path.endswith((".py", ".pyc"))]
        stems = (path.removeprefix(below).rpartition(".")[0] for path in sources)
        names = {stem.removesuffix("/__init__").replace("/", ".") for stem in stems}
        size = _size(store.folder(Kind.DERIVED) / runtime.code_entry(layer, base))
        baked = tuple(module for module in environment.baked.modules if module in names)
        found.append(CodeReport(title, len(sources), size, baked))
    return sorted(found, key=lambda report: (not report.baked, -report.size))


def _size(path: Path) -> int:
    """Bytes of a file, or of the files in a folder."""
    try:
        return path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.iterdir())
    except OSError:
        return 0


def package_reports(runtime: Runtime, environment: Environment, progress: Progress) -> list[PackageReport]:
    """The packages of an environment, sorted by name, with those of the runtime's that are asked for or needed."""
    store, markers = runtime.store, runtime.target(progress).markers
    library, contained = environment.runtime.standard_library, runtime.contained(progress)
    metadata = {package.name: _metadata(store.tree(package.digest) / SITE_PACKAGES) for package in environment.packages}
    metadata.update({name: _metadata(store.tree(library), name, held.version) for name, held in contained.items()})
    needed_by: dict[str, set[str]] = {}
    layered = {package.name for package in environment.packages}
    for name, message in metadata.items():
        lines = message.get("requires", ())
        needs = _requirements(lines, markers, ["", *message.get("extras", ())]) & layered
        # what the runtime holds is there whether an extra was chosen or not
        for needed in needs | (_requirements(lines, markers, [""]) & contained.keys()):
            needed_by.setdefault(needed, set()).add(name)
    requested = environment.requested_names
    reports = []
    chosen, waiting = set[str](), [*requested, *(package.name for package in environment.packages)]
    while waiting:
        if (name := waiting.pop()) not in chosen and name in metadata:
            chosen.add(name)
            waiting += [needed for needed, users in needed_by.items() if name in users]
    needed_by = {name: users & chosen for name, users in needed_by.items() if name in chosen}

    def report(name: str, version: str, kind: str, size: int, layer: str, linked: Sequence[str] = ()) -> PackageReport:
        users, needs = needed_by.get(name, ()), [needed for needed, users in needed_by.items() if name in users]
        said = metadata[name]
        return PackageReport(
            name, version, kind, size, name in requested, tuple(sorted(users)), tuple(sorted(needs)),
            said.get("summary", ""), said.get("licence", ""), layer, tuple(linked),
        )  # fmt: skip

    for package in environment.packages:
        linked = extension_modules(store, package) if package.native else ()
        size = store.manifest(package.digest).size
        reports.append(report(package.name, package.version, kind_of(package), size, package.digest, linked))
    reports += [report(name, held.version, IN_RUNTIME, 0, library) for name, held in contained.items() if name in chosen]
    return sorted(reports, key=lambda each: each.name)


def kind_of(package: PackageLayer) -> str:
    """What `PackageReport` calls the kind of a package."""
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


def _requirements(lines: Iterable[str], markers: Mapping[str, str], extras: Sequence[str]) -> set[str]:
    """Names of what is needed with any of the extras; which of them were chosen shows in what is there."""
    names: set[str] = set()
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or any(requirement.marker.evaluate({**markers, "extra": extra}) for extra in extras):
            names.add(canonicalize_name(requirement.name))
    return names
