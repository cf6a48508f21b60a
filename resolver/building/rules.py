"""Which packages may be built from source: their build code runs on the host, outside the sandbox."""

from dataclasses import dataclass

from packaging.utils import canonicalize_name


@dataclass(frozen=True, slots=True)
class BuildRules:
    """Whether packages may be built; `only` are canonical names that may, None for any."""

    allowed: bool = True
    only: frozenset[str] | None = None

    def permits(self, name: str) -> bool:
        """Whether the package `name` may be built."""
        return self.allowed and (self.only is None or canonicalize_name(name) in self.only)


#: Every package may be built.
ANY_BUILD = BuildRules()
