"""What a person reads goes to standard error, what a program reads to standard output; both pass through here."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from wenv_cache.errors import UserError
from wenv_cache.reading import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


#: Characters of a table's cell from which on it may take several lines.
WRAPPED = 20


class Printer:
    """Prints messages, tables and progress; with no colours and no bars where nobody would see them."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    @cached_property
    def _console(self) -> "Console":
        from rich.console import Console  # late: `run` prints nothing

        return Console(stderr=True, highlight=False)

    # -- wenv_resolver.progress.Progress

    def say(self, sentence: str) -> None:
        """A sentence on standard error."""
        if not self._quiet:
            self._console.print(shown(sentence), markup=False, emoji=False, soft_wrap=True)

    def begin(self, task: str, total: int | None = None) -> None:
        """Show a bar for the task, on a terminal."""
        if self._quiet or not self._console.is_terminal or os.environ.get("TERM") == "dumb":
            return
        if self._bars is None:
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self._bars = Progress(*columns, console=self._console, transient=True)
            self._bars.start()
        if task not in self._tasks:
            self._tasks[task] = self._bars.add_task(shown(task), total=total)

    def advance(self, task: str, amount: int) -> None:
        """Move the task's bar."""
        if self._bars is not None and task in self._tasks:
            self._bars.advance(self._tasks[task], amount)

    def note(self, task: str, line: str) -> None:
        """Show what the task is at, behind its name."""
        if self._bars is not None and task in self._tasks:
            from rich.markup import escape

            self._bars.update(self._tasks[task], description=f"{escape(task)} [dim]{escape(shown(line[:60]))}[/]")

    def end(self, task: str) -> None:
        """Take the task's bar away."""
        if self._bars is not None and task in self._tasks:
            self._bars.remove_task(self._tasks.pop(task))
            if not self._tasks:
                self._bars.stop()
                self._bars = None

    # -- results

    def table(
        self,
        headings: Sequence[str],
        rows: Iterable[Sequence[object]],
        right: Sequence[int] = (),
        optional: Sequence[int] = (),
    ) -> None:
        """A table on standard output; columns in `right` are aligned to the right.

        On a terminal it is as wide as that: first columns in `optional` are left out, the first of these first, then long cells
        take several lines.  Elsewhere every cell is whole.
        """
        from rich.console import Console
        from rich.table import Table

        cells = [[_plain(cell) for cell in row] for row in rows]
        console = Console(highlight=False)
        if not console.is_terminal:
            console = Console(highlight=False, width=10_000)
        widths = [
            max((each.cell_len for each in column), default=0) for column in zip(map(_plain, headings), *cells, strict=True)
        ]
        shown = list(range(len(headings)))

        def fits() -> bool:
            return sum(min(widths[each], WRAPPED) + 2 for each in shown) - 2 <= console.width

        for index in optional:
            if not fits():
                shown.remove(index)
        short_stay_whole = fits()
        table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
        for index in shown:
            justify: Literal["right", "left"] = "right" if index in right else "left"
            table.add_column(
                headings[index], justify=justify, overflow="fold", no_wrap=short_stay_whole and widths[index] < WRAPPED
            )
        for row in cells:
            table.add_row(*(row[index] for index in shown))
        console.print(table)

    def line(self, text: str) -> None:
        """A line on standard output."""
        print(shown(text))

    def json(self, value: Any) -> None:
        """A value on standard output, for programs."""
        print(json.dumps(value, indent=2))

    def error(self, error: UserError) -> None:
        """What went wrong, and what to do next."""
        self._console.print("[bold red]error[/]: ", end="")
        self._console.print(shown(str(error)), markup=False, emoji=False, soft_wrap=True)
        if error.hint:
            self._console.print("[cyan]hint[/]: ", end="")
            self._console.print(shown(error.hint), markup=False, emoji=False, soft_wrap=True)

    def __enter__(self) -> "Printer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars, self._tasks = None, {}


def _plain(cell: object) -> Any:
    from rich.text import Text

    return Text("" if cell is None else shown(str(cell)))


def shown(text: str) -> str:
    """A text of one or more lines as it may reach a terminal: what would steer it is written as an escape."""
    return "\n".join(printable(line) for line in text.expandtabs(4).split("\n"))


def flush_standard_streams() -> None:
    """Flush, so that a closed pipe is met here and not while the interpreter ends."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
