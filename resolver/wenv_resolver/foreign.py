"""Files of other tools: read where a few lines can, else refused by name with the command that converts them."""

import configparser
from collections.abc import Sequence
from pathlib import Path

from wenv_resolver.errors import RequirementsError
from wenv_resolver.pyproject import Project, project_of
from wenv_resolver.scripts import script_metadata

READABLE = "requirements.txt, pyproject.toml, pylock.toml, setup.cfg, or a script with a block of metadata (PEP 723)"
CONDA = "an environment of conda's, which holds more than Python packages"
#: What cannot be read by name: what it is, and how to get on.
REFUSED = {
    "Pipfile": ("pipenv's file", "`pipenv requirements > requirements.txt`, and -r requirements.txt"),
    "Pipfile.lock": ("pipenv's lock", "`pipenv requirements > requirements.txt`, and -r requirements.txt"),
    "poetry.lock": ("poetry's lock", "`poetry export -o requirements.txt`, and -r requirements.txt"),
    "uv.lock": ("uv's lock", "`uv export --format pylock.toml -o pylock.toml`, and -r pylock.toml"),
    "pdm.lock": ("pdm's lock", "`pdm export -f pylock -o pylock.toml`, and -r pylock.toml"),
    "pixi.toml": ("pixi's file", "write its PyPI dependencies to a requirements.txt"),
    "pixi.lock": ("pixi's lock", "write its PyPI dependencies to a requirements.txt"),
    "conda-lock.yml": (CONDA, "write the Python packages that are wanted to a requirements.txt"),
    "package.json": ("npm's file", f"what can be read: {READABLE}"),
}


def is_foreign(path: Path) -> bool:
    """Whether a file is not a requirements file, by its name."""
    return path.name in REFUSED or path.suffix in (".yml", ".yaml", ".py", ".cfg", ".toml", ".ipynb", ".whl")


def read_foreign(path: Path, extras: Sequence[str], groups: Sequence[str]) -> Project:
    """Read a file of another tool.  Raises RequirementsError where that cannot be done, with what would."""
    if not path.is_file():
        raise RequirementsError(f"{path} is not a file")
    if path.name in REFUSED:
        what, way = REFUSED[path.name]
        raise RequirementsError(f"{path} is {what}, and is not read", way)
    if path.suffix in (".yml", ".yaml"):
        raise RequirementsError(
            f"{path} is {CONDA}, and is not read", "write the Python packages that are wanted to a requirements.txt"
        )
    if path.name == "setup.py":
        raise RequirementsError(f"{path} is a program: what it needs shows once it runs", "name the folder that it lies in")
    if path.suffix == ".py":
        return _script(path)
    if path.name == "setup.cfg":
        return _setup_cfg(path, extras)
    if path.suffix == ".whl":
        raise RequirementsError(f"{path} is a wheel, not a list of requirements", f"give it without -r: {path}")
    raise RequirementsError(f"{path} cannot be read as requirements", f"what can be read: {READABLE}")


def _script(path: Path) -> Project:
    found = script_metadata(path)
    if found is None:
        raise RequirementsError(
            f"{path} does not say what it needs: it has no block of script metadata", "name packages, or write one (PEP 723)"
        )
    project = {"dependencies": found.get("dependencies", []), "requires-python": found.get("requires-python", "")}
    return project_of({"project": {"name": "", **project}, "tool": found.get("tool", {})}, path, (), ())


def _setup_cfg(path: Path, extras: Sequence[str]) -> Project:
    """What setuptools reads there (declarative configuration)."""
    config = configparser.ConfigParser()
    try:
        config.read_string(path.read_text("utf-8"))
    except (OSError, ValueError, configparser.Error) as error:
        raise RequirementsError(f"{path}: {error}") from error
    if not config.has_section("options") and not config.has_section("metadata"):
        raise RequirementsError(f"{path} describes no project: it has no section [options]", f"what can be read: {READABLE}")
    options = dict(config.items("options")) if config.has_section("options") else {}
    optional = dict(config.items("options.extras_require")) if config.has_section("options.extras_require") else {}
    for key, value in (("install_requires", options.get("install_requires", "")), *optional.items()):
        if value.strip().startswith("file:"):
            named = value.strip().removeprefix("file:").strip()
            raise RequirementsError(f"{path}: {key} is in another file", f"-r {named}")
    project = {
        "name": config.get("metadata", "name", fallback=""),
        "dependencies": _lines(options.get("install_requires", "")),
        "optional-dependencies": {name: _lines(value) for name, value in optional.items()},
        "requires-python": options.get("python_requires", ""),
    }
    return project_of({"project": project}, path, extras, ())


def _lines(text: str) -> list[str]:
    """A list as setuptools writes it: a line each, or with semicolons between them where it is one line."""
    lines = text.splitlines() if "\n" in text.strip() else text.split(";") if "; " not in text else [text]
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
