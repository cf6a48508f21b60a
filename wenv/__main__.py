"""Entry of the command line."""

import sys


def main() -> None:
    """Run a command; errors become one or two lines and an exit status (wenv.errors.Exit)."""
    from wenv.cli.main import run_command

    sys.exit(run_command(sys.argv[1:]))


if __name__ == "__main__":
    main()
