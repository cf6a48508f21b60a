"""The store that the commands use."""

from cache.store import Store
from wenv.locations import cache_folder


def open_store() -> Store:
    """The user's store."""
    return Store(cache_folder())
