"""``wenv run``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import UsageError
from wenv.guest.command_line import CommandLine, CommandLineError, parse
from wenv.launcher.start import PYTHON_NAMES

if TYPE_CHECKING:
    from wenv.environment import Environment
    from wenv.policy import Policy


def run(
    program: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PROGRAM [ARGUMENT]...",
            help="A script, a console script, -m MODULE, -c CODE, or - for stdin.",
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
    write: options.Write = False,
    mounts: options.Mounts = None,
    variables: options.Variables = None,
    memory: options.Memory = None,
    timeout: options.Time = None,
    max_output: options.Output = None,
) -> int:
    """Run a program in the sandbox.

    It sees the environment, and the working folder read-only at the same path; no network, none of your other files, none of
    your environment variables but the terminal's.  Its exit status is passed on; 124 means that it was stopped at its time
    limit, 125 that it was not started, 130 Ctrl-C, 134 that the sandbox stopped it.

    Options of wenv's come before the program, the program's own after it.

    [bold]Examples[/]

      wenv run script.py --its option
      wenv run -m http.server --help
      wenv run --write --env API_KEY -c 'print("hello")'
      wenv run pytest
      wenv run --from lab.wenv script.py
    """  # fmt: skip
    from wenv import environment

    granted = options.policy(write, mounts, variables, memory, timeout, max_output)
    arguments = list(program or ())
    if arguments and arguments[0] in PYTHON_NAMES:
        arguments.pop(0)
    try:
        line = parse(arguments)
    except CommandLineError as error:
        raise UsageError(str(error), error.hint) from None
    if from_file is None:
        return start(environment.find(name, path), line, granted)
    if name is not None or path is not None:
        raise UsageError("--from excludes --name and --path")
    from wenv.cli.store import open_store
    from wenv.temporary import temporary

    with Printer() as printer, temporary(open_store(), from_file, printer) as chosen:
        return start(chosen, line, granted)


def start(chosen: "Environment", line: CommandLine, granted: "Policy") -> int:
    """Start what CPython would start for this command line."""
    from wenv import launch
    from wenv.cli.store import open_store
    from wenv.runtimes.choice import runtime_for

    with Printer() as printer:
        runtime = runtime_for(open_store(), chosen)
        if line.form == "version":
            print(f"Python {runtime.target(printer).markers['python_full_version']}")
            return 0
        if line.form == "help":
            print("usage: python [-c CODE | -m MODULE | SCRIPT | -] [ARGUMENT]...; see `wenv run --help`")
            return 0
        if line.form == "prompt" and sys.stdin.isatty():
            from wenv.shell import run_shell

            return run_shell(runtime, chosen, granted, printer)
        if line.form == "prompt":
            line = CommandLine("stdin", "", (), line.unbuffered, line.safe_path, line.warnings)
        policy = chosen.granted.widened(granted)
        return launch.run(runtime, chosen, launch.program_of(line, runtime.store, chosen), policy, printer)


def register(app: typer.Typer) -> None:
    """Add the command; its arguments are the program's, so nothing after the program is looked at."""
    settings = {"ignore_unknown_options": True, "allow_interspersed_args": False}
    app.command(context_settings=settings)(run)
