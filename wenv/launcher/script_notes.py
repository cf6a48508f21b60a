"""Which environment a script with a block of metadata (PEP 723) got when it was last run, so that it is found at once.

A note lies in the registry under the script's path.  It holds as long as the lines of the block, those of a lock beside the
script, and pip's variables are as they were; wenv/make/scripts.py finds the environment of any other.
"""

import os

from wenv.launcher.guest_paths import folder_key, sha256
from wenv.launcher.program import BLOCK, LARGEST_SCRIPT, MARK

SUFFIX = ".script"


def note_file(registry: str, script: str) -> str:
    """Where the note of a script lies."""
    return os.path.join(registry, folder_key(os.path.abspath(script)) + SUFFIX)


def note_text(script: str, lock: str, folder: str) -> str:
    """The note: a script got the environment in `folder`, and its lock would be `lock`; empty if that cannot be told."""
    digest = _digest(script, lock)
    return f"{digest}\n{lock}\n{folder}\n" if digest and "\n" not in lock + folder else ""


def noted_environment(registry: str, script: str) -> str:
    """The folder of the environment that a script got; empty if there is no note that holds."""
    try:
        with open(note_file(registry, script), encoding="utf-8") as file:
            digest, lock, folder, end = file.read().split("\n")
    except (OSError, ValueError):
        return ""
    return folder if not end and digest == _digest(script, lock) else ""


def _digest(script: str, lock: str) -> str:
    """Of the lines of comment that the block is among, the lock, and pip's variables; empty for other than one block."""
    try:
        with open(script, "rb", buffering=0) as file:
            text = b"\n" + file.read(LARGEST_SCRIPT).removeprefix(MARK).replace(b"\r\n", b"\n")
    except OSError:
        return ""
    if text.count(b"\n" + BLOCK) != 1:
        return ""
    lines = text[text.index(b"\n" + BLOCK) + 1 :].split(b"\n")
    end = next((number for number, line in enumerate(lines) if not line.startswith(b"#")), len(lines))
    try:
        with open(lock, "rb", buffering=0) as file:
            locked = file.read()
    except OSError:
        locked = b""
    pips = [os.fsencode(f"{name}={value}") for name, value in sorted(os.environ.items()) if name.startswith("PIP_")]
    return sha256(b"\n".join([*lines[:end], *pips, sha256(locked).encode()]))
