"""``wenv push``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import UsageError
from wenv.report.words import human_size


def push(
    reference: options.Reference,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE.wasm]", help="A packed component.", show_default=False)] = None,
    with_runtime: options.WithRuntime = False,
    plain_http: options.PlainHttp = False,
    name: options.Name = None,
    path: options.At = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Publish an environment, or a packed component, in an OCI registry.

    Layers that the registry has already are not sent again.  User names and passwords are those of Docker: `docker login HOST`.
    A component is published so that other tools find and run it (media type application/wasm).

    [bold]Examples[/]

      wenv push localhost:5000/lab:1
      wenv push localhost:5000/tools/app:latest app.wasm
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.make.standalone import standalone
    from wenv.share.artifact import artifact_of
    from wenv.share.registry import Reference, Registry, component_artifact

    where = Reference.parse(reference)
    if file is not None and (name is not None or path is not None or with_runtime):
        raise UsageError("a file and an environment exclude each other")
    with Printer(quiet=quiet or as_json) as printer:
        workspace = open_workspace()
        with workspace.store.writing() as writing:
            if file is not None:
                artifact = component_artifact(file)
            else:
                chosen = find.find(name, path)
                runtime = workspace.runtime_for(chosen)
                whole = standalone(writing, runtime, chosen, printer)
                artifact = artifact_of(runtime, whole, printer, with_runtime=with_runtime)
            done = Registry(where, plain_http=plain_http).push(artifact, printer)
        if as_json:
            printer.json(asdict(done))
        else:
            printer.say(
                f"Pushed {done.reference} ({done.sent} of {done.sent + done.present} blobs sent, {human_size(done.size)})"
            )
            if not quiet:
                printer.line(f"{where.host}/{where.name}@{done.digest}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(push)
