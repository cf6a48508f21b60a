"""Where the files of packages came from: the distribution, its address, and how it was built."""

import json
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from wenv.environment.manifest import Environment, PackageLayer
from wenv_cache.errors import UserError
from wenv_cache.store import Store, read_derived
from wenv_resolver.requirements import without_credentials


@dataclass(frozen=True, slots=True)
class Origin:
    """What a package's files were made of.

    `file` is a wheel, or what it was built from, with its `sha256` and `url`: where the environment's lock has it from, empty
    where that says nothing.  Of what was built here `languages` are those of the source besides Python, `compiler` has the
    names and versions of what compiled them, `libraries` those of the C libraries that it is linked with, and `recipe` is
    whether one of wenv's own has changed how it is built.
    """

    file: str
    sha256: str
    url: str
    built: bool
    languages: tuple[str, ...] = ()
    compiler: str = ""
    libraries: tuple[str, ...] = ()
    recipe: bool = False

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)

    @property
    def words(self) -> str:
        """For people."""
        parts = [self.file, f"by {self.compiler}" if self.compiler else ""]
        parts += [
            f"with {', '.join(self.libraries)}" if self.libraries else "",
            "after a recipe of wenv's" if self.recipe else "",
        ]
        return " ".join(filter(None, parts))


def origins(store: Store, environment: Environment) -> dict[str, Origin]:
    """The origins of an environment's packages, by name."""
    addresses = dict(_addresses(store, environment))
    return {package.name: _origin(store, package, addresses.get(package.wheel, "")) for package in environment.packages}


def _origin(store: Store, package: PackageLayer, url: str) -> Origin:
    plain = Origin(package.filename, package.wheel, url, built=bool(package.built))
    if not package.built:
        return plain
    from wenv_resolver.building.builder import FACTS, WHEELS  # late: few packages are built

    try:
        facts = json.loads(read_derived(store.derived_folder(WHEELS, package.built), FACTS))
        return Origin(
            plain.file,
            plain.sha256,
            url,
            built=True,
            languages=tuple(map(str, facts["languages"])),
            compiler=str(facts.get("compiler") or ""),
            libraries=tuple(map(str, facts.get("libraries", ()))),
            recipe=bool(facts.get("recipe")),
        )
    except (UserError, OSError, ValueError, KeyError, TypeError):  # it is not in the store any more, or from another version
        return plain


def _addresses(store: Store, environment: Environment) -> Iterator[tuple[str, str]]:
    """What an environment's lock has: digests of files, and their addresses without a password."""
    with suppress(UserError, OSError, ValueError, AttributeError):
        for package in tomllib.loads(store.document(environment.lock)).get("packages", ()):
            for file in (*package.get("wheels", ()), *filter(None, (package.get("sdist"), package.get("archive")))):
                address = file.get("url") or file.get("path") or ""
                yield file.get("hashes", {}).get("sha256", ""), without_credentials(str(address))
