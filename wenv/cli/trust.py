"""``wenv trust``."""

from pathlib import Path
from typing import Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import UsageError


def trust(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="A folder; what lies in it is trusted too.", show_default=False)
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Trust it no longer.")] = False,
    as_json: options.Json = False,
) -> None:
    """Trust environments that belong to another user; without PATH, list what is trusted.

    An environment found in the working folder or above it is used only if it is yours, as anybody may have put it there.  What
    is trusted is remembered in wenv's data folder.  WENV_TRUST (paths, or * for all) does the same for one process: in
    containers, on shared machines, under sudo.

    [bold]Examples[/]

      wenv trust /srv/project
      wenv trust --remove /srv/project
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment import trust as trusting

    printer = Printer()
    if folder is None:
        if remove:
            raise UsageError("--remove needs a PATH")
        listed = [str(path) for path in trusting.trusted()]
        if as_json:
            printer.json(listed)
        else:
            for line in listed:
                printer.line(line)
        return
    open_workspace()  # the data folder, where this is kept, is the user's alone
    if not remove and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    chosen = folder.resolve()
    trusting.trust(chosen, withdraw=remove)
    if as_json:
        printer.json([str(path) for path in trusting.trusted()])
    else:
        printer.say(f"{chosen} is {'not trusted any more' if remove else 'trusted'}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(trust)
