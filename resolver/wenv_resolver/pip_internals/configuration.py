"""What pip's own configuration says: its files and the variables ``PIP_…``."""

from pip._internal.configuration import Configuration
from pip._internal.exceptions import ConfigurationError


def settings() -> dict[str, str]:
    """Every setting, by its name with the section it is in (``global.index-url``, ``:env:.find-links``)."""
    configuration = Configuration(isolated=False)
    try:
        configuration.load()
    except ConfigurationError:
        return {}  # pip says so when it resolves
    return {name: str(value) for name, value in _flat(dict(configuration.items()))}


def constraint_files() -> list[str]:
    """The constraint files that pip is configured with (``PIP_CONSTRAINT``, ``constraint`` in its files)."""
    return [word for text in _of_install("constraint") for word in text.split()]


def requires_hashes() -> bool:
    """Whether pip is configured to take nothing without a hash (``PIP_REQUIRE_HASHES``)."""
    return any(text.lower() in ("1", "true", "yes", "on", "y", "t") for text in _of_install("require-hashes"))


def _of_install(name: str) -> list[str]:
    """The values of a setting, as they hold for `pip install`."""
    found = settings()
    keys = (f"{section}.{name}" for section in ("global", "install", ":env:"))
    return [found[key] for key in keys if key in found]


def _flat(items: dict[str, object]) -> list[tuple[str, object]]:
    """Settings by name: pip keeps them in a dictionary for each file, or all in one."""
    found: list[tuple[str, object]] = []
    for name, value in items.items():
        found += _flat(value) if isinstance(value, dict) else [(name, value)]
    return sorted(found, key=str)
