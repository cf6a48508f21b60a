"""C and C++ libraries that packages are linked with: libraries.toml beside this file is the table, and its comments say how.

Each is built once for a toolchain, into a folder of the store that holds ``include``, ``lib`` and ``licences``; what is built
after it finds it by ``WENV_LIBRARIES`` (driver.py), pkg-config and CMake.  Its build runs on the host, like a package's.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wenv_cache.files import digest_of_file
from wenv_cache.kinds import Kind
from wenv_cache.store import Store, Writing
from wenv_resolver.bounds import bounded
from wenv_resolver.building.sources import patched, unpack
from wenv_resolver.building.wheel_files import rewrite
from wenv_resolver.errors import BuildError, FetchError
from wenv_resolver.progress import Progress

if TYPE_CHECKING:
    from wenv_resolver.building.toolchain import Toolchain
    from wenv_resolver.requirements import IndexOptions

HERE = Path(__file__).parent
TABLE = HERE / "libraries.toml"
BUILT = "libraries"
#: A folder with source archives, under any names: they are looked for there first.
SOURCES_VARIABLE = "WENV_LIBRARY_SOURCES"
#: Bytes of a source archive at most.
LARGEST = 256 << 20
ANNOUNCEMENT = "Building {label} from its source: its build code runs on this machine, outside the sandbox"


@dataclass(frozen=True, slots=True)
class Library:
    """An entry of libraries.toml."""

    name: str
    version: str
    urls: tuple[str, ...]
    sha256: tuple[str, ...]
    build: str
    licence: str
    licences: tuple[str, ...]
    options: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    patches: tuple[str, ...] = ()
    flags: str = ""
    stand_ins: Mapping[str, str] = field(default_factory=dict, hash=False)
    #: Digest of all that is said here, of its patches, and of what it needs.
    identity: str = field(default="", compare=False)

    @property
    def label(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}"


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text("utf-8"))


@cache
def library(name: str) -> Library:
    """The library with a name; raises KeyError."""
    entry: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in _table()[name].items()}
    found = Library(name, **entry)
    digest = hashlib.sha256(json.dumps(_table()[name], sort_keys=True).encode())
    for patch in found.patches:
        digest.update((HERE / "patches" / patch).read_bytes())
    for need in found.needs:
        digest.update(library(need).identity.encode())
    return Library(name, **entry, identity=digest.hexdigest())


def in_order(names: Iterable[str]) -> list[Library]:
    """The libraries with these names and all that they need, each after what it needs."""
    found: dict[str, Library] = {}
    for name in names:
        for need in in_order(library(name).needs):
            found.setdefault(need.name, need)
        found.setdefault(name, library(name))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Libraries:
    """Builds libraries for one toolchain."""

    toolchain: "Toolchain"
    options: "IndexOptions"
    jobs: int

    def build(self, writing: Writing, names: Iterable[str], progress: Progress) -> dict[str, Path]:
        """Build what is not there of libraries and what they need; returns the folders.  Raises BuildError."""
        found: dict[str, Path] = {}
        for each in in_order(names):
            needed = [found[need.name] for need in in_order(each.needs)]
            found[each.name] = self._built(writing.store, each, needed, progress)
        return found

    def _built(self, store: Store, found: Library, needed: list[Path], progress: Progress) -> Path:
        key = hashlib.sha256(f"{found.identity}\n{self.toolchain.key}".encode()).hexdigest()
        final = store.derived_folder(BUILT, key)
        if final.is_dir():
            return final
        archive = obtained(store, found, self.options)
        progress.say(ANNOUNCEMENT.format(label=found.label))

        def build(folder: Path) -> None:
            task = f"Building {found.label}"
            progress.begin(task)
            try:
                with store.staging() as staging:
                    self._make(found, archive, staging, final, needed, store)
                    installed = staging / "installed" / final.relative_to(final.anchor)
                    for part in ("include", "lib", "licences", "bin"):
                        if (installed / part).is_dir():
                            shutil.move(installed / part, folder / part)
            finally:
                progress.end(task)

        return store.derive(BUILT, key, build)

    def _make(self, found: Library, archive: Path, staging: Path, final: Path, needed: list[Path], store: Store) -> None:
        source = unpack(archive, staging / "source")
        patched(source, [HERE / "patches" / name for name in found.patches])
        for name, text in found.stand_ins.items():
            if not (source / name).exists():
                (source / name).parent.mkdir(exist_ok=True)
                (source / name).write_text(text)
        made, installed = staging / "made", staging / "installed"
        made.mkdir()
        environment = {
            **os.environ,
            **self.toolchain.environment(self.jobs, staging),
            **for_libraries(needed),
            "PATH": os.pathsep.join([*programs_of(needed), os.environ.get("PATH", os.defpath)]),
            "WENV_EXTRA_FLAGS": found.flags,
            "WENV_NO_TABLES": "1",
            "ZIG_LOCAL_CACHE_DIR": str(staging / "compiler"),
            "CFLAGS": "-O2 -DNDEBUG",
            "CXXFLAGS": "-O2 -DNDEBUG",
            "DESTDIR": str(installed),
        }
        commands = {"cmake": self._cmake, "configure": self._configure}[found.build](found, source, made, final)
        log = store.folder(Kind.LOGS) / found.name / f"{found.version}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as output:
            for command in commands:
                output.write(f"$ {' '.join(command)}\n")
                output.flush()
                done = subprocess.run(
                    command, cwd=made, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
                )
                if done.returncode:
                    from wenv_resolver.building.logs import last_words

                    raise BuildError(f"{found.label} could not be built:\n{last_words(log)}", f"all that it printed: {log}")
        place = installed / final.relative_to(final.anchor)
        if not list(place.glob("lib/*.a")):
            raise BuildError(f"{found.label} could not be built: it installed no library", f"all that it printed: {log}")
        for path in (*place.glob("lib/*.la"), *(path for path in place.glob("bin/*") if not path.name.endswith("-config"))):
            path.unlink()
        for name in found.licences:
            target = place / "licences" / found.name / Path(name).name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target)

    def _cmake(self, found: Library, source: Path, made: Path, final: Path) -> list[list[str]]:
        cmake, ninja = map(tool, TOOLS["cmake"])
        settings = {
            "CMAKE_MAKE_PROGRAM": ninja,
            "CMAKE_TOOLCHAIN_FILE": str(self.toolchain.folder / "toolchain.cmake"),
            "CMAKE_INSTALL_PREFIX": str(final),
            "CMAKE_INSTALL_LIBDIR": "lib",
            "CMAKE_BUILD_TYPE": "Release",
            "BUILD_SHARED_LIBS": "OFF",
            "BUILD_TESTING": "OFF",
            "CMAKE_POSITION_INDEPENDENT_CODE": "ON",
        }
        words = [f"-D{name}={value}" for name, value in settings.items()]
        return [
            [cmake, "-G", "Ninja", "-S", str(source), "-B", str(made), *words, *found.options],
            [cmake, "--build", str(made), "--parallel", str(self.jobs)],
            [cmake, "--install", str(made)],
        ]

    def _configure(self, found: Library, source: Path, made: Path, final: Path) -> list[list[str]]:
        make = tool("make")
        # config.sub of some knows no WASI; what is asked for is a system of which nothing is known
        fixed = [f"--prefix={final}", "--host=none-pc-none", "--disable-shared", "--enable-static", "--with-pic"]
        return [
            ["sh", str(source / "configure"), *fixed, *found.options],
            [make, f"-j{self.jobs}"],
            [make, "install"],
        ]


#: What each kind of build runs.
TOOLS = {"cmake": ("cmake", "ninja"), "configure": ("make",)}


def problem(names: Iterable[str]) -> str | None:
    """Why libraries cannot be built here, as far as that can be seen without trying; None if nothing is in the way."""
    try:
        for each in in_order(names):
            for name in TOOLS[each.build]:
                tool(name)
    except BuildError as error:
        return f"{error} ({error.hint})"
    return None


def tool(name: str) -> str:
    """A program that libraries are built with: one that is installed beside wenv, or the host's.  Raises BuildError."""
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        hint = "your system's package manager has it" + ("" if name == "make" else f", and so has `pip install {name}`")
        raise BuildError(f"building libraries in C needs {name}, which is not here", hint)
    return found


def for_libraries(folders: Iterable[Path]) -> dict[str, str]:
    """Variables by which a build finds libraries; what the host has is never found."""
    places = list(folders)
    if not places:
        return {}
    return {
        "WENV_LIBRARIES": os.pathsep.join(map(str, places)),
        "PKG_CONFIG_LIBDIR": os.pathsep.join(str(place / "lib" / "pkgconfig") for place in places),
    }


def programs_of(folders: Iterable[Path]) -> list[str]:
    """Folders that come first on the PATH of a build that is linked with libraries: xslt-config and its kin are in them."""
    return [str(place / "bin") for place in folders if (place / "bin").is_dir()]


def obtained(store: Store, found: Library, options: "IndexOptions") -> Path:
    """The source archive: kept, lying in the folder of SOURCES_VARIABLE, or fetched.  Raises BuildError."""
    folder = store.folder(Kind.DOWNLOADS) / "libraries"
    for sha256 in found.sha256:
        for kept in (folder / sha256).glob("*"):
            return kept
    if given := os.environ.get(SOURCES_VARIABLE):
        for path in sorted(Path(given).expanduser().glob("*")):
            if path.is_file() and path.stat().st_size <= LARGEST and (sha256 := digest_of_file(path)) in found.sha256:
                kept = folder / sha256 / path.name
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, kept)
                return kept
    hint = f"put its archive into a folder, and name that by {SOURCES_VARIABLE}: {found.urls[0]}"
    if options.no_index:
        raise BuildError(f"the source of {found.label} is not here, and nothing is fetched with --no-index", hint)
    said: list[str] = []
    for url in found.urls:
        try:
            return _fetched(store, found, url, options, folder)
        except (FetchError, BuildError) as error:
            said.append(str(error))
    raise BuildError(f"the source of {found.label} cannot be had: {'; '.join(said)}", hint)


def _fetched(store: Store, found: Library, url: str, options: "IndexOptions", folder: Path) -> Path:
    from wenv_resolver.pip_internals.downloads import Downloader

    digest, name = hashlib.sha256(), url.rpartition("/")[2]
    with store.staging() as staging:
        with (staging / name).open("wb") as file:
            for chunk in bounded(Downloader(options).stream(url), name, LARGEST):
                file.write(chunk)
                digest.update(chunk)
        sha256 = digest.hexdigest()
        if sha256 not in found.sha256:
            raise BuildError(f"{url} is not what it was: its sha256 is {sha256}")
        kept = folder / sha256 / name
        kept.parent.mkdir(parents=True, exist_ok=True)
        (staging / name).replace(kept)
    return kept


def add_licences(wheel: Path, folders: Iterable[Path]) -> None:
    """Put the licences of libraries into a wheel that is linked with them."""
    places = (folder / "licences" for folder in folders)
    texts = {path.relative_to(place).as_posix(): path for place in places for path in place.glob("*/*")}
    if texts:
        with zipfile.ZipFile(wheel) as archive:
            place = next(name.removesuffix("RECORD") for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        rewrite(wheel, {f"{place}licenses/{name}": path.read_bytes() for name, path in texts.items()})
