"""Resolutions are remembered for ten minutes, as pip remembers an index's pages: the same question gets the same answer.

Remembered is only what depends on nothing else: every requirement and file comes from an index or a folder of wheels that has
not changed, and every file has a known digest.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from wenv_cache.files import write_atomically
from wenv_cache.kinds import Kind
from wenv_cache.store import Store
from wenv_resolver.building.rules import BuildRules
from wenv_resolver.lock import LockedFile
from wenv_resolver.pip_settings import settings
from wenv_resolver.requirements import Requested
from wenv_resolver.target import Target

#: For how long, in seconds.
LIFETIME = 600.0
FOLDER = "resolutions"


def remembered(
    store: Store,
    requested: Requested,
    target: Target,
    preferred: Sequence[LockedFile],
    resolve: Callable[[], list[LockedFile]],
    rules: BuildRules,
    *,
    refresh: bool = False,
) -> list[LockedFile]:
    """What `resolve` decides, or decided for the same inputs not long ago; with `refresh` it decides anew.

    `rules` say what may be built.
    """
    if not _comes_from_an_index(requested):
        return resolve()
    configured = settings(store).values
    links = [*requested.options.find_links]
    links += [word for name, text in configured.items() if name.endswith(".find-links") for word in text.split()]
    folders = [_content(link) for link in links]
    inputs = [asdict(requested), asdict(target), [asdict(file) for file in preferred], configured, folders, asdict(rules)]
    versions = [version(name) for name in ("wenv", "pip", "pip-tools")]
    key = hashlib.sha256(json.dumps([inputs, versions], sort_keys=True, default=sorted).encode()).hexdigest()
    path = store.folder(Kind.DOWNLOADS) / FOLDER / f"{key}.json"
    found = None if refresh else _read(path)
    if found is None:
        found = resolve()
        if all(file.sha256 and "@" not in urlsplit(file.url).netloc for file in found):
            write_atomically(path, json.dumps({"time": time.time(), "files": [asdict(file) for file in found]}))
    return found


def _comes_from_an_index(requested: Requested) -> bool:
    lines = (*requested.requirements, *requested.constraints)
    return all(line.name is not None and "@" not in line.text for line in lines)


def _content(link: str) -> list[tuple[str, int, int]]:
    """What changes when the files in a folder of wheels do; empty for what is not a folder here."""
    folder = Path(url2pathname(link.removeprefix("file://"))) if link.startswith("file://") else Path(link)
    try:
        entries = [(path.name, path.stat()) for path in folder.iterdir()]
    except (OSError, ValueError):
        return []
    return sorted((name, status.st_size, status.st_mtime_ns) for name, status in entries)


def _read(path: Path) -> list[LockedFile] | None:
    try:
        data = json.loads(path.read_bytes())
        if not 0 <= time.time() - data["time"] < LIFETIME:
            return None
        return [LockedFile(**{**file, "allowed": tuple(file["allowed"])}) for file in data["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
