"""``wenv build``."""

from pathlib import Path
from typing import Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import UsageError, WenvError
from wenv.report.words import human_size


def build(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[REQUIREMENT]...", help="Packages to build, for example 'numpy==2.5.*'.")
    ] = None,
    files: options.Files = None,
    constraints: options.Constraints = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where to put the wheels.  [default: dist]")
    ] = Path("dist"),
    log: Annotated[
        bool, typer.Option("--log", help="Print what the latest builds of NAME printed, and build nothing.")
    ] = False,
    index_url: options.IndexUrl = None,
    extra_index_urls: options.ExtraIndexUrls = None,
    find_links: options.FindLinks = None,
    no_index: options.NoIndex = False,
    pre: options.Pre = False,
    no_binary: options.NoBinary = None,
    build_only: options.BuildOnly = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "-C",
            "--config-setting",
            metavar="KEY=VALUE",
            help="Tell the build backends of the named packages (PEP 517).",
            rich_help_panel=options.BUILDING,
        ),
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Build WebAssembly wheels from source distributions, to share in a folder or on an index.

    The named packages are built even if they have usable wheels, and what they need as far as it has none.  Each wheel is
    tried: all of its extension modules are imported in a sandbox.  Build code of the packages runs on this machine.

    Needs the extra for building: pip install 'wenv\\[build]'.

    [bold]Examples[/]

      wenv build numpy -o wheels
      wenv create --find-links wheels numpy    [dim]on another machine, which needs no compiler[/]
      wenv build --log numpy
    """
    from dataclasses import replace

    from wenv.cli.workspace import open_workspace
    from wenv.make import solve, wheels
    from wenv.make.wanted import Wanted, index_options
    from wenv_resolver.requirements import Requested

    if not names and not files:
        raise UsageError("no package is named", "`wenv build --log NAME`" if log else "`wenv build NAME…`")
    if log:
        _print_logs(names or [])
        return
    rules = options.build_rules(False, build_only)
    pairs = tuple((key, value) for key, equals, value in (text.partition("=") for text in settings or ()) if key and equals)
    if len(pairs) < len(settings or ()):
        raise UsageError("a configuration setting is KEY=VALUE")
    try:
        output.mkdir(parents=True, exist_ok=True)  # before, not after, minutes of building
    except OSError as error:
        raise WenvError(f"wheels cannot be put into {output}: {error.strerror}", "name another folder with -o") from error
    with Printer(quiet=quiet or as_json) as printer:
        runtime = open_workspace().runtime()
        index = index_options(index_url, extra_index_urls, find_links, no_index, pre, no_binary)
        wanted = Wanted.of(names, files, constraints, None, None, index).requested(runtime, printer)
        named = tuple(line.name for line in wanted.requirements if line.name)
        asked = Requested(wanted.requirements, wanted.constraints, wanted.options.merged(options.from_source(named)))
        rules = replace(rules, settings=pairs, settings_for=frozenset(named))
        solved = solve.solve(runtime, asked, printer, rules=rules)
        with runtime.store.writing() as writing:
            built = wheels.build(writing, runtime, solved, output, printer)
        if as_json:
            printer.json([wheel.as_json() for wheel in built])
            return
        for wheel in built:
            printer.say(f"{wheel.path} ({human_size(wheel.size)}{'' if wheel.native else ', pure Python'})")


def _print_logs(names: list[str]) -> None:
    """The logs of packages, the latest of each version."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    from wenv.cli.workspace import open_workspace
    from wenv_cache.kinds import Kind
    from wenv_resolver.building.logs import printable

    folder = open_workspace().store.folder(Kind.LOGS)
    for text in names:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise UsageError(f"{text!r} names no package", "`wenv build --log NAME`") from error
        logs = (folder / canonicalize_name(requirement.name)).glob("*.log")
        found = [path for path in logs if requirement.specifier.contains(path.stem, prereleases=True)]
        if not found:
            raise WenvError(f"{text} has not been built on this machine", "or its log was deleted by `wenv cache prune --all`")
        for path in sorted(found, key=lambda path: path.stat().st_mtime):
            Printer().line(f"# {path}")
            print(printable(path.read_text("utf-8", "replace")), end="")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(build)
