"""What pip is configured to do: its files and the variables ``PIP_…``.

pip is asked again when one of its files or variables has changed: to import it takes longer than to find out.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pip import __version__

from wenv_cache.files import write_atomically
from wenv_cache.kinds import Kind
from wenv_cache.store import Store

FILE = "pip-settings.json"
#: Settings that would change what is installed, and are options here, as they hold for one command.
UNHEEDED = ("no-deps",)
#: Where pip looks for its files depends on these, beside its own variables.
_PLACES = ("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "USERPROFILE", "APPDATA", "ProgramData", "LOCALAPPDATA")


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, by its name with the section it is in (``global.index-url``, ``:env:.find-links``)."""

    values: dict[str, str]

    @property
    def constraint_files(self) -> list[str]:
        """The constraint files that pip is configured with."""
        return [word for text in self._of_install("constraint") for word in text.split()]

    @property
    def requires_hashes(self) -> bool:
        """Whether pip is configured to take nothing without a hash."""
        return self._is_on("require-hashes")

    @property
    def unheeded(self) -> str | None:
        """A setting that would change what is installed and is an option only: its name, None for none."""
        return next((name for name in UNHEEDED if self._is_on(name)), None)

    def _is_on(self, name: str) -> bool:
        return any(text.lower() in ("1", "true", "yes", "on", "y", "t") for text in self._of_install(name))

    def _of_install(self, name: str) -> list[str]:
        """The values of a setting, as they hold for `pip install`."""
        keys = (f"{section}.{name}" for section in ("global", "install", ":env:"))
        return [self.values[key] for key in keys if key in self.values]


def settings(store: Store) -> Settings:
    """What pip is configured to do now; nothing where its files cannot be read, which pip says when it resolves."""
    names = (name for name in sorted(os.environ) if name.startswith("PIP_") or name in _PLACES)
    asked = [__version__, sys.prefix, [[name, os.environ[name]] for name in names]]
    path = store.folder(Kind.DOWNLOADS) / FILE
    try:
        kept = json.loads(path.read_bytes())
        if kept["asked"] == asked and kept["files"] == _states([file for file, *_ in kept["files"]]):
            return Settings({str(name): str(value) for name, value in kept["values"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    from wenv_resolver.pip_internals.configuration import configured  # late: imports pip

    values, files = configured()
    if not any("@" in text for text in (*values.values(), *(os.environ[name] for name, _ in asked[2]))):  # a password, maybe
        write_atomically(path, json.dumps({"asked": asked, "files": _states(files), "values": values}))
    return Settings(values)


def _states(files: Sequence[str]) -> list[list[str | int]]:
    """Each file with what changes when it is written."""
    found: list[list[str | int]] = []
    for file in files:
        try:
            status = Path(file).stat()
            found.append([file, status.st_size, status.st_mtime_ns])
        except OSError:
            found.append([file])
    return found
