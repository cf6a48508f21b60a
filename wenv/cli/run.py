"""``wenv run``."""

import json
import shutil
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import Exit, UsageError
from wenv.guest.command_line import CommandLine, CommandLineError, parse
from wenv.launcher.program import may_have_block
from wenv.launcher.start import PYTHON_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wenv.environment.manifest import Environment
    from wenv.launcher.program import Program
    from wenv.make.outside_scripts import OutsideScript
    from wenv.policy.policy import Policy
    from wenv.run.outside import Outside
    from wenv.snapshot.ready import Ready


def run(
    program: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PROGRAM [ARGUMENT]...",
            help="A script, its https address, a console script, -m MODULE, -c CODE, or - for stdin.",
            show_default=False,
        ),
    ] = None,
    name: options.Name = None,
    path: options.At = None,
    from_file: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="A .wenv file, in place of an environment.", rich_help_panel=options.ENVIRONMENT
        ),
    ] = None,
    extra: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="REQUIREMENT", help="A package for this run, besides.", rich_help_panel=options.ENVIRONMENT
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("-y", "--yes", help="Do not ask before a script from elsewhere.", rich_help_panel=options.ENVIRONMENT),
    ] = False,
    build_only: options.BuildOnly = None,
    write: options.Write = False,
    mounts: options.Mounts = None,
    variables: options.Variables = None,
    env_files: options.EnvFiles = None,
    databases: options.Databases = None,
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
    authority: options.Authority = None,
    log_network: options.NetworkLog = None,
    functions: options.Functions = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Say what the program would be allowed, and why; run nothing.", rich_help_panel=options.SANDBOX
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print how it ended as JSON, with what it printed.", rich_help_panel=options.SANDBOX)
    ] = False,
) -> int:
    """Run a program in the sandbox.

    It sees the environment, and the working folder read-only at the same path; no network, none of your other files, none of
    your environment variables but the terminal's.  Its exit status is passed on; 116 to 119 and 124 mean that it ended at its
    limit of memory, output, disk, open files or time, 125 that it was not started, 130 Ctrl-C, 134 that the sandbox stopped it.

    A script that says itself what it needs (a block of metadata, PEP 723) runs in an environment of its own, which is made at
    first and kept; with -n or --path it runs in that one.  --with adds packages for this run to a script's, or to those of the
    environment here.

    Options of wenv's come before the program, the program's own after it.

    [bold]Examples[/]

      wenv run script.py --its option
      wenv run -m http.server --help
      wenv run --write --env API_KEY -c 'print("hello")'
      wenv run pytest
      wenv run --from lab.wenv script.py
      wenv run --with rich -c 'import rich; rich.print("[b]hello")'
      wenv run https://example.org/script.py
    """  # fmt: skip
    from wenv.cli.workspace import open_workspace
    from wenv.environment import find
    from wenv.make import outside_scripts
    from wenv_cache.errors import UserError

    try:
        granted = options.policy(
            write,
            mounts,
            options.with_files(variables, env_files),
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
        outside = options.outside(log_network, functions, authority)
        if explain:
            if from_file is not None:
                raise UsageError("--explain excludes --from")
            return _explain(find.find(name, path), granted, as_json=as_json)
        arguments = list(program or ())
        if arguments and arguments[0] in PYTHON_NAMES:
            arguments.pop(0)
        try:
            line = parse(arguments)
        except CommandLineError as error:
            raise UsageError(str(error), error.hint) from None
        if from_file is not None and (name is not None or path is not None or extra):
            raise UsageError("--from excludes --name, --path and --with")
        if from_file is None and name is None and path is None and (address := _outside(line)) is not None:
            outside_scripts.check_folders(write)
            with _asked(address or None, yes=yes) as script, Printer() as printer:
                environment = script.environment(open_workspace(), extra or [], build_only or [], printer)
                program_of_script = CommandLine("script", script.name, line.arguments)
                return start(
                    environment, program_of_script, granted, databases or (), outside, as_json=as_json, source=script.text
                )
        if from_file is None:
            return start(_meant(line, name, path, extra or []), line, granted, databases or (), outside, as_json=as_json)
        return _start_from(from_file, line, granted, databases or (), outside, as_json=as_json)
    except UserError as error:
        if not as_json:
            raise
        from wenv.run.run import not_started

        print(json.dumps({**not_started(error).as_json(), "stdout": "", "stderr": ""}))
        return Exit.NOT_STARTED


def _outside(line: CommandLine) -> str | None:
    """The address of a script from elsewhere, empty for standard input; None for any other program."""
    from wenv.launcher.program import stdin_has_block
    from wenv.make.outside_scripts import ADDRESSES

    if line.form == "script" and line.target.startswith(ADDRESSES):
        return line.target
    return "" if line.form == "stdin" and stdin_has_block() else None


@contextmanager
def _asked(address: str | None, *, yes: bool) -> "Iterator[OutsideScript]":
    """A script from elsewhere, once the user has seen what it asks for and agreed.  Raises UsageError if not."""
    from wenv.make.outside_scripts import outside_script

    printer = Printer()
    script = outside_script(address)
    try:
        printer.say(f"{script.origin} ({len(script.text)} bytes) asks for")
        for line in script.asks():
            printer.say(f"  {line}")
        if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError("a script from elsewhere is not run without being asked for", "--yes runs it")
        if not yes:
            print("Run it? [y/N] ", end="", file=sys.stderr, flush=True)
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                raise UsageError("it was not run")
        yield script
    finally:
        shutil.rmtree(script.folder, ignore_errors=True)


def _meant(line: CommandLine, name: str | None, path: Path | None, extra: list[str]) -> "Environment":
    """The environment for a program: the one that is named, else its own, if it is a script that says what it needs."""
    from wenv.environment import find

    is_named = name is not None or path is not None
    script, metadata = None, None
    if line.form == "script" and not is_named and may_have_block(line.target):
        from wenv_resolver.scripts import script_metadata

        script = Path(line.target)
        metadata = script_metadata(script)
    if metadata is None and not extra:
        return find.find(name, path)
    from wenv.cli.workspace import open_workspace
    from wenv.make.scripts import environment_of

    base = None
    if metadata is None:
        script = None
        base = find.find(name, path) if is_named else find.nearest()
    with Printer() as printer:
        return environment_of(open_workspace(), script, metadata, extra, base, printer)


def _start_from(
    file: Path, line: CommandLine, granted: "Policy", databases: "Sequence[Path]", outside: "Outside", *, as_json: bool
) -> int:
    """Start it in an environment that is there for this run only."""
    from wenv.cli.workspace import open_workspace
    from wenv.share.temporary import temporary

    with Printer() as printer, temporary(open_workspace().store, file, printer) as chosen:
        return start(chosen, line, granted, databases, outside, as_json=as_json)


def start(
    chosen: "Environment",
    line: CommandLine,
    granted: "Policy",
    databases: "Sequence[Path]" = (),
    outside: "Outside | None" = None,
    *,
    as_json: bool = False,
    source: bytes | None = None,
) -> int:
    """Start what CPython would start for this command line; `source` is the text of a script from elsewhere, `outside` what
    it has of the host besides."""
    from wenv.cli.workspace import open_workspace
    from wenv.environment.granting import policy_of
    from wenv.launcher.program import Program
    from wenv.run import run as running
    from wenv.snapshot.ready import ensure_ready

    with Printer() as printer:
        runtime = open_workspace().runtime_for(chosen)
        if line.form == "version":
            print(f"Python {runtime.target(printer).markers['python_full_version']}")
            return 0
        if line.form == "help":
            print("usage: python [-c CODE | -m MODULE | SCRIPT | -] [ARGUMENT]...; see `wenv run --help`")
            return 0
        if line.form == "prompt" and sys.stdin.isatty():
            from wenv.run.shell import run_shell

            return run_shell(ensure_ready(runtime, chosen, printer), granted, printer, databases, outside)
        if line.form == "prompt":
            line = CommandLine("stdin", "", (), line.unbuffered, line.safe_path, line.warnings)
        policy = policy_of(chosen).widened(granted)
        if source is not None:
            program = Program("script", f"/tmp/{line.target}", line, source=source)
        else:
            program = running.program_of(line, runtime.store, chosen)
        ready = ensure_ready(runtime, chosen, printer)
        if as_json:
            return _told(printer, ready, program, policy, databases, outside)
        return running.run(ready, program, policy, printer, databases, outside)


def _explain(chosen: "Environment", granted: "Policy", *, as_json: bool) -> int:
    """Show what holds for a run, and where each part comes from."""
    from dataclasses import asdict

    from wenv.environment import granting

    printer, request = Printer(), granting.ungranted(chosen)
    parts = granting.explained([*granting.policies(chosen), ("options", granted)])
    if as_json:
        asked = None if request is None else {"path": str(request.path), "policy": request.policy.as_json()}
        printer.json({"parts": [asdict(part) for part in parts], "not_granted": asked})
        return 0
    printer.table(("What", "Value", "From"), [(part.name, part.value, part.source) for part in parts])
    if request is not None:
        printer.say(f"not granted: {request.policy.words} ({request.path}; `wenv grant` grants it)")
    return 0


def _told(
    printer: Printer,
    ready: "Ready",
    program: "Program",
    policy: "Policy",
    databases: "Sequence[Path]",
    outside: "Outside | None",
) -> int:
    """Run a program, and print what it printed and how it ended as one line of JSON."""
    from wenv.launcher.limits import CAPTURED
    from wenv.run import run as running

    printed: dict[int, list[bytes]] = {1: [], 2: []}
    bounded = policy if policy.output is not None else replace(policy, output=CAPTURED)
    outcome, _ = running.run_told(
        ready, program, bounded, printer, lambda descriptor, data: printed[descriptor].append(data), databases, outside
    )
    texts = {name: b"".join(printed[number]).decode("utf-8", "replace") for number, name in ((1, "stdout"), (2, "stderr"))}
    print(json.dumps({**outcome.as_json(), **texts}))
    return outcome.status


def register(app: typer.Typer) -> None:
    """Add the command; its arguments are the program's, so nothing after the program is looked at."""
    settings = {"ignore_unknown_options": True, "allow_interspersed_args": False}
    app.command(context_settings=settings)(run)
