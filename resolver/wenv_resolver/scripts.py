"""Scripts that say what they need: the block of metadata at their head (PEP 723)."""

import re
import tomllib
from pathlib import Path
from typing import Any

from wenv_resolver.errors import RequirementsError

#: A block, as the standard gives it ("inline script metadata", reference implementation).
BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
#: How one begins: the mark, and a comment.
BEGIN = re.compile(r"(?m)^# /// script$\n#")
#: Bytes of a script that are looked at.
LARGEST = 1 << 20


def script_block(text: str, origin: str) -> str | None:
    """The TOML of a script's block; None if it has none.  Raises RequirementsError for two of them, or one without an end."""
    text = text.replace("\r\n", "\n")
    found = [match["content"] for match in BLOCK.finditer(text) if match["type"] == "script"]
    if len(found) > 1:
        raise RequirementsError(f"{origin} has {len(found)} blocks of script metadata", "one says what it needs (PEP 723)")
    if not found:
        if (begun := BEGIN.search(text)) is not None:
            line = text.count("\n", 0, begun.start()) + 1
            raise RequirementsError(
                f"{origin}, line {line}: its block of script metadata does not end",
                "a line `# ///` ends it, and every line before that begins with `#` and a space (PEP 723)",
            )
        return None
    return "".join(line[2:] if line.startswith("# ") else line[1:] for line in found[0].splitlines(keepends=True))


def script_metadata(path: Path) -> dict[str, Any] | None:
    """The tables of a script's block; None if it has none.  Raises RequirementsError for one that cannot be read."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST).decode("utf-8-sig", "replace")
    except OSError as error:
        raise RequirementsError(f"{path}: {error.strerror}") from error
    return _tables(text, str(path))


def metadata_in(text: bytes, origin: str) -> dict[str, Any] | None:
    """The same for the text of a script that came from `origin`."""
    return _tables(text[:LARGEST].decode("utf-8-sig", "replace"), origin)


def _tables(text: str, origin: str) -> dict[str, Any] | None:
    block = script_block(text, origin)
    if block is None:
        return None
    try:
        return tomllib.loads(block)
    except tomllib.TOMLDecodeError as error:
        raise RequirementsError(f"{origin}: its script metadata: {error}") from error
