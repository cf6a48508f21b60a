"""What pip's own configuration says, as far as it can change a resolution."""

import os

from pip._internal.configuration import get_configuration_files


def settings() -> str:
    """Every variable and file that pip's configuration is read from, with their contents."""
    variables = sorted((name, value) for name, value in os.environ.items() if name.startswith("PIP_"))
    parts = [f"{name}={value}" for name, value in variables]
    paths = [path for found in get_configuration_files().values() for path in found]
    for path in [*paths, os.environ.get("PIP_CONFIG_FILE", "")]:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - as pip reads them
                parts.append(f"{path}\n{file.read()}")
        except OSError:
            continue
    return "\n".join(parts)
