"""``wenv create``."""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.environment.kinds import Choice
from wenv.errors import UsageError

if TYPE_CHECKING:
    from wenv.make.solve import Solution

#: Words that people give to environments; packages are called python-dotenv and pipenv.
NAMES_OF_ENVIRONMENTS = re.compile(
    "base|default|dev|development|lab|my-project|new|prod|project|sandbox|(my|test|new|dev|py|conda)?[-_]?v?env[0-9]*"
)
#: What a bare `wenv create` says that it did not read, the first that is there.
READABLE = ("pylock.toml", "requirements.txt", "pyproject.toml")


def create(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[REQUIREMENT]...", help="Packages, for example 'rich>=13'.")
    ] = None,
    files: options.Files = None,
    editables: options.Editables = None,
    constraints: options.Constraints = None,
    extras: options.Extras = None,
    groups: options.Groups = None,
    name: options.Name = None,
    path: options.Here = None,
    runtime: options.Runtime = Choice.AUTO,
    python: options.Python = None,
    clear: Annotated[bool, typer.Option("--clear", help="Replace an environment that is there.")] = False,
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
    bake: Annotated[bool, typer.Option("--bake", help="Keep the packages imported: `wenv bake` at once.")] = False,
    write: options.Write = False,
    mounts: options.Mounts = None,
    variables: options.Variables = None,
    memory: options.Memory = None,
    timeout: options.Time = None,
    max_output: options.Output = None,
    max_disk: options.Disk = None,
    max_files: options.Kept = None,
    max_open: options.Open = None,
    max_children: options.Children = None,
    net: options.Net = None,
    listen: options.Listen = None,
    max_net: options.MaxNet = None,
    secrets: options.Secrets = None,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Make an environment.

    Sandbox options are kept with the environment: every run in it starts from them.

    [bold]Examples[/]

      wenv create -r requirements.txt      [dim]in .wenv, here[/]
      wenv create -n lab rich httpx        [dim]a named one[/]
      wenv create -r pyproject.toml --extra test
      wenv create -r pylock.toml           [dim]exactly what was locked[/]
      wenv create -e '.[test]'             [dim]the project here, current as its files change[/]
    """
    from wenv.bake import baking
    from wenv.cli.bake import show
    from wenv.cli.workspace import open_workspace
    from wenv.environment.find import place
    from wenv.make import create as making
    from wenv.make.bake import bake as bake_environment
    from wenv.make.choose_runtime import first_solution
    from wenv.make.wanted import Wanted, index_options
    from wenv.make.write import check_place
    from wenv.report.packages import requested_of_runtime
    from wenv.report.words import packages_of

    if name and path:
        raise UsageError("--name and --path exclude each other")
    if names and len(names) == 1 and not files and name is None and path is None:
        _check_word(names[0])
    start, folder = time.monotonic(), place(name, path)
    check_place(folder, clear=clear or dry_run)
    runtime = options.chosen_kind(runtime, python)
    granted = options.policy(
        write,
        mounts,
        variables,
        memory,
        timeout,
        max_output,
        max_disk,
        max_files,
        max_open,
        max_children,
        net,
        listen,
        max_net,
        secrets,
    )
    rules = options.build_rules(no_build, build_only)
    index = index_options(index_url, extra_index_urls, find_links, no_index, pre, no_binary, exclude_newer, no_deps)
    with Printer(quiet=quiet or as_json) as printer:
        inputs = Wanted.of(names, files, constraints, extras, groups, index, rules, editables)
        solved = first_solution(open_workspace(), runtime, inputs, printer, refresh=refresh)
        if dry_run:
            _show_plan(printer, solved, as_json=as_json)
            return
        made = making.create(folder, solved, granted, printer, clear=clear)
        seconds = time.monotonic() - start
        if bake:
            made = bake_environment(solved.runtime, folder, None, printer)
        if as_json:
            printer.json({**made.as_json(), "folder": str(made.folder), "seconds": round(seconds, 3)})
            return
        count = packages_of(len(made.packages))
        held = len(requested_of_runtime(solved.runtime, made))
        more = f" and {held} of the runtime's" if held else ""
        printer.say(f"Created {_shown(made.folder)} with {count}{more} on {made.runtime.name} in {seconds:.1f} s")
        there = next((each for each in READABLE if Path(each).is_file()), None)
        if there is not None and not (names or files or editables or groups):
            printer.say(f"{there} is here and was not read: `wenv install -r {there}` adds what it names")
        if bake:
            show(printer, made.baked, baking.size(solved.runtime, made), time.monotonic() - start - seconds)


def _show_plan(printer: Printer, solved: "Solution", *, as_json: bool) -> None:
    """Print what a solution would bring."""
    from wenv.make.solve import to_build

    slow = {file.name for file in to_build(solved, printer)}
    rows = [(file.name, file.version, "would be built" if file.name in slow else file.filename) for file in solved.files]
    if as_json:
        printer.json([{"name": name, "version": version, "file": file} for name, version, file in rows])
        return
    printer.table(("Package", "Version", "File"), rows)
    printer.say(f"On {solved.runtime.name}; nothing was made")


def _check_word(word: str) -> None:
    """Raises UsageError for a word that probably names an environment: a stranger's package would be installed."""
    if NAMES_OF_ENVIRONMENTS.fullmatch(word.lower()):
        raise UsageError(
            f"{word} would be a package of the index, and is probably meant as the name of an environment",
            f"`wenv create -n {word}` makes an environment of that name; `wenv create '{word}>=0'` installs the package",
        )


def _shown(folder: Path) -> str:
    return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(create)
