"""``wenv install`` and ``wenv uninstall``."""

from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import WenvError

if TYPE_CHECKING:
    from wenv.environment import Environment


def install(
    names: Annotated[list[str] | None, typer.Argument(metavar="[REQUIREMENT]...", help="Packages to add.")] = None,
    files: options.Files = None,
    constraints: options.Constraints = None,
    extras: options.Extras = None,
    groups: options.Groups = None,
    upgrade: Annotated[bool, typer.Option("-U", "--upgrade", help="Take the newest versions of everything.")] = False,
    name: options.Name = None,
    path: options.At = None,
    index_url: options.IndexUrl = None,
    extra_index_urls: options.ExtraIndexUrls = None,
    find_links: options.FindLinks = None,
    no_index: options.NoIndex = False,
    pre: options.Pre = False,
    refresh: options.Refresh = False,
    no_binary: options.NoBinary = None,
    no_build: options.NoBuild = False,
    build_only: options.BuildOnly = None,
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
    from resolver.lock import is_lock
    from resolver.requested import IndexOptions, Requested
    from wenv import creation, environment
    from wenv.cli.inputs import index_options, requested_of, solution
    from wenv.cli.store import open_store
    from wenv.runtimes import default_runtime

    with Printer(quiet=quiet or as_json) as printer:
        chosen = environment.find(name, path)
        runtime = default_runtime(open_store())
        index = index_options(index_url, extra_index_urls, find_links, no_index, pre, no_binary)
        rules = options.build_rules(no_build, build_only)
        locked = any(is_lock(file) for file in files or ())
        nothing = not (names or files or constraints or extras or groups or upgrade) and index == IndexOptions()

        def decide(current: "Environment") -> creation.Solution:
            before = Requested.from_json(current.requested)
            if locked:
                return solution(runtime, names, files, constraints, extras, groups, index, rules, printer, refresh=refresh)
            kept = creation.locked_wheels(runtime, current, printer)
            if nothing:
                return creation.Solution(before, tuple(kept), rules)
            wanted = requested_of(runtime, names, files, constraints, extras, groups, index, printer)
            return creation.solve(
                runtime, before.merged(wanted), printer, () if upgrade else kept, rules, refresh=refresh or upgrade
            )

        _report(printer, *creation.change(runtime, chosen.folder, decide, printer), as_json)


def uninstall(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Packages to take out.")],
    name: options.Name = None,
    path: options.At = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Take packages out of an environment, with what only they needed.

    [bold]Example[/]

      wenv uninstall rich
    """
    from packaging.utils import canonicalize_name

    from resolver.requested import Requested
    from wenv import creation, environment
    from wenv.cli.store import open_store
    from wenv.report import package_reports
    from wenv.runtimes import default_runtime

    with Printer(quiet=quiet or as_json) as printer:
        chosen = environment.find(name, path)
        runtime = default_runtime(open_store())

        def decide(current: "Environment") -> creation.Solution:
            before = Requested.from_json(current.requested)
            asked = {line.name for line in before.requirements}
            reports = {r.name: r for r in package_reports(runtime.store, current, runtime.target(printer).markers)}
            for given in names:
                wanted = canonicalize_name(given)
                if wanted not in asked and wanted not in reports:
                    raise WenvError(f"{given} is not in {current.label}", "`wenv info` lists what is")
                if wanted not in asked:
                    needed = ", ".join(reports[wanted].needed_by)
                    raise WenvError(f"{given} was not asked for; it is needed by {needed}", f"uninstall {needed}")
            kept = creation.locked_wheels(runtime, current, printer)
            return creation.solve(runtime, before.without(names), printer, kept)

        _report(printer, *creation.change(runtime, chosen.folder, decide, printer), as_json)


def _report(printer: Printer, before: "Environment", after: "Environment", as_json: bool) -> None:
    """Say what changed."""
    old = {package.name: package.version for package in before.packages}
    new = {package.name: package.version for package in after.packages}
    changes = [
        {"name": name, "before": old.get(name), "after": new.get(name)}
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    if as_json:
        printer.json({"folder": str(after.folder), "snapshot": after.snapshot, "changes": changes})
        return
    for item in changes:
        if item["before"] is None:
            printer.say(f" + {item['name']} {item['after']}")
        elif item["after"] is None:
            printer.say(f" - {item['name']} {item['before']}")
        else:
            printer.say(f" ~ {item['name']} {item['before']} -> {item['after']}")
    if before.baked.modules and not after.baked.modules:
        printer.say(f"{after.label} is no longer baked; `wenv bake` bakes it again")
    if not changes:
        printer.say(f"{after.label} is complete: nothing changed")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(install)
    app.command()(uninstall)
