"""What particular packages need on this platform: needs.toml beside this file is the table."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wenv.runtimes import Runtime

if TYPE_CHECKING:
    from wenv.environment.manifest import Environment

TABLE = Path(__file__).with_name("needs.toml")


@dataclass(frozen=True, slots=True)
class Needs:
    """Standard modules for which a stub is needed, and default values of environment variables."""

    stubs: tuple[str, ...]
    environment: dict[str, str]


def needs_for(runtime: Runtime, environment: "Environment", *, writable: bool) -> Needs:
    """What an environment needs: of the packages that its runtime holds the variables, as they need no stub."""
    added = needs_of((package.name for package in environment.packages), writable=writable)
    held = needs_of(runtime.contents.packages, writable=writable)
    return Needs(added.stubs, {**held.environment, **added.environment})


def needs_of(names: Iterable[str], *, writable: bool) -> Needs:
    """What packages of these canonical names need together; `writable` says whether the working folder is."""
    held = set(names)
    stubs: set[str] = set()
    variables: dict[str, str] = {}
    for name, entry in tomllib.loads(TABLE.read_text("utf-8")).items():
        if name in held:
            stubs.update(entry.get("stubs", ()))
            variables.update(entry.get("environment", {}))
            variables.update({} if writable else entry.get("read_only_environment", {}))
    return Needs(tuple(sorted(stubs)), variables)
