"""The program that a packed component runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wenv.environment.manifest import Environment
from wenv.errors import WenvError
from wenv.snapshot.contents import console_scripts
from wenv_cache.store import Store

#: The guest folder with the program's own files.
APPLICATION = PurePosixPath("/app")


@dataclass(frozen=True, slots=True)
class Program:
    """What a packed component shall run: `form` and `target` as in wenv/guest/pack/archive.py.

    `files` are the program's own, by their path below ``/app``.
    """

    form: str = "python"
    target: str = ""
    name: str = ""
    files: tuple[tuple[str, Path], ...] = ()


def program_of(store: Store, environment: Environment, entry: str | None, module: str | None, files: Sequence[Path]) -> Program:
    """What is meant: a script's path or a console script, a module, or the interpreter; `files` come along.

    Raises WenvError for a script or file that is not there, or that does not lie in the script's folder.
    """
    if module is not None:
        return Program("module", module, module, _files(files, Path.cwd()))
    if entry is None:
        return Program("python", "", "", _files(files, Path.cwd()))
    path = Path(entry)
    if path.is_file():
        base = path.absolute().parent
        return Program("script", str(APPLICATION / path.name), path.name, _files([path, *files], base))
    if target := console_scripts(store, environment.packages).get(entry):
        return Program("entry", target, entry, _files(files, Path.cwd()))
    raise WenvError(f"no file and no console script called {entry!r}", "`wenv info` lists the console scripts")


def _files(given: Iterable[Path], base: Path) -> tuple[tuple[str, Path], ...]:
    """The files, and those in folders, by their path relative to `base`."""
    found: dict[str, Path] = {}
    for path in given:
        whole = path.absolute()
        if not whole.exists():
            raise WenvError(f"no such file: {path}")
        if not whole.is_relative_to(base):
            raise WenvError(f"{path} does not lie in {base}", "the program finds its files relative to its own folder")
        for file in sorted(whole.rglob("*")) if whole.is_dir() else [whole]:
            if file.is_file() and "__pycache__" not in file.parts:
                found[file.relative_to(base).as_posix()] = file
    return tuple(sorted(found.items()))
