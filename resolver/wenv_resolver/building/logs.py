"""What a build printed: kept in the store, and its last words for people."""

import re
from pathlib import Path

from wenv_resolver.building.worker import STEP


def failed_step(log: Path) -> str:
    """The step of the build that a log ends in, in words."""
    lines = log.read_text("utf-8", "replace").splitlines()
    steps = [line.removeprefix(STEP) for line in lines if line.startswith(STEP)]
    return f"{steps[-1] if steps else 'preparing its build'} failed"


def last_words(log: Path) -> str:
    """The end of a log, without what tells a user nothing."""
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip() and not NOISE.search(line)]
    errors = [line for line in lines if ERROR.search(line)]
    return "\n".join(printable(line[:200]) for line in (errors[-6:] if errors else lines[-6:]))


#: Lines of a log that only say where something failed, or that it did.
NOISE = re.compile(
    r"^\s*(File \"|Traceback|raise |return |self\.|\^|~|wenv: |copying |adding |creating |warning: )|^  |generated\.$"
    r"|returned non-zero exit status|Backend subprocess exited"
)


#: Lines of a log that say why.
ERROR = re.compile(r"(^|[\s:])(fatal )?(error|ERROR|Error)\b|\w(Error|Exception):")


def printable(text: str) -> str:
    """Without what would command a terminal."""
    return "".join(character for character in text if character.isprintable() or character in "\t\n")
