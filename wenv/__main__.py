"""Entry of the command line."""

import contextlib
import os
import sys


def main() -> None:
    """Run a command; errors become one or two lines and an exit status (wenv.errors.Exit)."""
    from wenv.launcher import start

    start.open_standard_streams()
    if sys.argv[1:2] == ["run"]:
        sys.argv[2:] = start.run_command(sys.argv[2:], _named_environments, _registry_folder)
    from wenv.cli.main import run_command

    try:
        status = run_command(sys.argv[1:])
    except SystemExit as leaving:  # a signal
        status = int(leaving.code or 0)
    _leave(status)


def tool() -> None:
    """The command ``wenvx``: ``wenv tool run``."""
    sys.argv[1:1] = ["tool", "run"]
    main()


def _named_environments() -> str:
    from wenv.locations import named_environments  # late: most runs name no environment

    return str(named_environments())


def _registry_folder() -> str:
    from wenv.locations import registry_folder

    return str(registry_folder())


def _leave(status: int) -> None:
    """End the process; at once, if a guest was left behind: it may come back to Python while that is ending."""
    deep = sys.modules.get("wenv.engine.deep")
    if deep is not None and deep.is_calling():
        from wenv.launcher.private_folders import abandoned
        from wenv.launcher.removal import stop_and_remove

        if abandoned:
            stop_and_remove(abandoned, str(status))
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    main()
