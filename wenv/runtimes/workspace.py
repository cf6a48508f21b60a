"""What commands, the terminal UI and programs work on: the user's store, and the runtimes in it."""

from collections.abc import Callable

from wenv.environment.kinds import Kind
from wenv.environment.manifest import Environment
from wenv.environment.trust import secure_folders
from wenv.locations import cache_folder
from wenv.runtimes import Runtime, runtime_of
from wenv_cache.store import Store


class Workspace:
    """A store and its runtimes, each made once: a runtime reads all files of the guest for its key."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._runtimes: dict[Kind, Runtime] = {}

    @classmethod
    def of_user(cls, say: Callable[[str], None]) -> "Workspace":
        """The user's own, in the folders of `wenv.locations`, which are the user's alone then.

        `say` is told what was changed for that.  Raises WenvError for folders of somebody else's that are not trusted.
        """
        secure_folders(say)
        return cls(Store(cache_folder()))

    def runtime(self, kind: Kind = Kind.DEFAULT) -> Runtime:
        """The runtime of a kind."""
        return self._runtimes.setdefault(kind, runtime_of(self.store, kind))

    def runtime_for(self, environment: Environment) -> Runtime:
        """The runtime of an environment."""
        return self.runtime(Kind(environment.runtime.kind))
