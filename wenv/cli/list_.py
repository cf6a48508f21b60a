"""``wenv list``."""

import typer

from wenv.cli import options
from wenv.cli.printer import Printer, human_size


def list_environments(as_json: options.Json = False) -> None:
    """List all environments: named ones, and those in folders of projects."""
    from wenv.cli.store import open_store
    from wenv.report import summaries

    found = summaries(open_store())
    printer = Printer()
    if as_json:
        printer.json([summary.as_json() for summary in found])
        return
    if not found:
        printer.say("No environments yet; make one with: wenv create rich")
        return
    rows = [(s.label, s.runtime, s.packages, human_size(s.size), s.changed[:16].replace("T", " "), s.state) for s in found]
    printer.table(("Environment", "Runtime", "Packages", "Size", "Changed", "State"), rows, right=(2, 3))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list")(list_environments)
