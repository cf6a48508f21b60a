"""``wenv import``."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import UsageError
from wenv.policy.policy import Policy
from wenv.policy.text import parse_size

if TYPE_CHECKING:
    from wenv.environment.manifest import Environment


def import_environment(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .wenv file.", show_default=False)],
    name: options.Name = None,
    path: options.Here = None,
    grant: options.Grant = False,
    clear: Annotated[bool, typer.Option("--clear", help="Replace an environment that is there.")] = False,
    max_size: options.Largest = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Make an environment of a file that `wenv export` wrote.

    Every digest is checked before anything is visible; no network is used; layers that are there already are shared.  What the
    environment was allowed where it comes from is shown, and not granted unless you say so.

    [bold]Examples[/]

      wenv import lab.wenv
      wenv import lab.wenv -n lab
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.share import incoming, receive

    if name is not None and path is not None:
        raise UsageError("--name and --path exclude each other")
    start, folder = time.monotonic(), find.place(name, path)
    largest = parse_size(max_size) if max_size else receive.LARGEST
    with Printer(quiet=quiet or as_json) as printer, incoming.open_file(file) as source:
        store = open_workspace().store
        with store.writing() as writing:
            made = receive.take(writing, source, folder, printer, largest=largest, grant=grant, clear=clear)
        if as_json:
            printer.json({**made.as_json(), "folder": str(made.folder), "name": made.name, "granted": made.is_policy_granted()})
        else:
            show(printer, made, time.monotonic() - start)


def show(printer: Printer, made: "Environment", seconds: float) -> None:
    """Say what was made, and what it asks for."""
    printer.say(f"Imported {made.label} with {len(made.packages)} packages on {made.runtime.name} in {seconds:.1f} s")
    options_given = {key: value for key, value in made.requested["options"].items() if value and key != "pre"}
    if options_given:
        printer.say(f"it looks for packages with: {'; '.join(f'{key} {value}' for key, value in options_given.items())}")
    policy = made.asked
    if policy != Policy():
        granted = "granted" if made.is_policy_granted() else "not granted; --grant does, and so do the options of `wenv run`"
        printer.say(f"it asks for: {policy.words} ({granted})")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_environment)
