"""Environments that scripts name themselves: made when a script is first run, kept, and found by what it says (PEP 723)."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from wenv.environment.editables import check_granted
from wenv.environment.granting import request_in
from wenv.environment.kinds import Choice
from wenv.environment.known import exists, last_used, script_note
from wenv.environment.manifest import Environment, load
from wenv.errors import UsageError
from wenv.launcher.script_notes import SUFFIX, note_file, note_text
from wenv.locations import registry_folder, script_environments
from wenv.make.choose_runtime import first_solution
from wenv.make.create import create
from wenv.make.remove import remove
from wenv.make.wanted import Wanted
from wenv.policy.policy import Policy
from wenv.report.words import packages_of
from wenv.runtimes.workspace import Workspace
from wenv_cache.errors import UserError
from wenv_cache.files import write_atomically
from wenv_cache.store import Store
from wenv_resolver.building.rules import ANY_BUILD, BuildRules
from wenv_resolver.building.trees import digest_of
from wenv_resolver.lock import LockFacts, as_locked, lock_facts
from wenv_resolver.pip_settings import Settings, settings
from wenv_resolver.progress import Progress
from wenv_resolver.requirements import Requested, folder_of

#: For how long an environment is kept that no script has used.
KEPT = timedelta(days=30)


def environment_of(
    workspace: Workspace,
    script: Path | None,
    metadata: Mapping[str, Any] | None,
    names: Sequence[str],
    base: Environment | None,
    progress: Progress,
    *,
    label: str = "",
    refresh: bool = False,
    rules: BuildRules = ANY_BUILD,
    is_outside: bool = False,
) -> Environment:
    """The environment for a script with a block of metadata (as `script_metadata` reads it), and `names` besides.

    `base` is an environment whose requirements are wanted, too; `label` is what to call it.  An environment that is not there,
    or was made for another runtime, is made, its sources built as `rules` allow; with `refresh` in any case.  A lock beside the
    script (`lock_of_script`) has decided; with `names` its versions are kept where they can.  One that `is_outside` was shown
    already, and lies nowhere.

    Raises what `create` does.
    """
    place = lock_of_script(script) if script is not None else None
    lock = place if place is not None and place.is_file() else None
    text = lock.read_text("utf-8", "replace") if lock is not None else ""
    facts = lock_facts(text)
    if script is not None and lock is not None and not _is_lock_of(script, lock, facts):
        progress.say(f"warning: {lock.name} is the lock of something else than {script.name}, and is not used")
        lock = None
    if script is None:
        wanted = Wanted(tuple(names), rules=rules)
    elif lock is not None and not names:
        wanted = Wanted(files=(lock,), rules=rules)
    else:
        wanted = Wanted(tuple(names), (script,), rules=rules, kept=lock)
    outdated = script is not None and lock is not None and _does_not_fit(script, lock, facts)
    if outdated and lock is not None:
        progress.say(
            f"warning: {lock.name} was made for another block than {script} has now, and decides"
            f" (`wenv lock --script {script}` makes it anew)"
        )
    tool = (metadata or {}).get("tool")
    has_paths = script is not None and isinstance(tool, dict) and "uv" in tool  # which are relative to the script
    beside = str(script.absolute().parent) if script is not None and has_paths and not is_outside else ""
    asked = base.asked_for if base is not None else Requested()
    told: list[object] = [metadata, beside, sorted(names), asked.as_json(), None if base is None else base.runtime.kind]
    told += _local_projects(names, script if has_paths and not is_outside else None)
    told += [text] if lock is not None else []
    told += _of_pip(settings(workspace.store))
    told += [sorted(rules.only)] if rules.only is not None else []
    key = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:32]
    folder = script_environments() / key
    if (
        script is not None
        and metadata is not None
        and not is_outside
        and (policy := requested_by(script, metadata)) != Policy()
    ):
        progress.say(f"{script.name} asks for: {policy.words} (options of `wenv run` grant it)")
    note = None
    if (
        script is not None and metadata is not None and place is not None
        and not is_outside and not outdated and not names and tool is None
    ):  # fmt: skip
        note = note_text(str(script), str(place.absolute()), str(folder)), note_file(str(registry_folder()), str(script))
    if not refresh and (found := _fitting(workspace, folder, progress)) is not None:
        _leave(note)
        return found
    sweep(workspace.store)
    if base is None:
        solution = first_solution(workspace, Choice.AUTO, wanted, progress, refresh=refresh)
    else:
        check_granted(base)
        solution = wanted.added_to(base, workspace.runtime_for(base), progress)
    made = create(folder, solution, Policy(), progress, clear=True)
    label = label or (f"{script.name} (script)" if script is not None else f"--with {' '.join(sorted(names))}")
    write_atomically(script_note(folder), label)
    _leave(note)
    progress.say(f"Made an environment for {label}, which is kept: {packages_of(len(made.packages))} on {made.runtime.name}")
    return made


def _local_projects(names: Sequence[str], script: Path | None) -> list[str]:
    """The folders and files of this machine that are named, as whole addresses, and what is in them: a new state is built."""
    local = [
        name
        for name in names
        if "file:" in name or ("://" not in name and (name.startswith(".") or "/" in name.partition("[")[0]))
    ]
    if not local and script is None:
        return []
    wanted = Wanted(tuple(local), (script,) if script is not None else ())
    lines = [line for line in wanted.gathered.requested.requirements if "file:" in line.text and not line.editable]
    return [f"{line.text} {digest_of(folder_of(line.text))}" for line in lines]


def _leave(note: tuple[str, str] | None) -> None:
    """Write what finds the environment again at once."""
    if note is not None and note[0]:
        with suppress(OSError):
            write_atomically(Path(note[1]), note[0])


def lock_of_script(script: Path) -> Path:
    """Where a script's lock lies: beside the script, or the one that a link leads to."""
    script = script.resolve() if script.is_symlink() else script
    return script.with_name(f"pylock.{re.sub('[^A-Za-z0-9_-]', '-', script.stem)}.toml")


def lock_to_write(script: Path) -> Path:
    """Where a script's lock is to be written.  Raises UsageError where that is the lock of something else."""
    if not script.is_file():
        raise UsageError(f"there is no script {script}")
    lock = lock_of_script(script)
    facts = lock_facts(lock.read_text("utf-8", "replace")) if lock.is_file() else None
    if facts is not None and not _is_lock_of(script, lock, facts):
        whose = f"is the lock of {facts.script}" if facts.script else f"is not known as the lock of {script.name}"
        raise UsageError(f"{lock.name} {whose}", "rename the script, or delete that lock")
    return lock


def _is_lock_of(script: Path, lock: Path, facts: LockFacts) -> bool:
    """Whether a lock is a script's, as it says: two scripts' may have one name, and a project's may have a script's.

    One that does not say so counts if it was made for what the script names.
    """
    return facts.script == script.resolve().name if facts.script is not None else not _does_not_fit(script, lock, facts)


def _of_pip(configured: Settings) -> list[object]:
    """What pip is configured with, and the constraints in files that it names."""
    texts = []
    for file in configured.constraint_files:
        with suppress(OSError):
            texts.append(Path(file).read_text("utf-8", "replace"))
    return [configured.values, texts] if configured.values else []


def _does_not_fit(script: Path, lock: Path, facts: LockFacts) -> bool:
    """Whether a lock of ours was made for other requirements than a script names now."""
    asked, beside = facts.requested, lock.absolute().parent
    named = [line.text for line in Wanted(files=(script,)).gathered.requested.requirements]
    return asked is not None and {as_locked(text, beside) for text in asked} != {as_locked(text, beside) for text in named}


def _fitting(workspace: Workspace, folder: Path, progress: Progress) -> Environment | None:
    """The environment that is there, unless it is damaged or of another runtime."""
    if not exists(folder):
        return None
    with suppress(UserError):
        found = load(folder)
        if found.runtime.standard_library == workspace.runtime_for(found).standard_library(progress):
            return found
    return None


def requested_by(script: Path, metadata: Mapping[str, Any]) -> Policy:
    """What a script asks for in [tool.wenv]: it is granted on the command line only.  Raises RequestError."""
    tool = metadata.get("tool")
    table = tool.get("wenv") if isinstance(tool, dict) else None
    return request_in(table, script) if isinstance(table, dict) else Policy()


def sweep(store: Store) -> None:
    """Delete environments of scripts that were not used for a while."""
    oldest = (datetime.now(UTC) - KEPT).isoformat(timespec="seconds")
    for folder in script_environments().glob("*"):
        if exists(folder) and (last_used(folder) or "9") < oldest:
            remove(store, folder)
            script_note(folder).unlink(missing_ok=True)
    for note in registry_folder().glob(f"*{SUFFIX}"):
        with suppress(OSError, ValueError):
            if not exists(Path(note.read_text("utf-8").split("\n")[2])):
                note.unlink(missing_ok=True)
