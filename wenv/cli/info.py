"""``wenv info``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import UsageError
from wenv.report.words import human_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wenv.environment.manifest import Baked, Environment
    from wenv.report.packages import PackageReport
    from wenv.share.incoming import Arrived


def info(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A .wenv file, which is only read.", show_default=False)
    ] = None,
    name: options.Name = None,
    path: options.At = None,
    as_json: options.Json = False,
) -> None:
    """Say what an environment holds: packages, who needs them, console scripts, policy, digests, sizes.

    [bold]Examples[/]

      wenv info
      wenv info -n lab --json
      wenv info lab.wenv
    """
    if file is not None:
        if name is not None or path is not None:
            raise UsageError("a file and an environment exclude each other")
        from wenv.share.incoming import open_file

        with open_file(file) as source:
            _show_file(Printer(), source, as_json=as_json)
        return
    from wenv.bake.baking import is_baked, size
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.report.packages import package_reports
    from wenv.snapshot.contents import console_scripts

    workspace, printer = open_workspace(), Printer()
    store = workspace.store
    chosen = find.find(name, path)
    runtime = workspace.runtime_for(chosen)
    packages = package_reports(runtime, chosen, printer)
    scripts = console_scripts(store, chosen.packages)
    component = size(runtime, chosen) if is_baked(runtime, chosen) else 0
    if as_json:
        shown = {**chosen.baked.as_json(), "size": component} if component else None
        more = {"folder": str(chosen.folder), "name": chosen.name, "packages": [p.as_json() for p in packages], "bake": shown}
        printer.json({**chosen.as_json(), **more, "scripts": scripts})
        return
    library = store.manifest(chosen.runtime.standard_library).size
    for heading, value in (
        ("Environment", chosen.label),
        ("Folder", chosen.folder),
        ("Runtime", f"{chosen.runtime.name} ({chosen.runtime.identity})"),
        ("Snapshot", f"sha256:{chosen.snapshot}"),
        ("Changed", f"{chosen.changed} (created {chosen.created})"),
        ("Size", f"{human_size(sum(p.size for p in packages))}, and {human_size(library)} of standard library"),
        ("Policy", chosen.asked.words + ("" if chosen.is_policy_granted() else " (not granted)")),
        ("Asked for", _request_words(chosen)),
        ("Linked", _linked_words(packages)),
        ("Baked", _baked_words(chosen.baked, component)),
        ("Scripts", ", ".join(scripts) or "none"),
        *((("Editable", _editable_words(chosen)),) if chosen.editables else ()),
        *(
            ("Built", f"{p.name} {p.version} from {p.origin.words}")
            for p in packages
            if p.origin is not None and p.origin.built
        ),
    ):
        printer.line(f"{heading:<12} {value}")
    if packages:
        printer.line("")
        rows = [
            (p.name, p.version, p.kind, human_size(p.size), "you" if p.requested else ", ".join(p.needed_by), p.layer[:12])
            for p in packages
        ]
        printer.table(("Package", "Version", "Kind", "Size", "Needed by", "Layer"), rows, right=(3,), optional=(5, 2))


def _request_words(chosen: "Environment") -> str:
    """What the project asks for, and whether it was granted."""
    from wenv.environment import granting

    request = granting.request_of_project(chosen)
    if request is None:
        return "nothing"
    return f"{request.policy.words} ({request.path.name}, {'granted' if granting.is_granted(request) else 'not granted'})"


def _editable_words(chosen: "Environment") -> str:
    """Which projects are imported from which folders."""
    named = [f"{package.name} in {package.editable.folder}" for package in chosen.editables if package.editable is not None]
    return ", ".join(named) + ("" if chosen.are_editables_granted() else " (not made on this machine)")


def _linked_words(packages: "Sequence[PackageReport]") -> str:
    """Which packages have extension modules in the component, and how many."""
    counts = [f"{p.name} ({len(p.linked)} module{'s' * (len(p.linked) != 1)})" for p in packages if p.linked]
    return ", ".join(counts) or "nothing but the interpreter"


def _baked_words(done: "Baked", size: int) -> str:
    """Which modules are kept imported, since when, and what that takes."""
    if not size:
        return "nothing any more; `wenv bake` bakes it again" if done.modules else "nothing"
    left_out = f"; left out {', '.join(name for name, _ in done.left_out)}" if done.left_out else ""
    return f"{', '.join(done.modules)} ({human_size(size)}, {done.made}{left_out})"


def _show_file(printer: Printer, source: "Arrived", *, as_json: bool) -> None:
    """Describe a .wenv file from its manifest and configuration; its layers are not read."""
    if as_json:
        printer.json(source.as_json())
        return
    from wenv.share.incoming import declared_size

    configuration = source.configuration
    compressed = sum(blob.size for blob in source.layers.values())
    for heading, value in (
        ("File", source.label),
        ("Digest", f"sha256:{source.digest}"),
        ("Runtime", f"{configuration.runtime.name} ({configuration.runtime.identity})"),
        ("Snapshot", f"sha256:{configuration.snapshot}"),
        ("Made", "; ".join(f"{item['action']} {item['time']} by {item['by']}" for item in configuration.history)),
        ("Size", f"{human_size(source.size)}, {human_size(compressed)} compressed"),
        ("Asks for", configuration.asked.words),
    ):
        printer.line(f"{heading:<12} {value}")
    printer.line("")
    rows = [
        (package.name, package.version, human_size(declared_size(source.layers[package.digest])), package.digest[:12])
        for package in configuration.packages
    ]
    printer.table(("Package", "Version", "Size", "Layer"), rows, right=(2,))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(info)
