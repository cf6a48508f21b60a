"""``wenv pack``."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import Exit, UsageError
from wenv.report.words import human_size

if TYPE_CHECKING:
    from wenv.pack.pack import Packed


def pack(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...", help="Files and folders to take along; the program finds them in /app.", show_default=False
        ),
    ] = None,
    entry: Annotated[
        str | None, typer.Option("--entry", metavar="SCRIPT", help="The program: a script, or a console script by name.")
    ] = None,
    module: Annotated[
        str | None, typer.Option("--module", "-m", metavar="MODULE", help="The program: a module, as `python -m`.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="[default: the program's name.wasm]")
    ] = None,
    slim: Annotated[
        bool, typer.Option("--slim", help="Leave out tests, type stubs, documents, and what the program cannot import.")
    ] = False,
    no_bake: Annotated[bool, typer.Option("--no-bake", help="Have nothing imported already.")] = False,
    network: Annotated[
        bool, typer.Option("--net", help="Let the program open sockets, where the host that runs it grants a network.")
    ] = False,
    precompile: Annotated[
        Path | None,
        typer.Option("--precompile", metavar="WASMTIME", help="Also write a .cwasm, compiled by this wasmtime executable."),
    ] = None,
    force: options.Force = False,
    name: options.Name = None,
    path: options.At = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> int:
    """Make one file of an environment and a program, for any host with wasmtime.

    The file holds the interpreter, the standard library, all packages with their data files, and the program.  Without --entry
    or -m it is a Python of its own: `wasmtime run FILE -c CODE`, `-m MODULE`, a script in a folder that --dir grants, a prompt
    on a terminal.

    A program reads its own files in /app and has a /tmp in memory; folders of the host's are granted by `wasmtime run --dir`.
    Its exit status is 0 or 1.  wasmtime's usual stack allows 250 nested calls; with `-W max-wasm-stack=1900000` a program may
    raise the limit by `sys.setrecursionlimit`.

    With --net it opens sockets where the host that runs it grants them, which is everything or nothing:
    `wasmtime run -S inherit-network -S allow-ip-name-lookup FILE`.  There is no TLS in it.

    A .cwasm made with --precompile is native code, for that version of wasmtime and this kind of processor only; it starts
    without compiling: `wasmtime run --allow-precompiled FILE.cwasm`.

    [bold]Examples[/]

      wenv pack --entry app.py templates/ -o app.wasm
      wenv pack -n lab -m rich.table --slim
      wasmtime run app.wasm ARGUMENT...
    """  # fmt: skip
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.make.standalone import standalone
    from wenv.pack import pack as packing
    from wenv.pack.program import program_of

    if entry is not None and module is not None:
        raise UsageError("--entry and -m exclude each other")
    start, chosen = time.monotonic(), find.find(name, path)
    program = program_of(open_workspace().store, chosen, entry, module, files or ())
    usual = Path(entry).stem if entry else module or chosen.title
    target = output or Path(f"{usual}.wasm")
    native = target.with_suffix(".cwasm") if precompile is not None else None
    if not target.absolute().parent.is_dir():
        raise UsageError(f"{target.parent} is not a folder")
    if target.is_dir() or target.suffix == ".cwasm":
        raise UsageError(f"{target}: not a file's name for a component", "-o app.wasm")
    for written in filter(None, (target, native)):
        if any(written.absolute() == source for _, source in program.files):
            raise UsageError(f"{written} is one of the program's files", "-o names another")
        if written.exists() and not force:
            raise UsageError(f"{written} exists", "--force overwrites it, -o names another")
    with Printer(quiet=quiet or as_json) as printer:
        runtime = open_workspace().runtime_for(chosen)
        with runtime.store.writing() as writing:
            made = packing.pack(
                writing,
                runtime,
                standalone(writing, runtime, chosen, printer),
                program,
                target,
                printer,
                bake=not no_bake,
                slim=slim,
                network=network,
                precompile=precompile,
            )
        if as_json:
            printer.json({**made.as_json(), "seconds": round(time.monotonic() - start, 3)})
        elif not quiet:
            _show(printer, made, time.monotonic() - start)
    return Exit.OK


def _show(printer: Printer, made: "Packed", seconds: float) -> None:
    rows = [("interpreter and memory", "", "", human_size(made.interpreter))]
    for part in made.parts:
        if part.files:
            rows.append((part.name, human_size(part.files), human_size(part.code), human_size(part.files + part.code)))
    printer.table(("Part", "Files", "Code", "Size"), rows, right=(1, 2, 3))
    imported = f", with {', '.join(made.modules)} imported" if made.modules else ""
    printer.say(f"Packed {made.path} in {seconds:.1f} s ({human_size(made.size)}{imported})")
    for module in made.missing:
        printer.say(f"warning: {module} is imported, and is neither in the environment nor among the files")
    for module, reason in made.not_imported.items():
        printer.say(f"not imported beforehand: {module}: {reason}")
    if made.precompiled:
        printer.say(f"Compiled {made.precompiled} ({human_size(made.precompiled.stat().st_size)})")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(pack)
