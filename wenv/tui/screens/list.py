"""The first screen: all environments, and what is to say about the one under the cursor."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import Group, RenderableType
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widgets import DataTable, Footer, Header, Input, Static

from wenv.environment import manifest
from wenv.report.environments import Summary, summaries
from wenv.report.layers import DiskUse, disk_use
from wenv.report.words import ago, human_size, human_time, shortened
from wenv.tui.actions.table import Actions
from wenv.tui.screens.environment import EnvironmentScreen
from wenv.tui.words import plain, size, state
from wenv_cache.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

HEADINGS = ("Environment", "State", "Packages", "Size", "Shared", "Baked", "Used", "Runtime")
#: What each column sorts by.
ORDERS: "tuple[Callable[[Summary], Any], ...]" = (
    lambda s: s.label.lower(),
    lambda s: s.state,
    lambda s: -s.packages,
    lambda s: -s.size,
    lambda s: -s.shared,
    lambda s: not s.baked,
    lambda s: tuple(-ord(letter) for letter in s.used),
    lambda s: s.runtime,
)
#: Columns from which on the details stand beside the list.
WIDE = 110


class EnvironmentsScreen(Actions):
    """All environments."""

    HELP = """\
# Environments

All that you have on this machine: named ones, and those in folders of projects.

**Enter** looks into one, **c** makes one, **/** filters by name, **o** or a click on a heading sorts. Everything that can be
done with the one under the cursor is in the palette (**Ctrl+P**) as well.

**State**: *stale* ones were made for another interpreter, *incomplete* ones miss layers; **i**, with nothing filled in,
mends both.
"""
    BINDINGS: ClassVar = [
        Binding("enter", "open", "Open", tooltip="Packages, layers and files of the environment", id="list.open"),
        Binding("slash", "filter", "Filter", tooltip="Show only those whose name has this in it", id="list.filter"),
        Binding("o", "order", "Sort", show=False, tooltip="Sort by the next column", id="list.sort"),
        Binding("escape", "clear_filter", "All", show=False, tooltip="Show all again", id="list.all"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - as Textual declares it

    def __init__(self) -> None:
        super().__init__()
        self._found: list[Summary] = []
        self._order = 0
        self._loaded = False
        self._wanted: Path | None = None

    def compose(self) -> ComposeResult:
        """The list, with details beside or below it."""
        yield Header()
        yield Input(placeholder="name or folder", id="filter")
        with Vertical(id="list"):
            yield DataTable(id="environments", cursor_type="row", zebra_stripes=True)
            with VerticalScroll(id="details", can_focus=False):
                yield Static("Reading…", id="about-environment")
        yield Footer()

    def on_mount(self) -> None:
        """Read what there is."""
        table = self._table
        for index, heading in enumerate(HEADINGS):
            table.add_column(heading, key=str(index))
        table.focus()
        self.refresh_list()

    @property
    def _table(self) -> "DataTable[Text]":
        return self.query_one("#environments", DataTable)

    def on_wenv_store_changed(self) -> None:
        """Read it again."""
        self.refresh_list()

    @work(thread=True, exclusive=True, group="list")
    def refresh_list(self) -> None:
        """Read all environments, in a thread."""
        found = summaries(self.app.workspace)
        self.app.call_from_thread(self._arrived, found)

    def _arrived(self, found: list[Summary]) -> None:
        self._found, self._loaded = found, True
        self._fill()

    def _fill(self) -> None:
        table, wanted = self._table, self.query_one("#filter", Input).value.lower()
        before, row = self._wanted or self.chosen_folder, table.cursor_row
        self._wanted = None
        shown = sorted((s for s in self._found if wanted in s.label.lower()), key=ORDERS[self._order])
        room = max(20, self.app.size.width // 3)
        table.clear()
        for s in shown:
            label = shortened(s.label, room)
            cells = (plain(label), state(s.state), Text(str(s.packages), justify="right"), size(s.size), size(s.shared))
            more = (plain("yes" if s.baked else ""), plain(ago(s.used)), plain(s.runtime))
            table.add_row(*cells, *more, key=s.folder)
        if shown:
            again = [index for index, s in enumerate(shown) if Path(s.folder) == before]
            table.move_cursor(row=again[0] if again else min(row, len(shown) - 1))
        self.sub_title = f"{len(shown)} of {len(self._found)}" if wanted else str(len(self._found))
        self._describe()

    def left(self, folder: Path | None) -> None:
        """Go to it, when the list has it."""
        self._wanted = folder
        self.refresh_list()

    # -- the one under the cursor

    @property
    def chosen_folder(self) -> Path | None:
        """The environment under the cursor."""
        table = self._table
        if not table.row_count:
            return None
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        return Path(key) if key else None

    @on(DataTable.RowHighlighted, "#environments")
    def _highlighted(self) -> None:
        self._describe()

    @work(thread=True, exclusive=True, group="details")
    def _describe(self) -> None:
        folder = self.app.call_from_thread(lambda: self.chosen_folder)
        if folder is None:
            said: RenderableType = plain(
                "" if not self._loaded else "Nothing matches." if self._found else "No environments yet: c makes one."
            )
        else:
            summary = next((s for s in self._found if Path(s.folder) == folder), None)
            said = self._words(folder, summary)
        self.app.call_from_thread(lambda: self.query_one("#about-environment", Static).update(said))

    def _words(self, folder: Path, summary: Summary | None) -> RenderableType:
        """Everything about an environment."""
        try:
            chosen = manifest.load(folder)
            use = disk_use(self.app.workspace.runtime_for(chosen), chosen)
        except UserError as error:
            return Group(Text(str(error), style="red"), plain(error.hint or ""))
        asked = ", ".join(str(line["text"]) for line in chosen.requested["requirements"]) or "nothing"
        granted = chosen.asked.words + ("" if chosen.is_policy_granted() else " (not granted)")
        lines = [
            ("Asked for", asked),
            ("Policy", granted),
            ("On disk", _disk_words(use)),
            ("Baked", ", ".join(chosen.baked.modules) or "nothing"),
            ("Snapshot", f"sha256:{chosen.snapshot[:16]}  lock {chosen.lock[:16]}"),
            ("Folder", str(chosen.folder)),
            ("Changed", f"{human_time(chosen.changed)} (created {human_time(chosen.created)})"),
        ]
        if summary is not None and summary.problem:
            lines.insert(0, (summary.state.capitalize(), summary.problem))
        return Group(*(Text.assemble((f"{heading:<10} ", "bold"), value) for heading, value in lines))

    def on_data_table_row_selected(self) -> None:
        """Enter, or a click on the row."""
        self.action_open()

    def action_open(self) -> None:
        """Look into it."""
        if (chosen := self._chosen()) is not None:
            self.app.push_screen(EnvironmentScreen(chosen.folder))

    # -- filter and order

    def action_filter(self) -> None:
        """Ask for a part of the name."""
        field = self.query_one("#filter", Input)
        field.add_class("shown")
        field.focus()

    @on(Input.Changed, "#filter")
    def _filtered(self) -> None:
        self._fill()

    @on(Input.Submitted, "#filter")
    def _entered(self) -> None:
        self._table.focus()

    def action_clear_filter(self) -> None:
        """Show all."""
        field = self.query_one("#filter", Input)
        field.value = ""
        field.remove_class("shown")
        self._table.focus()

    def action_order(self) -> None:
        """Sort by the next column."""
        self._sort((self._order + 1) % len(HEADINGS))

    @on(DataTable.HeaderSelected, "#environments")
    def _heading(self, event: DataTable.HeaderSelected) -> None:
        self._sort(event.column_index)

    def _sort(self, order: int) -> None:
        self._order = order
        self._fill()
        self.notify(f"Sorted by {HEADINGS[order].lower()}", timeout=2)


def _disk_words(use: "list[DiskUse]") -> str:
    return ", ".join(f"{part.kind} {human_size(part.size)}" for part in use if part.size)
