"""``wenv tree``, ``wenv why`` and ``wenv freeze``: what is there, and for whose sake."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import WenvError

if TYPE_CHECKING:
    from wenv.report.packages import PackageReport


def _reports(name: options.Name, path: options.At, printer: Printer) -> "dict[str, PackageReport]":
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.report.packages import package_reports

    chosen = find.find(name, path)
    return {report.name: report for report in package_reports(open_workspace().runtime_for(chosen), chosen, printer)}


def tree(name: options.Name = None, path: options.At = None, as_json: options.Json = False) -> None:
    """Show packages below those that need them.

    [bold]Examples[/]

      wenv tree
    """
    printer = Printer()
    reports = _reports(name, path, printer)
    if as_json:
        printer.json({each.name: {"version": each.version, "needs": each.needs} for each in reports.values()})
        return
    for report in reports.values():
        if report.requested or not report.needed_by:
            for line in _below(report, reports, ()):
                printer.line(line)


def _below(report: "PackageReport", reports: "dict[str, PackageReport]", above: tuple[str, ...]) -> "Iterator[str]":
    """The lines of a package and of what it needs; a package that needs itself in the end is shown once."""
    again = " (see above)" if report.name in above else ""
    yield f"{'    ' * len(above)}{report.name} {report.version}{again}"
    for needed in report.needs if not again else ():
        yield from _below(reports[needed], reports, (*above, report.name))


def why(
    package: Annotated[str, typer.Argument(metavar="PACKAGE")],
    name: options.Name = None,
    path: options.At = None,
    as_json: options.Json = False,
) -> None:
    """Say for whose sake a package is there: every way to it from what was asked for.

    [bold]Examples[/]

      wenv why idna
    """
    from packaging.utils import canonicalize_name

    printer = Printer()
    reports, wanted = _reports(name, path, printer), canonicalize_name(package)
    if wanted not in reports:
        raise WenvError(f"{package} is not in the environment", "`wenv info` lists what is")
    ways = list(_ways(wanted, reports, ()))
    if as_json:
        printer.json(ways)
        return
    for way in ways:
        printer.line(" <- ".join(reversed([f"{each} {reports[each].version}" for each in way])))


def _ways(name: str, reports: "dict[str, PackageReport]", below: tuple[str, ...]) -> "Iterator[list[str]]":
    """From what was asked for to a package, each a list of names."""
    report, way = reports[name], (name, *below)
    users = [user for user in report.needed_by if user not in way]
    if report.requested or not users:
        yield list(way)
    for user in users:
        yield from _ways(user, reports, way)


def freeze(name: options.Name = None, path: options.At = None) -> None:
    """Print the packages with their versions, or the addresses that they came from, as a requirements file.

    `wenv lock` writes them with hashes and addresses.

    [bold]Examples[/]

      wenv freeze > requirements.txt
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.make.locked import addresses
    from wenv.report.packages import package_reports

    printer, chosen = Printer(), find.find(name, path)
    runtime = open_workspace().runtime_for(chosen)
    given = addresses(runtime, chosen, printer)
    for report in package_reports(runtime, chosen, printer):
        if report.folder is not None:
            printer.line(f"-e {report.folder}")
        elif report.name in given:
            printer.line(f"{report.name} @ {given[report.name]}")
        else:
            printer.line(f"{report.name}=={report.version}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(tree)
    app.command()(why)
    app.command()(freeze)
