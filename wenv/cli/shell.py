"""``wenv shell``."""

import typer

from wenv.cli import options
from wenv.guest.command_line import CommandLine


def shell(
    name: options.Name = None,
    path: options.At = None,
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
    """Open a Python prompt in the sandbox.

    History is kept for each environment; Tab completes names, attributes and modules of the living session.  Ctrl-C stops
    what runs and keeps the variables, a second one ends the session; Ctrl-D leaves.

    When standard input is not a terminal, a program is read from it.  Otherwise a time limit is one for each input.

    [bold]Examples[/]

      wenv shell
      wenv shell -n lab --mount ~/data:/data
      echo 'print(6 * 7)' | wenv shell
    """
    from wenv.cli.run import start
    from wenv.environment import find

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
    return start(
        find.find(name, path),
        CommandLine("prompt"),
        granted,
        databases or (),
        options.outside(log_network, functions, authority),
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(shell)
