"""The workspace that the commands use."""

from wenv.runtimes.workspace import Workspace


def open_workspace() -> Workspace:
    """The user's; what was changed to make it the user's alone is said."""
    from wenv.cli.printer import Printer

    return Workspace.of_user(Printer().say)
