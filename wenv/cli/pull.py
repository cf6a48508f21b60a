"""``wenv pull``."""

import time
from pathlib import Path
from typing import Annotated

import typer

from wenv.cli import options
from wenv.cli.import_ import show
from wenv.cli.printer import Printer
from wenv.errors import UsageError
from wenv.policy.text import parse_size
from wenv.report.words import human_size


def pull(
    reference: options.Reference,
    name: options.Name = None,
    path: options.Here = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="For a component: where it goes.  [default: NAME.wasm]"),
    ] = None,
    grant: options.Grant = False,
    clear: Annotated[bool, typer.Option("--clear", help="Replace an environment, or a file, that is there.")] = False,
    max_size: options.Largest = None,
    plain_http: options.PlainHttp = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Fetch an environment, or a component, from an OCI registry.

    Layers that are there already are not fetched; what was fetched before an interruption is kept.  Everything is checked
    against its digest.

    [bold]Examples[/]

      wenv pull localhost:5000/lab:1 -n lab
      wenv pull localhost:5000/tools/app -o app.wasm
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.share import receive
    from wenv.share.registry import COMPONENT_CONFIGURATION, Reference, Registry

    if name is not None and path is not None:
        raise UsageError("--name and --path exclude each other")
    start, where = time.monotonic(), Reference.parse(reference)
    largest = parse_size(max_size) if max_size else receive.LARGEST
    with Printer(quiet=quiet or as_json) as printer:
        registry = Registry(where, plain_http=plain_http)
        image, digest = registry.manifest()
        if image.config.media_type == COMPONENT_CONFIGURATION:
            if name is not None or path is not None:
                raise UsageError(f"{where} is a component", "-o FILE says where it goes")
            if sum(layer.size for layer in image.layers) > largest:
                raise UsageError(f"{where} is larger than --max-size")
            target = output or Path(f"{where.name.rpartition('/')[2]}.wasm")
            if target.exists() and not clear:
                raise UsageError(f"{target} exists", "--clear replaces it, -o names another")
            size = registry.fetch_component(image, target, printer)
            if as_json:
                printer.json({"path": str(target), "digest": f"sha256:{digest}", "size": size})
            else:
                printer.say(f"Wrote {target} ({human_size(size)})")
            return
        if output is not None:
            raise UsageError(f"{where} is an environment", "-n NAME or --path DIR says where it goes")
        source = registry.environment(image, digest)
        folder, store = find.place(name, path), open_workspace().store
        with store.writing() as writing:
            made = receive.take(writing, source, folder, printer, largest=largest, grant=grant, clear=clear, at_once=True)
        if as_json:
            printer.json({**made.as_json(), "folder": str(made.folder), "name": made.name, "granted": made.is_policy_granted()})
        else:
            show(printer, made, time.monotonic() - start)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(pull)
