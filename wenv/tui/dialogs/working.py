"""Work in a thread, its progress, and cancelling it."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import ClassVar, Generic

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Label, ProgressBar, Static

from wenv.tui.dialogs.base import Result
from wenv.tui.words import plain
from wenv_cache.errors import UserError


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
