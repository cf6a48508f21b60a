"""``wenv diff``."""

from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import Exit
from wenv.report.words import human_size
from wenv_cache.errors import UserError

if TYPE_CHECKING:
    from wenv.share.diff import Difference

_KIND = "A name, a folder, a .wenv file, or an address in a registry."


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help=_KIND, show_default=False)],
    after: Annotated[str, typer.Argument(metavar="B", help=_KIND, show_default=False)],
    files: Annotated[bool, typer.Option("--files", help="List the files that differ.")] = False,
    plain_http: options.PlainHttp = False,
    as_json: options.Json = False,
) -> int:
    """Show what differs between two environments: packages, layers, files, sizes.

    The exit status is 0 if they have the same layers, 1 if they differ, 2 if that could not be found out.

    [bold]Examples[/]

      wenv diff lab scratch
      wenv diff .wenv lab.wenv --files
    """
    from wenv.cli.workspace import open_workspace
    from wenv.share.diff import difference, side

    store = open_workspace().store
    with Printer(quiet=as_json) as printer:
        try:
            with (
                store.writing() as writing,
                side(writing, before, printer, plain_http=plain_http) as one,
                side(writing, after, printer, plain_http=plain_http) as other,
            ):
                found = difference(store, one, other)
        except UserError as error:
            printer.error(error)
            return Exit.USAGE
        if as_json:
            printer.json(found.as_json())
        else:
            _show(printer, found, files=files)
    return Exit.OK if found.is_empty else Exit.FAILURE


def _show(printer: Printer, found: "Difference", *, files: bool) -> None:
    if found.is_empty:
        printer.say(f"{found.before} and {found.after} have the same {found.shared} packages")
        return
    rows = [
        (
            change.name,
            change.change,
            change.before or "",
            change.after or "",
            f"{change.size_after - change.size_before:+d}",
            len(change.files),
        )
        for change in found.packages
    ]
    if rows:
        printer.table(("Package", "Change", found.before, found.after, "Bytes", "Files"), rows, right=(4, 5))
    if found.runtimes[0] != found.runtimes[1]:
        printer.line(f"runtime: {found.runtimes[0]} -> {found.runtimes[1]}")
    if files:
        for change in found.packages:
            for file in change.files:
                mark = "+" if file.before is None else "-" if file.after is None else "~"
                printer.line(f"{mark} {change.name}: {file.path} ({_sizes(file.before, file.after)})")
    printer.say(
        f"packages that differ: {len(found.packages)}, layers that both have: {found.shared}; "
        f"{human_size(found.size_before)} -> {human_size(found.size_after)}"
    )


def _sizes(before: int | None, after: int | None) -> str:
    return " -> ".join(human_size(size) for size in (before, after) if size is not None)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(diff)
