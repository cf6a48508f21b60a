"""Deleting environments."""

from contextlib import suppress
from pathlib import Path

from wenv.make.write import WRITTEN, alone
from wenv.run.bin import BIN, remove_scripts
from wenv_cache.ownfolder import LinkedFolderError, OwnFolder, own_folder
from wenv_cache.store import Store


def remove(store: Store, folder: Path) -> None:
    """Delete the environment in a folder, damaged or not: its manifest first.  Files that wenv did not put there stay."""
    with store.writing(), alone(store, folder):
        try:
            with own_folder(folder) as own:
                _take_out(own)
        except FileNotFoundError:
            return
        with suppress(OSError):  # other files are in it
            folder.rmdir()


def _take_out(folder: OwnFolder) -> None:
    """Delete what wenv wrote into an environment's folder, the manifest first."""
    for name in (*WRITTEN, *folder.leftovers(WRITTEN)):
        folder.remove(name)
    try:
        remove_scripts(folder)
    except LinkedFolderError:
        folder.remove(BIN)  # the link, not what it leads to
