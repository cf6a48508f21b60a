"""``wenv remove``."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import DamagedEnvironmentError, LinkedEnvironmentError, NoEnvironmentError, UsageError, WenvError
from wenv_cache.errors import UserError


def remove(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Named environments.")] = None,
    name: options.Name = None,
    path: options.Here = None,
    quiet: options.Quiet = False,
) -> None:
    """Remove environments.  Layers that nothing uses any more are deleted by `wenv cache prune`.

    Without a name or folder, the one in .wenv here is removed; none above is.

    [bold]Examples[/]

      wenv remove
      wenv remove lab scratch
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment import known
    from wenv.locations import ENVIRONMENT_FOLDER
    from wenv.make import remove

    if names and (name or path):
        raise UsageError("names and --name or --path exclude each other")
    store, printer = open_workspace().store, Printer(quiet=quiet)
    if names:
        folders = [_found(each, None) for each in names]
    elif name or path:
        folders = [_found(name, path)]
    else:
        here = Path.cwd() / ENVIRONMENT_FOLDER
        if here.is_symlink():
            raise LinkedEnvironmentError(here, here.resolve())
        folders = [_found(None, here)]
    for folder in folders:
        remove.remove(store, folder)
        printer.say(f"Removed {known.label_of(folder)}")


def _found(name: str | None, path: Path | None) -> Path:
    """The folder of the environment that is meant; one that is damaged can be removed like any other."""
    from wenv.environment import find

    try:
        return find.find(name, path).folder
    except NoEnvironmentError:
        if name is not None and (here := _environment_with(name)):
            raise WenvError(
                f"no environment is called {name!r}; {name} is a package of {here}, where nothing was deleted",
                f"`wenv uninstall {name}` takes it out of the environment, `wenv drop {name}` also out of pyproject.toml",
            ) from None
        raise
    except DamagedEnvironmentError as error:
        return error.path.parent


def _environment_with(package: str) -> str | None:
    """The label of the environment here, if it holds a package."""
    from packaging.utils import canonicalize_name

    from wenv.environment import find

    with suppress(UserError):
        here = find.find()
        names = {each.name for each in here.packages} | here.requested_names
        return here.label if canonicalize_name(package) in names else None
    return None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(remove)
