"""Entry of the command line."""

import sys


def main() -> None:
    """Run a command; errors become one or two lines and an exit status (wenv.errors.Exit)."""
    from wenv.launcher import start

    start.open_standard_streams()
    if sys.argv[1:2] == ["run"]:
        start.run_command(sys.argv[2:])
    from wenv.cli.main import run_command

    sys.exit(run_command(sys.argv[1:]))


if __name__ == "__main__":
    main()
