"""Which packages may be built from source: their build code runs on the host, outside the sandbox."""

from dataclasses import dataclass

from packaging.utils import canonicalize_name


@dataclass(frozen=True, slots=True)
class BuildRules:
    """Whether packages may be built; `only` are canonical names that may, None for any.

    `settings` are configuration settings (PEP 517; name and value) that the build backends of the packages `settings_for` get
    after those of their recipes.
    """

    allowed: bool = True
    only: frozenset[str] | None = None
    settings: tuple[tuple[str, str], ...] = ()
    settings_for: frozenset[str] = frozenset()

    def permits(self, name: str) -> bool:
        """Whether the package `name` may be built."""
        return self.allowed and (self.only is None or canonicalize_name(name) in self.only)

    def settings_of(self, name: str) -> tuple[tuple[str, str], ...]:
        """The settings that were given for the package `name`."""
        return self.settings if canonicalize_name(name) in self.settings_for else ()


#: Every package may be built.
ANY_BUILD = BuildRules()
