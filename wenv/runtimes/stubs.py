"""Which stubs of standard modules an environment needs: stubs.toml beside this file is the table."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

TABLE = Path(__file__).with_name("stubs.toml")


def stubs_for(names: Iterable[str]) -> list[str]:
    """Standard modules for which packages of these canonical names need a stub."""
    held = set(names)
    return sorted(module for module, entry in tomllib.loads(TABLE.read_text("utf-8")).items() if held & set(entry["packages"]))
