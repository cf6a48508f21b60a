"""``wenv check``."""

from typing import Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.environment.kinds import Choice
from wenv.errors import Exit


def check(
    names: Annotated[list[str] | None, typer.Argument(metavar="[REQUIREMENT]...", help="Packages.")] = None,
    files: options.Files = None,
    constraints: options.Constraints = None,
    extras: options.Extras = None,
    groups: options.Groups = None,
    editables: options.Editables = None,
    runtime: options.Runtime = Choice.AUTO,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also fetch, build, and import every top-level module in a sandbox."),
    ] = False,
    index_url: options.IndexUrl = None,
    extra_index_urls: options.ExtraIndexUrls = None,
    find_links: options.FindLinks = None,
    no_index: options.NoIndex = False,
    pre: options.Pre = False,
    exclude_newer: options.ExcludeNewer = None,
    no_deps: options.NoDeps = False,
    no_binary: options.NoBinary = None,
    no_build: options.NoBuild = False,
    build_only: options.BuildOnly = None,
    as_json: options.Json = False,
) -> None:
    """Say for each package that would be needed whether it works here, and how; make nothing.

    Exit status 1 if one cannot work.

    [bold]Examples[/]

      wenv check -r requirements.txt
      wenv check pandas --json
      wenv check --deep flask pyyaml
    """
    from wenv.cli.workspace import open_workspace
    from wenv.errors import UsageError
    from wenv.make.check import findings, tried
    from wenv.make.choose_runtime import chosen_runtime
    from wenv.make.wanted import Wanted, index_options

    if not names and not files and not editables and not groups:
        raise UsageError("nothing is named to check", "`wenv check NAME…` or `wenv check -r FILE`")
    rules = options.build_rules(no_build, build_only)
    with Printer(quiet=as_json) as printer:
        index = index_options(index_url, extra_index_urls, find_links, no_index, pre, no_binary, exclude_newer, no_deps)
        inputs = Wanted.of(names, files, constraints, extras, groups, index, rules, editables)
        chosen = chosen_runtime(open_workspace(), runtime, inputs, printer)
        wanted = inputs.requested(chosen, printer)
        found = findings(chosen, wanted, rules, printer)
        fine = all(finding.works for finding in found)
        if deep and fine:
            found = tried(chosen, wanted, found, rules, printer)
            fine = all(finding.works for finding in found)
        if as_json:
            printer.json([finding.as_json() for finding in found])
        else:
            rows = [(f.name, f.version, f.how, ", ".join(f.needed_by) or "you", f.evidence) for f in found]
            printer.table(("Package", "Version", "How", "Needed by", "Evidence"), rows)
            if deep and not fine and not any(f.imported for f in found):
                printer.say("Nothing was built or imported: some packages cannot work")
    raise typer.Exit(Exit.OK if fine else Exit.FAILURE)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(check)
