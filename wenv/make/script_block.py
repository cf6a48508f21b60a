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


def add(path: Path, names: Sequence[str]) -> None:
    """Add requirements to a script's block, which is made if there is none.

    Raises WenvError for what is no requirement or no script, RequirementsError for several blocks.
    """
    text, document = _read(path)
    listed = document.setdefault("dependencies", tomlkit.array().multiline(True))
    for given in names:
        put(listed, canonicalize_name(requirement_of(given, path).name), given)
    _write(path, text, document)


def drop(path: Path, names: Sequence[str]) -> None:
    """Take requirements out of a script's block.  Raises what `add` does, and WenvError for one that is not there."""
    text, document = _read(path)
    listed = document.get("dependencies", [])
    for given in names:
        if not take(listed, given):
            raise WenvError(f"{given} is not among the dependencies of {path.name}")
    _write(path, text, document)


def _read(path: Path) -> tuple[str, tomlkit.TOMLDocument]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read()
        document = tomlkit.parse(script_block(text, str(path)) or "")
    except (OSError, ValueError, TOMLKitError) as error:
        raise WenvError(f"{path}: {error}") from error
    if not isinstance(document.get("dependencies", []), list):
        raise WenvError(f"{path}: its dependencies are no list")
    return text, document


def _write(path: Path, text: str, document: tomlkit.TOMLDocument) -> None:
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
    rewrite(path, changed.replace("\n", end))
