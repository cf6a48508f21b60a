"""What can go wrong between a requirement and its layer."""

from collections.abc import Sequence
from dataclasses import dataclass

from wenv_cache.errors import UserError


class ResolverError(UserError):
    """Requirements that cannot be met."""


class RequirementsError(ResolverError):
    """An input file or requirement that cannot be read."""


class ConflictError(ResolverError):
    """No set of versions satisfies all requirements."""


class LockError(ResolverError):
    """A pylock.toml that cannot be used."""


class FetchError(ResolverError):
    """A wheel could not be downloaded."""


class HashMismatchError(ResolverError):
    """A wheel is not the one that was asked for."""

    hint = "the file on the index has changed, or somebody tampered with it; nothing was installed"

    def __init__(self, filename: str, expected: str, found: str) -> None:
        super().__init__(f"{filename}: expected sha256 {expected}, found {found}")


class HostileWheelError(ResolverError):
    """A wheel that is malformed, or made to do harm; it is refused whole."""

    def __init__(self, filename: str, reason: str) -> None:
        super().__init__(f"refused {filename}: {reason}")


class HostileSourceError(ResolverError):
    """A source distribution that is malformed, or made to do harm."""

    def __init__(self, filename: str, reason: str) -> None:
        super().__init__(f"refused {filename}: {reason}")


class BuildError(ResolverError):
    """A package that cannot be built from its source."""


class FailedBuildError(BuildError):
    """A build that was started and failed; the environment is as it was.

    `step` says which part failed, `words` are the last lines that it printed.
    """

    def __init__(self, name: str, version: str, step: str, words: str, log: str) -> None:
        self.name, self.version = name, version
        last = "\n".join(f"    {line}" for line in words.strip().splitlines()[-12:])
        super().__init__(
            f"{f'{name} {version}'.rstrip()} cannot be built from its source: {step}:\n{last}", f"the whole log is {log}"
        )


@dataclass(frozen=True, slots=True)
class Unusable:
    """A package that is needed and has no wheel for the target.

    `requirers` are the packages that need it, empty when the user asked for it; `reason` and `remedy` are whole sentences.
    """

    name: str
    version: str
    requirers: tuple[str, ...]
    reason: str
    remedy: str | None = None

    def __str__(self) -> str:
        asked = f"needed by {', '.join(self.requirers)}" if self.requirers else "asked for"
        return f"{self.name} {self.version} ({asked}): {self.reason}" + (f"; {self.remedy}" if self.remedy else "")


class UnusablePackagesError(ResolverError):
    """Every package of a resolution that has no usable wheel."""

    def __init__(self, packages: Sequence[Unusable], platform: str | None) -> None:
        """`platform` is the tag of wheels with extension modules that could be used, None if none could."""
        self.packages = tuple(packages)
        count = f"{len(packages)} packages have" if len(packages) > 1 else "1 package has"
        lines = "\n".join(f"  - {package}" for package in self.packages)
        super().__init__(
            f"{count} no wheel that runs here (needed: pure Python{f', or {platform}' if platform else ''}):\n{lines}",
            "nothing was changed; leave out what needs them, or look for a pure-Python alternative",
        )
