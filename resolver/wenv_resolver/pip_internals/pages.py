"""Pages of an index, made smaller: reading thousands of files takes seconds, and the newest are tried first.

Of wheels that cannot be used, one of a version and platform says what all of them say.  Should the resolver come to the last
of what it is shown while others are left out that it could try next, it begins anew with the project's whole page: it decides
what it would have decided with all of them.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from pip._internal.index.collector import IndexContent

from wenv_resolver.target import Target

#: Versions of a project that are shown at first.
KEPT = 20
#: How the platforms of wheels begin that no target is.
FOREIGN = ("manylinux", "musllinux", "linux", "macosx", "win", "android", "ios", "emscripten", "pyodide", "pyemscripten")
JSON = "application/vnd.pypi.simple.v1+json"


class IncompleteError(Exception):
    """The resolver came to the end of what was shown of a project, of which there is more."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class Page:
    """A project's page of an index; `files` are what it lists, None where it is not of the kind that says what is needed."""

    content: IndexContent
    files: Sequence[Mapping[str, Any]] | None

    @classmethod
    def of(cls, content: IndexContent) -> "Page":
        """A page that has been fetched."""
        if not content.content_type.lower().startswith(JSON):
            return cls(content, None)
        try:
            files = json.loads(content.content)["files"]
        except (ValueError, TypeError, KeyError):  # pip has words for a page that is none
            return cls(content, None)
        fine = isinstance(files, list) and all(isinstance(f, dict) and isinstance(f.get("filename"), str) for f in files)
        return cls(content, files if fine else None)

    @cached_property
    def versions(self) -> dict[str, Version]:
        """The versions of its files, as they are written in their names."""
        texts = {version_of(file) for file in self.files or ()}
        return {text: version for text in texts if (version := parsed(text)) is not None}


class Slim:
    """Makes pages smaller: of a project with wheels that run anywhere the newest `KEPT` versions of these, and nothing else.

    They are the newest within `limits`, which hold for a project in any case, and those that are in `pins` besides.  Pages of
    the projects in `whole` (canonical names, or ``:all:``) stay as they are.  `left_out` are the other versions.
    """

    def __init__(
        self, target: Target, whole: Collection[str], limits: Mapping[str, SpecifierSet], pins: Mapping[str, str]
    ) -> None:
        self._python, self._whole = target.markers["python_full_version"], whole
        self._limits, self._pins = limits, pins
        self._fits: dict[str, bool] = {}
        self.left_out: dict[str, set[Version]] = {}

    def __call__(self, page: Page, name: str) -> IndexContent:
        if page.files is None or ":all:" in self._whole or name in self._whole:
            return page.content
        kept = self.kept(page, page.files, name)
        return page.content if kept is page.files else replace(page.content, content=json.dumps({"files": kept}).encode())

    def kept(self, page: Page, files: Sequence[Mapping[str, Any]], name: str) -> Sequence[Mapping[str, Any]]:
        """The files of a project that are tried first, of all that a page has."""
        if any(file["filename"].endswith(".whl") and not is_unusable(file["filename"]) and not is_pure(file) for file in files):
            return told_apart(files)  # wheels for this very platform
        versions = page.versions
        anywhere = {text for file in files if self.runs_anywhere(file) and (text := version_of(file)) in versions}
        limit, pin = self._limits.get(name, SpecifierSet()), parsed(self._pins.get(name, ""))
        within = [text for text in anywhere if limit.contains(versions[text], prereleases=True)]
        if len(anywhere) < KEPT or not within:
            return told_apart(files)
        newest = set(sorted(within, key=versions.__getitem__)[-KEPT:]) | {text for text in within if versions[text] == pin}
        hidden = {version for text, version in versions.items() if text not in newest}
        self.left_out.setdefault(name, set()).update(hidden)  # there may be several indexes
        return [file for file in files if version_of(file) in newest and not is_unusable(file["filename"])]

    def hidden(self, name: str, specifier: SpecifierSet) -> Version | None:
        """The newest version that is left out and would satisfy a specifier."""
        return max((each for each in self.left_out.get(name, ()) if specifier.contains(each, prereleases=True)), default=None)

    def runs_anywhere(self, file: Mapping[str, Any]) -> bool:
        """Whether a file is a pure wheel for the target's Python that has not been withdrawn."""
        python = file.get("requires-python") or ""
        if not is_pure(file) or file.get("yanked"):
            return False
        if python not in self._fits:
            try:
                self._fits[python] = SpecifierSet(python).contains(self._python, prereleases=True)
            except InvalidSpecifier:
                self._fits[python] = False
        return self._fits[python]


def is_pure(file: Mapping[str, Any]) -> bool:
    """Whether a file's name says that it is a wheel of pure Python 3."""
    name: str = file["filename"]
    return name.endswith("-none-any.whl") and "py3" in name.removesuffix("-none-any.whl").rpartition("-")[2].split(".")


def version_of(file: Mapping[str, Any]) -> str:
    """The version in a file's name as it is written there; empty for a name that is none."""
    name: str = file["filename"]
    if name.endswith(".whl"):
        return name.split("-")[1] if name.count("-") >= 4 else ""
    return name.removesuffix(".tar.gz").removesuffix(".zip").rpartition("-")[2] if name.endswith((".tar.gz", ".zip")) else ""


def parsed(text: str) -> Version | None:
    """A version; None for what is none."""
    try:
        return Version(text)
    except InvalidVersion:
        return None


def told_apart(files: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Files without the wheels for other platforms of which another of the same version and platform tells as much."""
    kept: dict[tuple[object, ...], Mapping[str, Any]] = {}
    for file in files:
        name: str = file["filename"]
        if name.endswith(".whl") and is_unusable(name):
            tells = bool(file.get("core-metadata") or file.get("dist-info-metadata"))
            kept.setdefault((version_of(file), foreign_platforms(name), bool(file.get("yanked")), tells), file)
        else:
            kept[(name,)] = file
    return list(kept.values())


def foreign_platforms(name: str) -> frozenset[str]:
    """For which of the `FOREIGN` platforms a wheel is, and other tags as they are."""
    tags = name.removesuffix(".whl").rpartition("-")[2].split(".")
    return frozenset(next((start for start in FOREIGN if tag.startswith(start)), tag) for tag in tags)


def is_unusable(name: str) -> bool:
    """Whether a file is a source, or a wheel for platforms that no target is, or for Python 2 alone."""
    if not name.endswith(".whl") or name.count("-") < 4:
        return True
    python, _, platforms = name.removesuffix(".whl").rsplit("-", 3)[1:]
    return platforms.startswith(FOREIGN) or all(each.startswith(("py2", "cp2")) for each in python.split("."))
