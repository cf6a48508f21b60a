"""``wenv upgrade`` and ``wenv outdated``."""

from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.install import report
from wenv.cli.printer import Printer

if TYPE_CHECKING:
    from wenv.environment.manifest import Environment
    from wenv.make.solve import Solution


def upgrade(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Packages.  [default: all]")] = None,
    name: options.Name = None,
    path: options.At = None,
    no_build: options.NoBuild = False,
    build_only: options.BuildOnly = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Take the newest versions that the requirements allow, of these packages or of all.

    [bold]Examples[/]

      wenv upgrade
      wenv upgrade rich httpx
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.make import create
    from wenv.make.wanted import Wanted

    with Printer(quiet=quiet or as_json) as printer:
        chosen = find.find(name, path)
        runtime = open_workspace().runtime_for(chosen)
        wanted = Wanted(rules=options.build_rules(no_build, build_only))

        def decide(current: "Environment") -> "Solution":
            return wanted.added_to(current, runtime, printer, upgrade=not names, names=names or (), refresh=True)

        report(printer, runtime, *create.change(runtime, chosen.folder, decide, printer), as_json)


def outdated(name: options.Name = None, path: options.At = None, as_json: options.Json = False) -> None:
    """Say which packages `wenv upgrade` would change, and to which versions; change nothing."""
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.make.wanted import Wanted
    from wenv.report.packages import planned_changes

    with Printer(quiet=as_json) as printer:
        chosen = find.find(name, path)
        runtime = open_workspace().runtime_for(chosen)
        solution = Wanted().added_to(chosen, runtime, printer, upgrade=True, refresh=True)
        changes = planned_changes(chosen, solution.requested.names, solution.files, runtime.contents.packages)
        rows = [(change.name, change.before, change.after) for change in changes if change.before and change.after]
        if as_json:
            printer.json([{"name": each, "version": before, "newest": after} for each, before, after in rows])
        elif rows:
            printer.table(("Package", "Version", "Newest"), rows)
        else:
            printer.say(f"{chosen.label} has the newest versions that its requirements allow")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(upgrade)
    app.command()(outdated)
