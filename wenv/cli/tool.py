"""``wenv tool``, and ``wenvx``."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.printer import Printer
from wenv.errors import UsageError

if TYPE_CHECKING:
    from wenv.make.tools import Installed

app = typer.Typer(
    help="Run and install tools: commands that packages bring, each in an environment of its own.", no_args_is_help=True
)
With = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="REQUIREMENT", help="A package besides.", rich_help_panel=options.ENVIRONMENT),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="REQUIREMENT", help="The package that brings the command.", rich_help_panel=options.ENVIRONMENT
    ),
]


def _complete_tool(incomplete: str) -> list[str]:
    from wenv.environment.known import exists
    from wenv.locations import tool_environments

    return [folder.name for folder in tool_environments().glob(f"{incomplete}*") if exists(folder)]


Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Tools.", autocompletion=_complete_tool)]


def run(
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="TOOL [ARGUMENT]...", help="NAME, NAME@VERSION, or a command of what --from names.", show_default=False
        ),
    ],
    package: From = None,
    extra: With = None,
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
) -> int:
    """Run a tool in an environment that is made at first and kept; `wenvx` is the same.

    The tool sees the working folder read-only, like any program: `wenvx --write black .` lets it write.  Options of wenv's come
    before the tool, the tool's own after it.  An environment that no tool has used for 30 days is deleted.

    [bold]Examples[/]

      wenvx cowsay -t moo
      wenvx --write black .
      wenvx cowsay@6.0 -t moo
      wenvx --from 'rich-cli' rich README.md
    """
    from wenv.cli.run import start
    from wenv.cli.workspace import open_workspace
    from wenv.guest.command_line import CommandLine
    from wenv.make.tools import Tool, check_command, environment_for

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
    tool, workspace = Tool.named(command[0], package), open_workspace()
    with Printer() as printer:
        chosen = environment_for(workspace, tool, extra or (), printer)
    check_command(workspace.store, chosen, tool.command)
    status = start(
        chosen,
        CommandLine("script", tool.command, tuple(command[1:])),
        granted,
        databases or (),
        options.outside(log_network, functions, authority),
    )
    if status and not write and not mounts:
        Printer().say("note: the tool saw the working folder read-only; --write before the tool's name lets it write")
    return status


def install(
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="NAME, NAME@VERSION or a requirement.")],
    extra: With = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite commands that are there.")] = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Make commands of a package's console scripts; they run in the sandbox.

    [bold]Examples[/]

      wenv tool install cowsay
    """
    from wenv.cli.workspace import open_workspace
    from wenv.make import tools

    with Printer(quiet=quiet or as_json) as printer:
        made = tools.install(open_workspace(), tools.Tool.named(tool), extra or (), printer, force=force)
        if as_json:
            printer.json(made.as_json())
            return
        printer.say(f"Installed {made.name} {made.version}: {', '.join(made.commands)}")
        _say_path(printer, made)


def _say_path(printer: Printer, made: "Installed") -> None:
    """Say what is to be done so that the commands are found."""
    from wenv.locations import commands_folder

    folder = commands_folder()
    places = [os.path.normpath(place) for place in os.environ.get("PATH", "").split(os.pathsep) if place]
    if str(folder) not in places:
        printer.say(f"{folder} is not on PATH: add it, and the commands are found")
        return
    for command in made.commands:
        found = shutil.which(command)
        if found is not None and Path(found).parent != folder:
            printer.say(f"warning: {found} comes before it on PATH")


def show(as_json: options.Json = False) -> None:
    """List the tools that are installed."""
    from wenv.cli.workspace import open_workspace
    from wenv.make.tools import installed

    printer, found = Printer(), installed(open_workspace().store)
    if as_json:
        printer.json([tool.as_json() for tool in found])
    elif found:
        printer.table(("Tool", "Version", "Commands"), [(tool.name, tool.version, ", ".join(tool.commands)) for tool in found])
    else:
        printer.say("No tools yet; install one with: wenv tool install cowsay")


def upgrade(
    names: Names = None,
    every: Annotated[bool, typer.Option("--all", help="All that are installed.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Give tools the newest versions that they were asked for with.

    [bold]Examples[/]

      wenv tool upgrade cowsay
      wenv tool upgrade --all
    """
    from wenv.cli.workspace import open_workspace
    from wenv.make.tools import installed, upgrade

    if bool(names) == every:
        raise UsageError("name tools, or --all")
    workspace = open_workspace()
    with Printer(quiet=quiet) as printer:
        for name in names or [tool.name for tool in installed(workspace.store)]:
            before, made, asked = upgrade(workspace, name, printer)
            newest = f"{made.name} {before} is the newest{f' that {asked} allows' if asked != made.name else ''}"
            printer.say(f"{made.name} {before} -> {made.version}" if before != made.version else newest)


def uninstall(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Tools.", autocompletion=_complete_tool)],
    quiet: options.Quiet = False,
) -> None:
    """Delete tools: their environments and their commands.

    [bold]Examples[/]

      wenv tool uninstall cowsay
    """
    from wenv.cli.workspace import open_workspace
    from wenv.make.tools import uninstall

    workspace, printer = open_workspace(), Printer(quiet=quiet)
    for name in names:
        commands = uninstall(workspace.store, name)
        printer.say(f"Uninstalled {name}: {', '.join(commands) or 'it had no commands any more'}")


def folder(
    commands: Annotated[bool, typer.Option("--bin", help="The folder of the commands instead.")] = False,
) -> None:
    """Print the folder of the tools' environments."""
    from wenv.locations import commands_folder, tool_environments

    sys.stdout.write(f"{commands_folder() if commands else tool_environments()}\n")


def register(main: typer.Typer) -> None:
    """Add the commands; the arguments of `run` are the tool's, so nothing after the tool is looked at."""
    app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})(run)
    app.command()(install)
    app.command("list")(show)
    app.command()(upgrade)
    app.command()(uninstall)
    app.command("dir")(folder)
    main.add_typer(app, name="tool")
