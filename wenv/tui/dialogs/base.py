"""Dialogs: reviews and confirmations, forms, the file dialog, and work in progress."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import ClassVar, Generic, TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Checkbox, DataTable, DirectoryTree, Input, Label, Markdown, ProgressBar, Select, Static

from wenv.tui.words import plain
from wenv_cache.errors import UserError

Result = TypeVar("Result")

ESCAPE = Binding("escape", "leave", "Cancel", tooltip="Close this dialog; nothing is done", id="dialog.cancel")


class Dialog(ModalScreen[Result | None]):
    """A box over the screen; None if it is left."""

    BINDINGS: ClassVar = [ESCAPE]

    def action_leave(self) -> None:
        """Close without a result."""
        self.dismiss(None)


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


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form: a text; a path to browse for (`is_path`); a switch if `default` is a bool; one of `choices`."""

    name: str
    label: str
    default: str | bool = ""
    help: str = ""
    is_path: bool = False
    choices: tuple[str, ...] = ()


class Tick(Checkbox):
    """A checkbox that is empty when it is not ticked: a shade is not seen by everybody."""

    def __init__(self, label: str, value: bool, *, id: str, tooltip: str | None) -> None:  # noqa: A002 - Textual's name
        super().__init__(label, value, id=id, tooltip=tooltip)
        self.BUTTON_INNER = "X" if value else " "

    def watch_value(self) -> None:
        """Draw it."""
        self.BUTTON_INNER = "X" if self.value else " "
        super().watch_value()


class Form(Dialog[dict[str, str | bool]]):
    """Fields to fill in.  `check` may say what is wrong with the values, and then the form stays."""

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        proceed: str,
        check: Callable[[dict[str, str | bool]], str | None] = lambda values: None,
    ) -> None:
        super().__init__()
        self._title, self._fields, self._proceed, self._check = title, fields, proceed, check

    def compose(self) -> ComposeResult:
        """A label and a widget for each field."""
        with Vertical(classes="dialog"):
            yield Label(plain(self._title), classes="title")
            with VerticalScroll(classes="fields", can_focus=False):
                for field in self._fields:
                    yield from self._composed(field)
            yield Label("", id="wrong")
            with Horizontal(classes="buttons"):
                yield Button(self._proceed, variant="primary", id="proceed")
                yield Button("Cancel", id="leave")

    def _composed(self, field: Field) -> ComposeResult:
        identity = f"field-{field.name}"
        if isinstance(field.default, bool):
            yield Tick(field.label, field.default, id=identity, tooltip=field.help or None)
            return
        yield Label(plain(field.label), classes="label")
        if field.choices:
            yield Select([(choice, choice) for choice in field.choices], value=field.choices[0], allow_blank=False, id=identity)
        elif field.is_path:
            with Horizontal(classes="path"):
                yield Input(field.default, placeholder=field.help, id=identity)
                yield Button("Browse", id=f"browse-{field.name}")
        else:
            yield Input(field.default, placeholder=field.help, id=identity)

    @property
    def values(self) -> dict[str, str | bool]:
        """What is in the fields."""
        found: dict[str, str | bool] = {}
        for field in self._fields:
            widget = self.query_one(f"#field-{field.name}")
            assert isinstance(widget, Checkbox | Input | Select)
            found[field.name] = widget.value if isinstance(widget.value, bool) else str(widget.value).strip()
        return found

    def _submit(self) -> None:
        if (wrong := self._check(self.values)) is not None:
            self.query_one("#wrong", Label).update(plain(wrong))
        else:
            self.dismiss(self.values)

    @on(Input.Submitted)
    def _entered(self) -> None:
        self._submit()

    @on(Button.Pressed)
    async def _pressed(self, event: Button.Pressed) -> None:
        identity = event.button.id or ""
        if identity == "proceed":
            self._submit()
        elif identity == "leave":
            self.dismiss(None)
        elif identity.startswith("browse-"):
            field = self.query_one(f"#field-{identity.removeprefix('browse-')}", Input)

            def chosen(path: Path | None) -> None:
                if path is not None:
                    field.value = str(path)
                field.focus()

            self.app.push_screen(FileDialog(), chosen)


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


class CancelledError(BaseException):
    """The user cancelled; passes through everything, as Ctrl-C does on the command line."""


class Relay:
    """Hears of work in a thread (as a `Progress`), and tells the screen when it asks; raises CancelledError."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._tasks: dict[str, tuple[int, int | None, str]] = {}
        self._said: list[str] = []
        self.cancelled = False

    def _heard(self) -> None:
        if self.cancelled:
            raise CancelledError

    def say(self, sentence: str) -> None:
        """Keep a sentence."""
        self._heard()
        with self._lock:
            self._said.append(sentence)

    def begin(self, task: str, total: int | None = None) -> None:
        """A task starts."""
        self._heard()
        with self._lock:
            self._tasks[task] = (0, total, "")

    def advance(self, task: str, amount: int) -> None:
        """It has come further."""
        self._heard()
        with self._lock:
            done, total, note = self._tasks.get(task, (0, None, ""))
            self._tasks[task] = (done + amount, total, note)

    def note(self, task: str, line: str) -> None:
        """What it is at."""
        self._heard()
        with self._lock:
            done, total, _ = self._tasks.get(task, (0, None, ""))
            self._tasks[task] = (done, total, line)

    def end(self, task: str) -> None:
        """It is over."""
        with self._lock:
            self._tasks.pop(task, None)
        self._heard()

    @property
    def now(self) -> tuple[str, int, int | None, tuple[str, ...]]:
        """The newest task with what it is at, how far it is, of how much; and what was said."""
        with self._lock:
            name, (done, total, note) = next(reversed(self._tasks.items()), ("", (0, None, "")))
            return f"{name} {note}".strip(), done, total, tuple(self._said)


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """How work ended: with a result, or with an error; with neither if it was cancelled."""

    result: Result | None = None
    error: UserError | OSError | None = None
    cancelled: bool = False


class Working(ModalScreen[Done[Result]], Generic[Result]):
    """Does something in a thread, and shows how far it is."""

    BINDINGS: ClassVar = [
        Binding("escape", "cancel", "Cancel", tooltip="Stop as soon as it is safe", id="work.cancel"),
    ]

    def __init__(self, title: str, work: Callable[[Relay], Result]) -> None:
        super().__init__()
        self._title, self._work, self._relay = title, work, Relay()

    def compose(self) -> ComposeResult:
        """What is done, a bar, and what was said."""
        with Vertical(classes="dialog"):
            yield Label(plain(self._title), classes="title")
            yield Label("", id="task")
            yield ProgressBar(show_eta=False, id="bar")
            yield Static("", id="said")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        """Start."""
        self.set_interval(0.1, self._show)
        self.run_worker(self._run, thread=True, exit_on_error=False)

    def _show(self) -> None:
        task, done, total, said = self._relay.now
        self.query_one("#task", Label).update(plain("Cancelling…" if self._relay.cancelled else task))
        self.query_one(ProgressBar).update(total=total, progress=done)
        self.query_one("#said", Static).update(plain("\n".join(said[-6:])))

    def _run(self) -> None:
        try:
            done = Done(self._work(self._relay))
        except CancelledError:
            done = Done(cancelled=True)
        except (UserError, OSError) as error:
            done = Done(error=error)
        except Exception as error:  # a mistake of ours: the screen comes back all the same, and says so
            done = Done(error=UserError(f"{type(error).__name__}: {error}", "this should not happen; please report it"))
        self.app.call_from_thread(self.dismiss, done)

    def action_cancel(self) -> None:
        """Have the work stop at its next word."""
        self._relay.cancelled = True
        self.query_one("#cancel", Button).disabled = True

    def on_button_pressed(self) -> None:
        """The same."""
        self.action_cancel()
