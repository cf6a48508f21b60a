"""Which runtime is better for some requirements, and which an environment has.

Left to itself it is the default runtime, unless the requirements name what only another one holds, or what the default one
would need minutes to build (`Contents.preferred`).
"""

from collections.abc import Iterable, Sequence

from packaging.utils import canonicalize_name

from wenv.environment.kinds import Kind
from wenv.runtimes import Runtime, runtime_of
from wenv_resolver.errors import UnusablePackagesError


def alternatives(runtime: Runtime) -> list[Runtime]:
    """All other runtimes there are."""
    return [runtime_of(runtime.store, kind) for kind in Kind if kind is not runtime.kind]


def with_advice(error: UnusablePackagesError, runtime: Runtime) -> UnusablePackagesError:
    """The error of resolving for a runtime, with the advice to take another one where that would help."""
    for other in alternatives(runtime):
        held = other.contents.packages
        names = other.contents.holding(package.name for package in error.packages)
        if there := [f"{name} {held[canonicalize_name(name)].version}" for name in names]:
            kind = other.kind.value
            error.hint = f"the {kind} runtime has {', '.join(there)}: `wenv create --runtime {kind}`"
    return error


def announcement(runtime: Runtime, names: Iterable[str]) -> str:
    """One line that says which runtime was chosen, and why."""
    others = [other.kind.value for other in alternatives(runtime)]
    named: Sequence[str] = list(dict.fromkeys(names))
    return f"Runtime: {runtime.kind.value}, which has {', '.join(named)} (--runtime {others[0]} takes the other one)"
