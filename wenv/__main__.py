"""Entry of the command line."""

import os
import sys


def open_standard_streams() -> None:
    """Open what the caller closed of descriptors 0 to 2.

    The next files to be opened would get these numbers, and the sandbox would be given them as its own streams.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def main() -> None:
    """Run a command; errors become one or two lines and an exit status (wenv.errors.Exit)."""
    open_standard_streams()
    from wenv.cli.main import run_command

    sys.exit(run_command(sys.argv[1:]))


if __name__ == "__main__":
    main()
