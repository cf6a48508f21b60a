"""The store that the commands use."""

from wenv.locations import cache_folder
from wenv_cache.store import Store


def open_store() -> Store:
    """The user's store, which is the user's alone: see `wenv.environment.trust.secure_folders`."""
    from wenv.cli.printer import Printer
    from wenv.environment.trust import secure_folders

    secure_folders(Printer().say)
    return Store(cache_folder())
