"""One file of a layer, as far as a screen is for reading: text with colours, anything else as hexadecimal."""

from pathlib import Path
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Header, Static

from wenv.report.words import human_size
from wenv.tui.words import plain

#: Bytes that are read of a file: what is beyond nobody scrolls to.
LARGEST_TEXT, LARGEST_BINARY, ROW = 200_000, 4096, 16
IMAGES = {b"\x89PNG": "PNG image", b"GIF8": "GIF image", b"\xff\xd8\xff": "JPEG image", b"RIFF": "RIFF (WebP, WAV, AVI)"}
KINDS = {**IMAGES, b"\0asm": "WebAssembly module", b"PK\x03\x04": "ZIP archive", b"\x1f\x8b": "gzip", b"%PDF": "PDF document"}


class PreviewScreen(Screen[None]):
    """Shows a file."""

    HELP = "# A file\nIts first 200 kB as text, or 4 kB as hexadecimal.\n\n**Esc** goes back."
    BINDINGS: ClassVar = [Binding("escape,q", "leave", "Back", tooltip="Back to the tree", id="preview.back")]

    def __init__(self, path: Path, title: str) -> None:
        super().__init__()
        self._path, self.sub_title = path, title

    def compose(self) -> ComposeResult:
        """The file fills the screen."""
        yield Header()
        with VerticalScroll(can_focus=True):
            yield Static("", id="content")
        yield Footer()

    def on_mount(self) -> None:
        """Read it."""
        self._read()

    @work(thread=True, exclusive=True, group="preview")
    def _read(self) -> None:
        shown = rendered(self._path, dark=self.app.current_theme.dark)
        self.app.call_from_thread(self._show, shown)

    def _show(self, shown: RenderableType) -> None:
        self.query_one("#content", Static).update(shown)
        self.query_one(VerticalScroll).focus()

    def action_leave(self) -> None:
        """Back to the tree."""
        self.dismiss(None)


def rendered(path: Path, *, dark: bool = True) -> RenderableType:
    """What to show of a file."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(LARGEST_TEXT)
    except OSError as error:
        return plain(f"cannot be read: {error.strerror}")
    if not size:
        return plain("(empty)")
    more = [] if size <= len(head) else [plain(f"… {human_size(size - len(head))} more")]
    text = _decoded(head)
    if text is None:
        kind = next((name for magic, name in KINDS.items() if head.startswith(magic)), "binary")
        return Group(plain(f"{kind}, {human_size(size)}"), Text(""), hexadecimal(head[:LARGEST_BINARY]))
    lexer = Syntax.guess_lexer(str(path), code=text[:1000])
    theme = "ansi_dark" if dark else "ansi_light"
    return Group(Syntax(text, lexer, theme=theme, line_numbers=True, word_wrap=True, background_color="default"), *more)


def _decoded(head: bytes) -> str | None:
    if b"\0" in head:
        return None
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError as error:
        return head[: error.start].decode("utf-8") if error.start > len(head) - 4 else None  # cut within a character


def hexadecimal(data: bytes) -> Text:
    """Offset, bytes and printable characters, 16 to a line."""
    lines = []
    for offset in range(0, len(data), ROW):
        row = data[offset : offset + ROW]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in row)
        lines.append(f"{offset:06x}  {row.hex(' '):<47}  {letters}")
    return Text("\n".join(lines), no_wrap=True)
