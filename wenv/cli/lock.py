"""``wenv lock``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.environment.kinds import Choice

if TYPE_CHECKING:
    from wenv.environment.manifest import Environment
    from wenv.runtimes.workspace import Workspace


def lock(
    names: Annotated[list[str] | None, typer.Argument(metavar="[REQUIREMENT]...", help="Packages.")] = None,
    files: options.Files = None,
    constraints: options.Constraints = None,
    extras: options.Extras = None,
    groups: options.Groups = None,
    editables: options.Editables = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to write it.  [default: standard output]")
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option("--script", metavar="FILE", help="Lock what a script names, for its runs: in pylock.NAME.toml beside it."),
    ] = None,
    upgrade: Annotated[
        bool, typer.Option("-U", "--upgrade", help="Do not keep the versions of an OUTPUT that is there.")
    ] = False,
    runtime: options.Runtime = Choice.AUTO,
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
    quiet: options.Quiet = False,
) -> None:
    """Write a pylock.toml (PEP 751): every package at one version, with hashes and sizes.

    With requirements, these are resolved and no environment is made.  With none, the lock of an environment is written.

    [bold]Examples[/]

      wenv lock -r requirements.txt -o pylock.toml
      wenv lock -n lab > pylock.lab.toml
      wenv lock --script job.py            [dim]what `wenv run job.py` gets from now on[/]
    """  # fmt: skip
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.errors import UsageError
    from wenv.make import solve
    from wenv.make.choose_runtime import chosen_runtime
    from wenv.make.wanted import Wanted, index_options
    from wenv_cache.files import rewrite
    from wenv_resolver.fetch import fetch
    from wenv_resolver.lock import is_lock, lock_facts, lock_text, read_lock

    if script is not None:
        if names or files or editables or constraints or output is not None:
            raise UsageError("--script names what is locked, and where")
        from wenv.make.scripts import lock_to_write

        files, output = [script], lock_to_write(script)
    if output is not None and not is_lock(output):
        raise UsageError(f"{output.name} is no name for a lock", "call it pylock.toml or pylock.NAME.toml")
    with Printer(quiet=quiet) as printer:
        workspace = open_workspace()
        if names or files or editables or constraints or groups:
            index = index_options(index_url, extra_index_urls, find_links, no_index, pre, no_binary, exclude_newer, no_deps)
            inputs = Wanted.of(
                names, files, constraints, extras, groups, index, options.build_rules(no_build, build_only), editables
            )
            chosen = chosen_runtime(workspace, runtime, inputs, printer)
            target = chosen.target(printer)
            wanted, kept = inputs.requested(chosen, printer), []
            if output is not None and output.is_file() and not upgrade:
                before = output.read_text("utf-8")
                if lock_facts(before).runtime in (None, chosen.kind.value):
                    kept = read_lock(before, str(output), target)[0]
            solved = solve.solve(chosen, wanted, printer, kept, inputs.rules, refresh=refresh or upgrade)
            with workspace.store.writing() as writing:
                ready = [file for file in solved.files if not file.is_source]  # sources have been looked into already
                fetched = [item.file for item in fetch(writing, ready, target, wanted.options, printer)]
            sources = [file for file in solved.files if file.is_source]
            lines = [line.text for line in wanted.requirements]
            of_script = None if script is None else script.resolve().name
            beside = output.absolute().parent if output is not None else Path.cwd()
            text = lock_text([*fetched, *sources], lines, target, chosen.kind.value, beside, of_script)
        else:
            text = _of_environment(workspace, find.find(name, path), output, printer)
        if output is None:
            print(text, end="")
        else:
            rewrite(output, text)
            printer.say(f"Wrote {output}")


def _of_environment(workspace: "Workspace", chosen: "Environment", output: Path | None, printer: Printer) -> str:
    """The lock of an environment; in a file, folders of this machine are named as they lie from that."""
    from wenv.make.locked import lock_of
    from wenv_resolver.lock import LOCK_NAME, lock_text, read_lock

    text, runtime = lock_of(workspace.store, chosen), workspace.runtime_for(chosen)
    target = runtime.target(printer)
    files, asked = read_lock(text, str(chosen.folder / LOCK_NAME), target)
    if output is None or not any(file.url.startswith("file:") for file in files):
        return text
    return lock_text(files, asked, target, runtime.kind.value, output.absolute().parent)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(lock)
