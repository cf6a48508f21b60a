"""``wenv remove``."""

from pathlib import Path
from typing import Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import UsageError


def remove(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Named environments.")] = None,
    name: options.Name = None,
    path: options.At = None,
    quiet: options.Quiet = False,
) -> None:
    """Remove environments.  Layers that nothing uses any more are deleted by `wenv cache prune`.

    Without a name or folder, the one in .wenv here is removed; none above is.

    [bold]Examples[/]

      wenv remove
      wenv remove lab scratch
    """
    from wenv import creation, environment
    from wenv.cli.store import open_store
    from wenv.locations import ENVIRONMENT_FOLDER

    if names and (name or path):
        raise UsageError("names and --name or --path exclude each other")
    store, printer = open_store(), Printer(quiet=quiet)
    if names:
        chosen = [environment.find(each) for each in names]
    elif name or path:
        chosen = [environment.find(name, path)]
    else:
        chosen = [environment.load(Path.cwd() / ENVIRONMENT_FOLDER)]
    for one in chosen:
        creation.remove(store, one)
        printer.say(f"Removed {one.label}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(remove)
    app.command("rm", hidden=True)(remove)
