"""From what was asked for to wheels: the step before a lock."""

from collections.abc import Sequence

from cache.kinds import Kind
from cache.store import Store
from resolver.errors import RequirementsError, Unusable, UnusablePackagesError
from resolver.lock import LockedWheel
from resolver.progress import Progress
from resolver.requested import Requested
from resolver.target import Target

RESOLVING = "Resolving"


def resolve(
    store: Store, requested: Requested, target: Target, progress: Progress, preferred: Sequence[LockedWheel] = ()
) -> list[LockedWheel]:
    """Choose a wheel for everything that is needed, sorted by name; `preferred` are kept where the requirements allow it.

    Raises UnusablePackagesError, which lists every package that has no usable wheel; ConflictError; RequirementsError.
    """
    if not requested.requirements:
        return []
    from resolver.pip_internals import resolution  # late: takes 0.3 s, and nothing else needs it

    progress.begin(RESOLVING)
    try:
        chosen = resolution.resolve(
            requested,
            target,
            downloads=store.folder(Kind.DOWNLOADS),
            preferred=[(wheel.name, wheel.version) for wheel in preferred],
        )
    finally:
        progress.end(RESOLVING)
    # where packages are built from source: what has a source distribution would go to the builder from here
    unusable = [Unusable(c.name, c.version, c.requirers, c.problem, c.remedy) for c in chosen if c.problem]
    if unusable:
        raise UnusablePackagesError(unusable, target.platform)
    wheels = [
        LockedWheel(c.name, c.version, c.filename, c.url, c.hashes.get("sha256", ""), None, c.requires_python, c.allowed)
        for c in chosen
    ]
    _check_hashes_complete(requested, wheels)
    return wheels


def _check_hashes_complete(requested: Requested, wheels: Sequence[LockedWheel]) -> None:
    """Like pip: once one requirement has hashes, everything that is installed must have them."""
    if any(line.hashes for line in requested.requirements):
        without = [wheel.name for wheel in wheels if not wheel.allowed]
        if without:
            raise RequirementsError(
                f"some requirements have hashes, and these have none: {', '.join(without)}",
                "give hashes for all of them, or for none",
            )
