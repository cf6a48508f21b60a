"""``wenv help``."""

from typing import Annotated

import typer


def help_of(
    command: Annotated[list[str] | None, typer.Argument(metavar="[COMMAND]...", help="A command.", show_default=False)] = None,
) -> None:
    """Say what a command does, as `wenv COMMAND --help`."""
    from wenv.cli.main import complete_app

    complete_app()([*(command or ()), "--help"], standalone_mode=False, prog_name="wenv")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("help")(help_of)
