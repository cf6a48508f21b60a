"""Something to read before going on."""

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, DataTable, Label, Markdown, Static

from wenv.tui.dialogs.base import Dialog
from wenv.tui.words import plain


class Review(Dialog[bool]):
    """Something to read, and a button to go on; without `proceed` there is only one to close."""

    def __init__(
        self,
        title: str,
        text: str = "",
        headings: Sequence[str] = (),
        rows: Sequence[Sequence[object]] = (),
        proceed: str | None = None,
        *,
        dangerous: bool = False,
    ) -> None:
        super().__init__()
        self._title, self._text, self._headings, self._rows = title, text, headings, rows
        self._proceed, self._dangerous = proceed, dangerous

    def compose(self) -> ComposeResult:
        """The text, the table and the buttons."""
        with Vertical(classes="dialog wide" if self._rows else "dialog"):
            yield Label(plain(self._title), classes="title")
            if self._text:
                with VerticalScroll(classes="text", can_focus=False):
                    yield Static(plain(self._text))
            if self._rows:
                yield DataTable(cursor_type="row", zebra_stripes=True)
            with Horizontal(classes="buttons"):
                if self._proceed is not None:
                    yield Button(self._proceed, variant="error" if self._dangerous else "primary", id="proceed")
                yield Button("Cancel" if self._proceed else "Close", id="leave")

    def on_mount(self) -> None:
        """Fill the table; a button that destroys is not the one that Enter presses."""
        if self._rows:
            table = self.query_one(DataTable)
            table.add_columns(*self._headings)
            table.add_rows([plain(cell) for cell in row] for row in self._rows)
        self.query_one("#leave" if self._dangerous or self._proceed is None else "#proceed").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(event.button.id == "proceed" or None)


class Help(Dialog[None]):
    """What a screen is for, and its keys."""

    def __init__(self, text: str, keys: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        self._text, self._keys = text, keys

    def compose(self) -> ComposeResult:
        """The text, and a line for each key."""
        width = max((len(key) for key, _, _ in self._keys), default=0)
        with Vertical(classes="dialog wide"), VerticalScroll(id="help"):
            yield Markdown(self._text)
            yield Static(
                Text("\n").join(
                    Text.assemble((f"{key:<{width}}  ", "bold"), f"{label}: {meaning}") for key, label, meaning in self._keys
                )
            )
