"""The commands, and how an error of any of them ends."""

import os
import signal
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated

import typer

from wenv.cli.words import SAME, Commands
from wenv.errors import Exit, TrapError, UsageError
from wenv.launcher.private_folders import abandoned
from wenv.launcher.removal import stop_and_remove
from wenv.launcher.start import end_by_signal
from wenv.version import __version__
from wenv_cache.errors import UserError

app = typer.Typer(
    name="wenv",
    cls=Commands,
    help="Disposable Python environments that run in a WebAssembly sandbox.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
#: The modules of this folder that add commands, and which, in the order of `wenv --help`.
MODULES = {
    "create": ("create",),
    "run": ("run",),
    "shell": ("shell",),
    "tui": ("tui",),
    "bake": ("bake",),
    "list_": ("list",),
    "info": ("info",),
    "install": ("install", "uninstall"),
    "lock": ("lock",),
    "check": ("check",),
    "build": ("build",),
    "project": ("add", "drop", "sync"),
    "upgrade": ("upgrade", "outdated"),
    "tree": ("tree", "why", "freeze"),
    "pack": ("pack",),
    "export": ("export",),
    "import_": ("import",),
    "push": ("push",),
    "pull": ("pull",),
    "diff": ("diff",),
    "copy": ("copy", "rename"),
    "remove": ("remove",),
    "cache": ("cache",),
    "trust": ("trust",),
    "grant": ("grant",),
    "tool": ("tool",),
    "help_": ("help",),
}
_registered: set[str] = set()
#: Commands whose own failures must not look like the program's.
RUNNING = ("run", "shell", "tool run")


#: Not empty if waits for locks are to be said.
_verbose: list[bool] = []


def _version(wanted: bool) -> None:
    if wanted:
        print(f"wenv {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say how long other commands were waited for.")] = False,
) -> None:
    if verbose:
        _verbose.append(True)


def _say_waits() -> None:
    from wenv_cache.waits import waits

    for lock, seconds in waits:
        print(f"waited {seconds:.3f} s for the lock of {lock}", file=sys.stderr)
    print(f"waited {sum(seconds for _, seconds in waits):.3f} s for locks", file=sys.stderr)


def complete_app() -> typer.Typer:
    """The application with all commands."""
    _register(MODULES)
    return app


def _register(modules: Iterable[str]) -> None:
    for name in modules:
        if name not in _registered:
            _registered.add(name)
            import_module(f"wenv.cli.{name}").register(app)


def _modules_for(arguments: list[str]) -> Iterable[str]:
    """The modules to load: that of the command, or all where none is named (help, completion, another tool's word)."""
    if arguments[:1] in (["--version"], ["-V"]):
        return ()
    name = SAME.get(arguments[0], arguments[0]) if arguments else ""
    return [module for module, commands in MODULES.items() if name in commands] or MODULES


def run_command(arguments: list[str]) -> int:
    """Run the command that the arguments name; returns its exit status."""
    try:
        return _run_command(arguments)
    finally:
        if _verbose:
            _say_waits()


def _run_command(arguments: list[str]) -> int:
    from wenv.cli.printer import Printer, flush_standard_streams

    words = " ".join([word for word in arguments if not word.startswith("-")][:2])
    running = words in RUNNING or words.partition(" ")[0] in RUNNING
    for number in (getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)):
        if signal.getsignal(number) is signal.SIG_DFL:  # ends like an error, so that private folders are removed
            signal.signal(number, lambda received, _: sys.exit(128 + received))
    try:
        _register(_modules_for(arguments))
        result = app(arguments, standalone_mode=False, prog_name="wenv")
        flush_standard_streams()
        return int(result or 0)
    except UserError as error:
        Printer().error(error)
        if isinstance(error, TrapError):
            return error.status
        return Exit.NOT_STARTED if running else Exit.USAGE if isinstance(error, UsageError) else Exit.FAILURE
    except typer.Exit as leaving:
        return leaving.exit_code
    except typer.TyperException as error:
        show = getattr(error, "show", None)
        show() if show else print(error, file=sys.stderr)
        return Exit.NOT_STARTED if running else Exit.USAGE
    except (typer.Abort, KeyboardInterrupt) as error:
        print("interrupted", file=sys.stderr, flush=True)
        if isinstance(error, KeyboardInterrupt):
            if abandoned:  # the guest still runs
                stop_and_remove(abandoned, "SIGINT")
            end_by_signal("SIGINT")
        return Exit.INTERRUPTED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            where = f"{error.filename}: " if error.filename else ""
            Printer().error(UserError(f"{where}{error.strerror or error}"))
            return Exit.NOT_STARTED if running else Exit.FAILURE
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return Exit.FAILURE
