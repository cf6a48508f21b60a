"""Known environments: where they lie, what was granted to them, when they were last used."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wenv.launcher.guest_paths import MANIFEST_NAME
from wenv.locations import folder_key, named_environments, registry_folder, script_environments, tool_environments
from wenv_cache.files import write_atomically
from wenv_cache.reading import InvalidValueError, given_json

DIGEST = re.compile("[0-9a-f]{64}")
#: Beside what is known of an environment: its launch plan and start file.
PLANS = (".plan", ".start")
#: Characters of a script's environment's name that are shown, and that name it.
SHOWN = 8


def label_of(folder: Path) -> str:
    """What to call the environment in a folder, whatever its manifest says."""
    if folder.parent == script_environments():
        with suppress(OSError):
            return f"{script_note(folder).read_text('utf-8')} {folder.name[:SHOWN]}"
    if folder.parent == tool_environments():
        return f"{folder.name} (tool)"
    return folder.name if folder.parent == named_environments() else str(folder)


def script_note(folder: Path) -> Path:
    """Beside an environment that was made for a script or for one run: the file that says for what, for people."""
    return folder.with_name(f"{folder.name}.name")


def exists(folder: Path) -> bool:
    """Whether a folder holds an environment."""
    return (folder / MANIFEST_NAME).is_file()


def register(folder: Path, policy: dict[str, Any] | None = None, editables: str | None = None) -> None:
    """Remember that a folder holds an environment, so that prune keeps its layers, and what it was given: the policy, and the
    digest of its editable folders."""
    entry, known = _registry_entry(folder), registered(folder)
    if known is not None and policy is None and editables is None:
        return
    before = known or {"policy": None, "editables": None}
    given = digest_of(policy) if policy is not None else before["policy"]
    shared = editables if editables is not None else before["editables"]
    write_atomically(entry, json.dumps({"folder": str(folder), "policy": given, "editables": shared}))


def _registry_entry(folder: Path) -> Path:
    return registry_folder() / f"{folder_key(folder)}.json"


def registered(folder: Path) -> dict[str, Any] | None:
    return _read_entry(_registry_entry(folder))


def _read_entry(entry: Path) -> dict[str, Any] | None:
    try:
        given = given_json(entry.read_bytes())
        folder = given["folder"].text(host_path=True)
        known: dict[str, Any] = {"folder": folder}
        for name in ("policy", "editables"):
            digest = given.get(name)
            known[name] = None if digest is None or digest.optional is None else digest.text(DIGEST)
        return known if Path(folder).is_absolute() else None
    except (OSError, InvalidValueError):
        return None  # gone meanwhile, or left by a write that was cut off


def digest_of(given: object) -> str:
    """What something that was granted is known by: a digest of it as JSON."""
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


def forget_plans(folder: Path) -> None:
    """Drop what was decided beforehand for runs in an environment: something else may hold from now on."""
    for suffix in PLANS:
        _registry_entry(folder).with_suffix(suffix).unlink(missing_ok=True)


def last_used(folder: Path) -> str:
    """When a program was last run in an environment, or it was made: UTC, ISO 8601; empty if nothing says."""
    entry, times = _registry_entry(folder), []
    for suffix in PLANS:
        with suppress(OSError):
            times.append(entry.with_suffix(suffix).stat().st_mtime)
    return datetime.fromtimestamp(max(times), UTC).isoformat(timespec="seconds") if times else ""


def all_folders() -> Iterator[Path]:
    """The folders of all environments that this user has, named ones first."""
    named = named_environments()
    yield from sorted(folder for folder in named.glob("*") if exists(folder))
    entries = (_read_entry(entry) for entry in sorted(registry_folder().glob("*.json")))
    folders = sorted(Path(data["folder"]) for data in entries if data is not None)
    yield from (folder for folder in folders if folder.parent != named and exists(folder))


def forget_vanished() -> None:
    """Drop registered folders that hold no environment any more."""
    for entry in registry_folder().glob("*.json"):
        data = _read_entry(entry)
        if data is not None and not exists(Path(data["folder"])):
            entry.unlink(missing_ok=True)
            for suffix in PLANS:
                entry.with_suffix(suffix).unlink(missing_ok=True)
