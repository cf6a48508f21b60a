"""Changes to a script's block of metadata (PEP 723); what else is in the script stays as it was written."""

from collections.abc import Sequence
from pathlib import Path

import tomlkit
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError

from wenv.errors import WenvError
from wenv.make.project import put, requirement_of, take
from wenv_cache.files import rewrite
from wenv_resolver.scripts import BLOCK, script_block

#: With which a text in UTF-8 may begin.
MARK = "\ufeff"


def add(path: Path, names: Sequence[str]) -> None:
    """Add requirements to a script's block, which is made if there is none.

    Raises WenvError for what is no requirement or no script, RequirementsError for several blocks.
    """
    mark, text, document = _read(path)
    listed = document.setdefault("dependencies", tomlkit.array().multiline(True))
    for given in names:
        put(listed, canonicalize_name(requirement_of(given, path).name), given)
    _write(path, mark, text, document)


def drop(path: Path, names: Sequence[str]) -> None:
    """Take requirements out of a script's block.  Raises what `add` does, and WenvError for one that is not there."""
    mark, text, document = _read(path)
    listed = document.get("dependencies", [])
    for given in names:
        if not take(listed, given):
            raise WenvError(f"{given} is not among the dependencies of {path.name}")
    _write(path, mark, text, document)


def _read(path: Path) -> tuple[str, str, tomlkit.TOMLDocument]:
    """The mark of the text's encoding, if it has one, the text, and its block."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read()
        mark = text[: text.startswith(MARK)]
        text = text.removeprefix(MARK)
        document = tomlkit.parse(script_block(text, str(path)) or "")
    except (OSError, ValueError, TOMLKitError) as error:
        raise WenvError(f"{path}: {error}") from error
    if not isinstance(document.get("dependencies", []), list):
        raise WenvError(f"{path}: its dependencies are no list")
    return mark, text, document


def _write(path: Path, mark: str, text: str, document: tomlkit.TOMLDocument) -> None:
    end = "\r\n" if "\r\n" in text else "\n"
    lines = [f"# {line}".rstrip() for line in tomlkit.dumps(document).splitlines()]
    block = "\n".join(["# /// script", *lines, "# ///"])
    plain = text.replace("\r\n", "\n")
    found = next((match for match in BLOCK.finditer(plain) if match["type"] == "script"), None)
    if found is not None:
        changed = plain[: found.start()] + block + plain[found.end() :]
    else:
        first = plain.index("\n") + 1 if plain.startswith("#!") and "\n" in plain else 0
        changed = f"{plain[:first]}{block}\n\n{plain[first:]}"
    rewrite(path, mark + changed.replace("\n", end))
