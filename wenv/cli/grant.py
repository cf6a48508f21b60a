"""``wenv grant``."""

from pathlib import Path
from typing import Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer


def grant(
    path: options.At = None,
    show: Annotated[bool, typer.Option("--show", help="Only show what is asked for.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Withdraw the grant.")] = False,
    as_json: options.Json = False,
) -> None:
    """Grant what a project asks for: folders, variables, hosts, secrets, limits.

    The request is wenv.toml beside the environment, or the table tool.wenv of pyproject.toml, with the keys write, mounts, env,
    net, listen, secrets, memory, timeout, max-output, max-disk, max-files, max-open, max-children and max-net.  It came with
    the project, so nothing of it holds before this; a request that changes has to be granted again.

    [bold]Examples[/]

      wenv grant --show
      wenv grant
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find, granting, known
    from wenv.errors import WenvError

    open_workspace()  # the data folder, where this is kept, is the user's alone
    printer, chosen = Printer(), find.find(None, path)
    request = granting.request_of_project(chosen)
    if request is None:
        raise WenvError(
            f"nothing is asked for in {Path(chosen.folder).parent}", "wenv.toml or [tool.wenv] in pyproject.toml would"
        )
    if not show:
        granting.grant(request, withdraw=remove)
        known.forget_plans(chosen.folder)
    holds = granting.is_granted(request)
    if as_json:
        printer.json({"path": str(request.path), "policy": request.policy.as_json(), "granted": holds})
    else:
        printer.say(f"{request.path} asks for: {request.policy.words} ({'granted' if holds else 'not granted'})")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(grant)
