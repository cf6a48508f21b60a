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
    """What a log says of a failure, without what tells a user nothing: the errors in it, or what the package itself said where
    nothing broke and it ended its build."""
    text = log.read_text("utf-8", "replace")
    step = text.rpartition(STEP)[2]
    said = [line for line in step.splitlines()[1:] if line.strip() and not NOISE.search(line)]
    if said and len(said) <= SHORT and not BROKE.search(step):
        lines = said[:8]
    else:
        lines = [line for line in text.splitlines() if line.strip() and not NOISE.search(line)]
        lines = [line for line in lines if ERROR.search(line)][-6:] or lines[-6:]
    return "\n".join(printable(line[:200]) for line in lines)


#: Lines that a package's own explanation has at most.
SHORT = 40
#: Signs that something broke: a compiler's word or an exception, but not one that a package raises to end its build.
BROKE = re.compile(
    r"CMake Error|\berror: |\b(?!SystemExit)\w+(Error|Exception|Warning):|\bERROR\b|Traceback \(most recent", re.MULTILINE
)


#: Lines of a log that only say where something failed, or that it did.
NOISE = re.compile(
    r"^\s*(File \"|Traceback|raise |return |self\.|\^|~|wenv: |copying |adding |creating |warning: |Looking in )|^  "
    r"|generated\.$|returned non-zero exit status|Backend subprocess exited"
)


#: Lines of a log that say why.
ERROR = re.compile(r"(^|[\s:])(fatal )?(error|ERROR|Error)\b|\w(Error|Exception):")


def printable(text: str) -> str:
    """Without what would command a terminal."""
    return "".join(character for character in text if character.isprintable() or character in "\t\n")
