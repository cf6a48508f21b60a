"""``wenv tui``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from wenv.cli import options
from wenv.errors import UsageError, WenvError


def tui(
    name: options.Name = None,
    path: options.At = None,
    screenshot: Annotated[
        Path | None, typer.Option("--screenshot", metavar="FILE.svg", help="Write what it shows first into a picture, and end.")
    ] = None,
    size: Annotated[str, typer.Option("--size", metavar="COLUMNSxLINES", help="The size of the picture.")] = "120x40",
    keys: Annotated[str, typer.Option("--press", metavar="KEYS", help="Keys to press first, with commas between.")] = "",
) -> None:
    """Browse environments, packages, layers and files.

    With -n or --path it opens one environment.  F1 says what the keys do, Ctrl+P lists everything that can be done.

    [bold]Examples[/]

      wenv tui
      wenv tui -n lab --screenshot lab.svg --press 2
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find

    first = find.find(name, path) if name is not None or path is not None else None
    columns, _, lines = size.partition("x")
    if not (columns.isdecimal() and lines.isdecimal() and 20 <= int(columns) <= 500 and 10 <= int(lines) <= 200):
        raise UsageError(f"--size {size}: not a size", "for example --size 80x24")
    if screenshot is not None and screenshot.suffix != ".svg":
        raise UsageError(f"--screenshot {screenshot}: only SVG can be written", "name a file that ends in .svg")
    if screenshot is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise WenvError("this is not a terminal", "`wenv list` and `wenv info` print the same; --screenshot needs no terminal")
    from wenv.tui.app import Wenv
    from wenv.tui.screenshot import picture

    app = Wenv(open_workspace().store, first)
    if screenshot is not None:
        screenshot.write_text(picture(app, (int(columns), int(lines)), keys.split(",") if keys else []), "utf-8")
    else:
        app.run()


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(tui)
