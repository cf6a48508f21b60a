"""``wenv list``."""

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.report.words import human_size, human_time


def list_environments(as_json: options.Json = False) -> None:
    """List all environments: named ones, and those in folders of projects."""
    from wenv.cli.workspace import open_workspace
    from wenv.report.environments import summaries

    workspace, printer = open_workspace(), Printer()
    found = summaries(workspace)
    if as_json:
        printer.json([summary.as_json() for summary in found])
        return
    if not found:
        printer.say("No environments yet; make one with: wenv create rich")
        return
    headings = ("Environment", "Runtime", "Packages", "Size", "Shared", "Baked", "Used", "State")
    rows = [
        (
            s.label, s.runtime, s.packages, human_size(s.size), human_size(s.shared), "yes" if s.baked else "",
            human_time(s.used), f"{s.state}: {s.problem}" if s.problem else s.state,
        )
        for s in found
    ]  # fmt: skip
    printer.table(headings, rows, right=(2, 3, 4), optional=(4, 5, 2, 6, 1))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list")(list_environments)
