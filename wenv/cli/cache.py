"""``wenv cache``: the store that all environments share."""

from contextlib import nullcontext
from typing import Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.cli.words import Commands
from wenv.errors import Exit
from wenv.report.words import human_size

cache_app = typer.Typer(
    cls=Commands, help="Look at, check and clean the store that all environments share.", no_args_is_help=True
)


@cache_app.command("dir")
def directory() -> None:
    """Print the store's folder (WENV_CACHE_DIR sets it)."""
    from wenv.locations import cache_folder

    Printer().line(str(cache_folder()))


@cache_app.command("du")
def disk_use(as_json: options.Json = False) -> None:
    """Disk use by kind of entry; what is shared is counted once."""
    from dataclasses import asdict

    from wenv.cli.workspace import open_workspace
    from wenv_cache.usage import usage

    found, printer = usage(open_workspace().store), Printer()
    if as_json:
        printer.json(asdict(found))
        return
    rows = [
        (use.kind, use.entries, human_size(use.size), "made again" if use.purgeable else "kept while used", use.purpose)
        for use in found.rows
    ]
    total = ("total", "", human_size(found.size), "", "")
    printer.table(("Kind", "Entries", "Size", "If deleted", "What it is"), [*rows, total], right=(1, 2), optional=(4,))
    printer.line(f"Files that layers share save {human_size(found.saved)}.")


@cache_app.command()
def verify(
    repair: Annotated[bool, typer.Option("--repair", help="Delete what is damaged; `wenv install` restores it.")] = False,
    as_json: options.Json = False,
) -> None:
    """Check every entry against its digest.  Exit status 1 if any is damaged."""
    from wenv.cli.workspace import open_workspace
    from wenv_cache.verify import repair as delete
    from wenv_cache.verify import verify as check

    workspace = open_workspace()
    store = workspace.store
    with Printer(quiet=as_json) as printer:
        printer.begin("Verifying")
        findings = list(check(store))
        if repair and findings:
            delete(store, findings)
        printer.end("Verifying")
        if as_json:
            printer.json([finding.as_json() for finding in findings])
        else:
            for finding in findings:
                printer.line(f"{finding.kind} {finding.entry}: {finding.problem}")
            printer.say(
                f"{len(findings)} damaged" + (", deleted" if repair else "") if findings else "Everything is as it should be"
            )
    raise typer.Exit(Exit.FAILURE if findings and not repair else Exit.OK)


@cache_app.command()
def prune(
    everything: Annotated[
        bool, typer.Option("--all", help="Also what can be had again: answers of indexes, the interpreter.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    as_json: options.Json = False,
) -> None:
    """Delete what no environment uses."""  # fmt: skip
    from dataclasses import asdict

    from wenv.cli.workspace import open_workspace
    from wenv.environment import known
    from wenv.report.roots import roots
    from wenv.share import temporary
    from wenv_cache.prune import prune as delete

    workspace = open_workspace()
    store = workspace.store
    with Printer(quiet=as_json) as printer:
        printer.begin("Pruning")
        with nullcontext(True) if dry_run else store.pruning() as alone:
            if not dry_run:
                temporary.sweep()
                known.forget_vanished()
            needed = roots(workspace, with_runtime=not everything)
            result = delete(store, needed, alone=alone, downloads=everything, dry_run=dry_run)
        printer.end("Pruning")
        if as_json:
            printer.json(asdict(result))
            return
        what = ", ".join(f"{count} {kind}" for kind, count in sorted(result.entries.items())) or "nothing"
        printer.say(f"{'Would delete' if dry_run else 'Deleted'} {what} ({human_size(result.size)})")
        if result.left:
            printer.say(f"{result.left} entries of the last hour were left, as another command is adding to the store")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(cache_app, name="cache")
