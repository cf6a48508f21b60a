"""``wenv export``."""

import time
from pathlib import Path
from typing import Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import UsageError
from wenv.report.words import human_size


def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="[default: the environment's name.wenv]")
    ] = None,
    with_runtime: options.WithRuntime = False,
    force: options.Force = False,
    name: options.Name = None,
    path: options.At = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Write an environment into one file, to be given to others.

    The file holds all packages, the lock, and what was asked for; it needs no network to be imported, and the same environment
    gives the same bytes.  It is an OCI image layout: docs/reference/format.md describes it.

    [bold]Examples[/]

      wenv export -o lab.wenv
      wenv import lab.wenv -n lab      # elsewhere
      wenv run --from lab.wenv script.py
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.share import artifact, export

    start, chosen = time.monotonic(), find.find(name, path)
    target = output or Path(f"{chosen.title}{artifact.SUFFIX}")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"{target.parent} is not a folder")
    if target.is_dir():
        raise UsageError(f"{target} is a folder", "-o FILE.wenv")
    if target.exists() and not force:
        raise UsageError(f"{target} exists", "--force overwrites it, -o names another")
    with Printer(quiet=quiet or as_json) as printer:
        runtime = open_workspace().runtime_for(chosen)
        with runtime.store.writing() as writing:
            written = export.export(writing, runtime, chosen, target, printer, with_runtime=with_runtime)
        size = target.stat().st_size
        if as_json:
            seconds = round(time.monotonic() - start, 3)
            printer.json({"path": str(target), "digest": written.digest, "size": size, "seconds": seconds})
        else:
            printer.say(f"Wrote {target} ({human_size(size)}, sha256:{written.digest[:12]})")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(export)
