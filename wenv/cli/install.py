"""``wenv install`` and ``wenv uninstall``."""

from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wenv.environment.manifest import Environment
    from wenv.report.packages import VersionChange
    from wenv.runtimes import Runtime


def install(
    names: Annotated[list[str] | None, typer.Argument(metavar="[REQUIREMENT]...", help="Packages to add.")] = None,
    files: options.Files = None,
    editables: options.Editables = None,
    constraints: options.Constraints = None,
    extras: options.Extras = None,
    groups: options.Groups = None,
    upgrade: Annotated[bool, typer.Option("-U", "--upgrade", help="Take the newest versions of everything.")] = False,
    upgraded: Annotated[
        list[str] | None,
        typer.Option("-P", "--upgrade-package", metavar="NAME", help="Take the newest version of this package."),
    ] = None,
    name: options.Name = None,
    path: options.At = None,
    index_url: options.IndexUrl = None,
    extra_index_urls: options.ExtraIndexUrls = None,
    find_links: options.FindLinks = None,
    no_index: options.NoIndex = False,
    pre: options.Pre = False,
    exclude_newer: options.ExcludeNewer = None,
    no_deps: options.NoDeps = False,
    refresh: options.Refresh = False,
    no_binary: options.NoBinary = None,
    no_build: options.NoBuild = False,
    build_only: options.BuildOnly = None,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Add packages to an environment; versions that are there stay where the requirements allow it.

    The change is made at once or not at all.  With nothing to add, what is missing is restored from the lock, and the
    environment is moved to the installed runtime.

    [bold]Examples[/]

      wenv install rich 'httpx<1'
      wenv install --upgrade
      wenv install                         [dim]restore what was deleted[/]
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.make import create, solve
    from wenv.make.wanted import Wanted, index_options

    with Printer(quiet=quiet or as_json) as printer:
        chosen = find.find(name, path)
        runtime = open_workspace().runtime_for(chosen)
        index = index_options(index_url, extra_index_urls, find_links, no_index, pre, no_binary, exclude_newer, no_deps)
        rules = options.build_rules(no_build, build_only)
        adding = Wanted.of(names, files, constraints, extras, groups, index, rules, editables)

        def decide(current: "Environment") -> solve.Solution:
            return adding.added_to(current, runtime, printer, upgrade=upgrade, names=upgraded or (), refresh=refresh)

        if dry_run:
            from wenv.report.packages import planned_changes

            planned = decide(chosen)
            changes = planned_changes(chosen, planned.requested.names, planned.files, runtime.contents.packages)
            folders = [file.name for file in planned.files if file.is_folder and not file.version]
            _report_plan(printer, chosen.label, changes, folders, as_json=as_json)
            return
        report(printer, runtime, *create.change(runtime, chosen.folder, decide, printer), as_json)


def uninstall(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Packages to take out.")],
    yes: Annotated[bool, typer.Option("-y", "--yes", hidden=True, help="Nothing is asked in any case.")] = False,
    name: options.Name = None,
    path: options.At = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Take packages out of an environment, with what only they needed.

    [bold]Examples[/]

      wenv uninstall rich
    """
    from packaging.utils import canonicalize_name

    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.make import create, solve
    from wenv.make.uninstall import without
    from wenv.report.packages import package_reports

    with Printer(quiet=quiet or as_json) as printer:
        chosen = find.find(name, path)
        runtime = open_workspace().runtime_for(chosen)

        def decide(current: "Environment") -> solve.Solution:
            return without(runtime, current, names, printer)

        before, after = create.change(runtime, chosen.folder, decide, printer)
        report(printer, runtime, before, after, as_json)
        gone = {canonicalize_name(name) for name in names}
        for each in package_reports(runtime, after, printer):
            if each.name in gone and each.needed_by:
                printer.say(f"{each.name} stays: {', '.join(each.needed_by)} needs it")


def report(printer: Printer, runtime: "Runtime", before: "Environment", after: "Environment", as_json: bool) -> None:
    """Say what changed."""
    from wenv.report.packages import version_changes

    changes = version_changes(before, after, runtime.contents.packages)
    if as_json:
        listed = [change.as_json() for change in changes]
        printer.json({"folder": str(after.folder), "snapshot": after.snapshot, "changes": listed})
        return
    for change in changes:
        printer.say(f" {change.words}")
    if before.baked.modules and not after.baked.modules:
        printer.say(f"{after.label} is no longer baked; `wenv bake` bakes it again")
    if not changes:
        printer.say(f"{after.label} is complete: nothing changed")


def _report_plan(
    printer: Printer, label: str, changes: "Sequence[VersionChange]", folders: "Sequence[str]", *, as_json: bool
) -> None:
    """Say what would change; `folders` are projects that would be built from theirs."""
    if as_json:
        printer.json({"changes": [change.as_json() for change in changes], "builds": list(folders)})
        return
    for change in changes:
        printer.line(f" {change.words}")
    if folders:
        printer.say(f"To be built from a folder, which tells its version and requirements only then: {', '.join(folders)}")
    printer.say(f"{label} was not changed" if changes or folders else f"{label} is complete: nothing would change")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(install)
    app.command()(uninstall)
