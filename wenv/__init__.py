"""Disposable Python environments that run in a WebAssembly sandbox."""

from wenv.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # a run imports this module, and should import little else
    import os

    from wenv.api import OpenEnvironment

__all__ = ["__version__", "open"]


def open(  # noqa: A001
    path: "str | os.PathLike[str] | None" = None, *, name: "str | None" = None
) -> "OpenEnvironment":
    """Open an environment for use from this program: by its folder or a project's, by name, or the nearest upwards.

    What is missing in the store is made first, which can take seconds.  See `wenv.api` for what can be done with it.
    Raises wenv_cache.errors.UserError: NoEnvironmentError, DamagedEnvironmentError, StaleEnvironmentError.
    """
    from wenv.api import open_environment

    return open_environment(path, name=name)
