"""What pip's own configuration says: its files and the variables ``PIP_…``."""

from pip._internal.configuration import Configuration
from pip._internal.exceptions import ConfigurationError


def configured() -> tuple[dict[str, str], list[str]]:
    """Every setting, by its name with the section it is in, and the files in which pip looks for them, there or not."""
    configuration = Configuration(isolated=False)
    files = [file for _, several in configuration.iter_config_files() for file in several]
    try:
        configuration.load()
    except ConfigurationError:
        return {}, files
    return {name: str(value) for name, value in _flat(dict(configuration.items()))}, files


def _flat(items: dict[str, object]) -> list[tuple[str, object]]:
    """Settings by name: pip keeps them in a dictionary for each file, or all in one."""
    found: list[tuple[str, object]] = []
    for name, value in items.items():
        found += _flat(value) if isinstance(value, dict) else [(name, value)]
    return sorted(found, key=str)
