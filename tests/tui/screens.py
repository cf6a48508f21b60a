"""Drives the terminal UI, and keeps pictures of its screens.

`WENV_UPDATE_SCREENS=1` writes the pictures in ``tests/tui/pictures`` anew; look at the difference before you commit it.
"""

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button, Checkbox, DataTable, Input, Select, Static, Tree

from wenv.environment.manifest import Environment
from wenv.locations import cache_folder
from wenv.tui.app import Wenv
from wenv.tui.dialogs.form import Form
from wenv.tui.dialogs.review import Review
from wenv.tui.dialogs.working import Working
from wenv_cache.store import Store

PICTURES = Path(__file__).parent / "pictures"
#: How long anything may take, in seconds: building and baking are among it.
PATIENCE = 120.0
#: What differs between runs and machines: times, digests, sizes of what is made on this host, folders.
VARIABLE = re.compile(
    r"\d{4}-\d\d-\d\d|[0-9a-f]{12,16}|/tmp|\d+\.\d\u00a0MB|…\S*|interpreter|Interpreter|On\u00a0disk|compiled|MB,\u00a0|baked\u00a0\d"
)


class Driver:
    """A running application, used as a person does."""

    def __init__(self, app: Wenv, pilot: "Pilot[None]") -> None:
        self.app, self.pilot = app, pilot
        self._said: dict[str, str] = {}

    @property
    def screen(self) -> "Screen[object]":
        """What is in front."""
        return self.app.screen

    async def settled(self) -> None:
        """Wait until nothing is being done or read any more."""
        await self.pilot.pause()
        await self.until(lambda: not isinstance(self.app.screen, Working))
        await self.app.settled()
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that a worker does."""
        end = time.monotonic() + PATIENCE
        while not condition():
            self._listen()
            assert time.monotonic() < end, f"nothing came of it; in front is {self.app.screen}: {self.words}"
            await asyncio.sleep(0.02)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        """Press keys, and wait for what they do."""
        await self.pilot.press(*keys)
        await self.settled()

    async def form(self, key: str, **values: str | bool) -> None:
        """Press a key that opens a form, fill it in and go on."""
        await self.pilot.press(key)
        await self.until(lambda: isinstance(self.app.screen, Form))
        for name, value in values.items():
            widget = self.app.screen.query_one(f"#field-{name}")
            assert isinstance(widget, Input | Checkbox | Select)
            widget.value = value
        await self.proceed()

    async def review(self, key: str) -> Review:
        """Press a key after which something is shown to be agreed to."""
        await self.pilot.press(key)
        return await self.reviewed()

    async def reviewed(self) -> Review:
        """Wait until something is shown."""
        await self.until(lambda: isinstance(self.app.screen, Review))
        screen = self.app.screen
        assert isinstance(screen, Review)
        return screen

    async def proceed(self) -> None:
        """Press the dialog's button."""
        self.app.screen.query_one("#proceed", Button).press()
        await self.settled()

    def rows(self, table: str = "DataTable") -> list[list[str]]:
        """What a table of the screen in front shows."""
        found = self.app.screen.query_one(table, DataTable)
        return [[str(cell) for cell in found.get_row_at(index)] for index in range(found.row_count)]

    def labels(self, tree: str) -> list[str]:
        """The first labels of a tree, those that are unfolded."""
        found: Tree[object] = self.app.screen.query_one(tree, Tree)
        return [str(node.label) for node in (*found.root.children, *(c for b in found.root.children for c in b.children))]

    def text(self, widget: str) -> str:
        """What a static text says."""
        from rich.console import Console

        console = Console(width=200, no_color=True)
        with console.capture() as capture:
            console.print(self.app.screen.query_one(widget, Static).content)
        return capture.get()

    async def select(self, label: str, table: str = "#environments") -> None:
        """Move the cursor to the row whose first cell is `label`."""
        names = [row[0] for row in self.rows(table)]
        self.app.screen.query_one(table, DataTable).move_cursor(row=names.index(label))
        await self.settled()

    async def picture(self, name: str) -> None:
        """Compare the screen with the picture of that name, but for lines that differ between machines, once it is drawn."""
        path = PICTURES / f"{name}.svg"
        if os.environ.get("WENV_UPDATE_SCREENS"):
            PICTURES.mkdir(exist_ok=True)
            path.write_text(masked(self.app.export_screenshot(title="wenv")), "utf-8")
        kept = path.read_text("utf-8").splitlines()
        for _ in range(100):
            if masked(self.app.export_screenshot(title="wenv")).splitlines() == kept:
                return
            await asyncio.sleep(0.05)
            await self.pilot.pause()
        raise AssertionError(f"{name} looks otherwise: see tests/tui/screens.py")

    def _listen(self) -> None:
        """Remember what the application says: it takes it back after a while."""
        self._said.update({notification.identity: notification.message for notification in self.app._notifications})

    @property
    def words(self) -> list[str]:
        """What the application has said."""
        self._listen()
        return list(self._said.values())


def drive(
    use: Callable[[Driver], Awaitable[None]], size: tuple[int, int] = (120, 40), first: Environment | None = None
) -> None:
    """Start the application on the store and environments that the variables name, and use it."""

    async def run() -> None:
        app = Wenv(Store(cache_folder()), first)
        async with app.run_test(size=size) as pilot:
            driver = Driver(app, pilot)
            await driver.settled()
            await use(driver)

    asyncio.run(run())


def masked(picture: str) -> str:
    """A picture without what is another in each: identifiers, and texts that say when, where and how large."""
    picture = re.sub(r"terminal-\d+", "terminal", picture)
    kept = []
    for line in picture.splitlines():
        kept.append(re.sub(r"<text[^>]*>[^<]*</text>", lambda m: "" if VARIABLE.search(_shown(m[0])) else m[0], line))
    return "\n".join(kept) + "\n"


def _shown(text: str) -> str:
    return re.sub(r"<[^>]*>", "", text).replace("&#160;", "\u00a0")
