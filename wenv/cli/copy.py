"""``wenv copy`` and ``wenv rename``."""

from typing import Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer

NewName = Annotated[str, typer.Argument(metavar="NEW", help="The name of the new one.", show_default=False)]


def copy(new: NewName, name: options.Name = None, path: options.At = None, quiet: options.Quiet = False) -> None:
    """Make the same environment once more, under a name.  It takes no space: layers are shared.

    [bold]Examples[/]

      wenv copy scratch                [dim]of the one in .wenv, here[/]
      wenv copy scratch -n lab
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.make import copy

    with Printer(quiet=quiet) as printer:
        chosen, folder = find.find(name, path), find.place(new)
        made = copy.copy(open_workspace().runtime_for(chosen), chosen, folder, printer)
        printer.say(f"Copied {chosen.label} to {made.label}")


def rename(new: NewName, name: options.Name = None, path: options.At = None, quiet: options.Quiet = False) -> None:
    """Give a named environment another name.

    [bold]Examples[/]

      wenv rename -n lab laboratory
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.make import copy

    with Printer(quiet=quiet) as printer:
        chosen = find.find(name, path)
        made = copy.rename(open_workspace().runtime_for(chosen), chosen, new, printer)
        printer.say(f"Renamed {chosen.label} to {made.label}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(copy)
    app.command()(rename)
