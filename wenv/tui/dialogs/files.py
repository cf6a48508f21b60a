"""Choosing a file."""

from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, DirectoryTree, Input, Label

from wenv.tui.dialogs.base import Dialog
from wenv.tui.words import plain


class FileDialog(Dialog[Path]):
    """Choose a file."""

    def __init__(self, title: str = "Choose a file") -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        """A tree of the folder that the program was started in; an input for everything else."""
        with Vertical(classes="dialog wide"):
            yield Label(plain(self._title), classes="title")
            yield Input(str(Path.cwd()), placeholder="folder or file", id="where")
            yield DirectoryTree(Path.cwd())
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="leave")

    def on_mount(self) -> None:
        """Start in the tree."""
        self.query_one(DirectoryTree).focus()

    def on_directory_tree_file_selected(self, event: DirectoryTree.FileSelected) -> None:
        """That is the one."""
        self.dismiss(event.path)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        path = Path(event.value).expanduser()
        if path.is_file():
            self.dismiss(path)
        elif path.is_dir():
            tree = self.query_one(DirectoryTree)
            tree.path = path
            tree.focus()
        else:
            self.notify(f"{path}: no such file or folder", severity="error", markup=False)

    def on_button_pressed(self) -> None:
        """Close without a file."""
        self.dismiss(None)
