"""``wenv bake``."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import Exit, UsageError
from wenv.report.words import human_size

if TYPE_CHECKING:
    from wenv.environment.manifest import Baked


def bake(
    modules: Annotated[
        list[str] | None,
        typer.Option("--import", metavar="MODULE", help="Import this.  [default: the modules of the packages you asked for]"),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Run unbaked again.")] = False,
    name: options.Name = None,
    path: options.At = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> int:
    """Keep modules imported: programs that use them start at once.

    The modules are imported once, and the memory of the interpreter is saved with them in it.  What differs between runs is
    renewed at each start: random seeds, arguments, environment, files.  A module whose import depends on such a thing is left
    out, and named; a run in which an environment variable that a module looked at is another starts unbaked.

    Takes about 20 seconds; any change of the environment undoes it.

    [bold]Examples[/]

      wenv bake
      wenv bake -n lab --import pandas --import json
    """
    from wenv.bake import baking
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.make import bake

    if clear and modules:
        raise UsageError("--clear and --import exclude each other")
    for module in modules or ():
        if not all(part.isidentifier() for part in module.split(".")):
            raise UsageError(f"--import {module}: not a module's name")
    start, chosen = time.monotonic(), find.find(name, path)
    with Printer(quiet=quiet or as_json) as printer:
        runtime = open_workspace().runtime_for(chosen)
        if clear:
            bake.unbake(runtime, chosen.folder)
            printer.say("Programs start unbaked")
            return Exit.OK
        made = bake.bake(runtime, chosen.folder, modules, printer)
        size = baking.size(runtime, made)
        if as_json:
            printer.json({**made.baked.as_json(), "size": size, "seconds": round(time.monotonic() - start, 3)})
        else:
            show(printer, made.baked, size, time.monotonic() - start)
        return Exit.FAILURE if modules and made.baked.left_out else Exit.OK  # what was named was not done


def show(printer: Printer, done: "Baked", size: int, seconds: float) -> None:
    """Say what was baked."""
    printer.say(f"Baked {', '.join(done.modules)} in {seconds:.1f} s ({human_size(size)})")
    for module, reason in done.left_out:
        printer.say(f"left out: {module}: {reason}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(bake)
