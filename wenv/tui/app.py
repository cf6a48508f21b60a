"""The application: themes, what all screens share, and news from the store."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rich.segment import Segment
from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.color import Color
from textual.filter import LineFilter
from textual.message import Message
from textual.screen import Screen
from textual.worker import WorkerCancelled

from wenv.environment.manifest import Environment
from wenv.locations import named_environments, registry_folder
from wenv.tui.actions.base import Application
from wenv.tui.actions.table import Actions
from wenv.tui.dialogs.review import Help
from wenv.tui.dialogs.working import Working
from wenv.tui.screens.environment import EnvironmentScreen
from wenv.tui.screens.list import EnvironmentsScreen
from wenv_cache.reading import is_printable
from wenv_cache.store import Store

#: Seconds between looks at whether another process has changed an environment.
LOOK = 1.0
#: The groups of workers that read what the screens show.
READING = ("list", "details", "seen", "match", "preview")


class Harmless(LineFilter):
    """Takes out of every line what a terminal would obey."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, with their widths: what is taken out has none."""
        if all(segment.text.isprintable() for segment in segments):
            return segments
        return [
            segment
            if segment.control or is_printable(segment.text)
            else Segment("".join(filter(is_printable, segment.text)), segment.style)
            for segment in segments
        ]


#: One for all lines: what it made of a line is kept by which filter did it.
HARMLESS = Harmless()


class Wenv(Application):
    """See the package."""

    TITLE = "wenv"
    CSS_PATH = "style.tcss"
    BINDINGS: ClassVar = [
        Binding("q", "quit", "Quit", tooltip="Leave wenv", id="app.quit"),
        Binding("f1", "help", "Help", tooltip="What the keys do here", id="app.help", priority=True),
        Binding("f2", "light", "Light or dark", show=False, tooltip="Change between light and dark", id="app.theme"),
    ]

    class StoreChanged(Message):
        """Another process, or an action, has made, changed or removed an environment."""

    def __init__(self, store: Store, first: Environment | None = None) -> None:
        super().__init__()
        self.store = store
        self._first = first
        self._seen: tuple[int, ...] | None = None

    def get_line_filters(self) -> "Sequence[LineFilter]":
        """Nothing that is shown may steer the terminal, wherever it came from."""
        return [*super().get_line_filters(), HARMLESS]

    def on_mount(self) -> None:
        """Show the environments, and the one that the command line named above them."""
        self.push_screen(EnvironmentsScreen())
        if self._first is not None:
            self.push_screen(EnvironmentScreen(self._first.folder))
        self.set_interval(LOOK, self._look)

    async def settled(self) -> None:
        """Wait until all that is being read has been read."""
        while reading := [worker for worker in self.workers if not worker.is_finished and worker.group in READING]:
            with suppress(WorkerCancelled):  # another has taken its place
                await self.workers.wait_for_complete(reading)

    def changed(self) -> None:
        """Have all screens read anew what they show."""
        for screen in self.screen_stack:
            screen.post_message(self.StoreChanged())

    @work(thread=True, exclusive=True, group="look")
    def _look(self) -> None:
        seen = stamps()
        if self._seen is not None and seen != self._seen:
            self.call_from_thread(self.changed)
        self._seen = seen

    def get_system_commands(self, screen: "Screen[Any]") -> Iterator[SystemCommand]:
        """The palette: everything that has a key on this screen, and what Textual adds."""
        for binding in own_bindings(screen):
            yield SystemCommand(binding.description, binding.tooltip, partial(self._act, screen, binding.action))
        yield from super().get_system_commands(screen)

    def _keys(self, screen: "Screen[Any]") -> Iterator[tuple[str, str, str]]:
        """Key, label and meaning of all that can be pressed on a screen."""
        for binding in (*own_bindings(screen), *own_bindings(self)):
            keys = "/".join(self.get_key_display(replace(binding, key=key)) for key in binding.key.split(","))
            yield keys, binding.description, binding.tooltip

    def _act(self, screen: "Screen[Any]", action: str) -> None:
        self.call_later(screen.run_action, action)

    async def action_quit(self) -> None:
        """Leave, but not in the middle of work: that is cancelled first."""
        working = [screen for screen in self.screen_stack if isinstance(screen, Working)]
        if working:
            working[-1].action_cancel()
        else:
            self.exit()

    def action_light(self) -> None:
        """Change between the light and the dark theme."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    def action_help(self) -> None:
        """Show what the screen is for, and what its keys do."""
        if isinstance(self.screen, Help):
            self.screen.dismiss(None)
        elif not self.screen.is_modal:
            self.push_screen(Help(self.screen.HELP or "", list(self._keys(self.screen))))


def own_bindings(node: "Screen[Any] | App[Any]") -> list[Binding]:
    """The bindings of a screen, and of the application, that are ours."""
    listed = [*type(node).BINDINGS, *(Actions.BINDINGS if isinstance(node, Actions) else ())]
    return [binding for binding in listed if isinstance(binding, Binding)]


def stamps() -> tuple[int, ...]:
    """What changes when any environment of this user is made, changed or removed."""
    found = []
    for folder, suffix in ((registry_folder(), ".json"), (named_environments(), "")):
        try:
            found.append(folder.stat().st_mtime_ns)
            entries = [entry for entry in os.scandir(folder) if not suffix or entry.name.endswith(suffix)]
        except OSError:
            continue
        found += [Path(entry).stat().st_mtime_ns for entry in entries]
    return tuple(found)
