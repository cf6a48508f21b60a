"""What particular packages need to be built: recipes.toml beside this file is the table, and its comments say why."""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from wenv_resolver.building.libraries import library

HERE = Path(__file__).parent
TABLE = HERE / "recipes.toml"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one version of a package is built.

    `settings` are configuration settings for its build backend, `environment` variables, `flags` the compiler's, `patches`
    files in ``patches/``, `tried` the sha256 of source distributions that these are known to fit; `identity` names
    it with a digest of all of that, and is empty for no recipe.
    """

    identity: str = ""
    settings: Mapping[str, list[str]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    flags: str = ""
    patches: tuple[Path, ...] = ()
    tried: frozenset[str] = frozenset()

    #: Names of libraries (libraries.toml) that it is linked with, and what it is without them if that is possible.
    libraries: tuple[str, ...] = ()
    without: str = ""

    def settings_with(self, usual: Mapping[str, list[str]], given: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
        """Configuration settings for the build backend: the usual ones, those of the recipe, those that a user gives."""
        settings = {**usual}
        for name, values in (*self.settings.items(), *((name, [value]) for name, value in given)):
            settings[name] = [*settings.get(name, []), *values]
        return settings


#: What most packages need.
NO_RECIPE = Recipe()


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text("utf-8"))


def recipes_of(name: str, version: str) -> tuple[Recipe, ...]:
    """How a version of a package may be built, the best first: by its recipe, and without libraries if they may be missing."""
    found = recipe_of(name, version)
    return (found, NO_RECIPE) if found.without else (found,)


def recipe_of(name: str, version: str) -> Recipe:
    """The recipe for a version of a package; most need none."""
    entry = _table().get("packages", {}).get(canonicalize_name(name))
    if entry is None or not SpecifierSet(entry["versions"]).contains(version, prereleases=True):
        return NO_RECIPE
    chosen = [p for p in entry.get("patches", ()) if SpecifierSet(p["versions"]).contains(version, prereleases=True)]
    patches = tuple(HERE / "patches" / patch["file"] for patch in chosen)
    tried = frozenset(sha256 for patch in chosen for sha256 in patch["sdists"])
    settings = entry.get("settings", {})
    libraries = tuple(entry.get("libraries", ()))
    parts: dict[str, object] = {key: entry.get(key) for key in ("settings", "environment", "flags")}
    if libraries:
        parts["libraries"] = [library(each).identity for each in libraries]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for path in patches:
        digest.update(path.read_bytes())
    identity = f"{canonicalize_name(name)}-{digest.hexdigest()[:12]}"
    environment, flags, without = entry.get("environment", {}), entry.get("flags", ""), entry.get("without", "")
    return Recipe(identity, settings, environment, flags, patches, tried, libraries, without)


def impossible(name: str) -> str | None:
    """Why a package cannot be built, as a clause after "which"; None if it may be."""
    reason: str | None = _table().get("impossible", {}).get(canonicalize_name(name))
    return reason


def headers_of(name: str) -> tuple[str, ...]:
    """Folders in site-packages with headers of a package that others are compiled against."""
    return tuple(_table().get("headers", {}).get(canonicalize_name(name), ()))


def header_providers() -> frozenset[str]:
    """Canonical names of the packages that others are compiled against."""
    return frozenset(_table().get("headers", {}))
