"""`sysconfig`'s variables of this build, some of which end in the middle of a word: lists went over several lines."""

from typing import Any


def repair(sysconfig: Any) -> None:
    """Have them be read as far as they are whole."""
    load = sysconfig._init_config_vars

    def init_config_vars() -> None:
        load()
        found = sysconfig._CONFIG_VARS
        for name, value in found.items():
            if isinstance(value, str) and value.endswith("\\"):
                found[name] = value[:-1].rstrip()
        given = found.get("CONFIG_ARGS")
        if isinstance(given, str) and given.count("'") % 2:
            found["CONFIG_ARGS"] = f"{given}'"

    sysconfig._init_config_vars = init_config_vars
