"""What the panes of an environment have in common."""

from dataclasses import dataclass

from rich.text import Text
from textual.widgets import DataTable

from wenv.environment.manifest import Environment
from wenv.report.files import Node
from wenv.report.layers import CodeReport, DiskUse, LayerReport
from wenv.report.packages import PackageReport
from wenv.tui.actions.table import Actions


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that the screen shows of an environment."""

    environment: Environment
    packages: list[PackageReport]
    layers: list[LayerReport]
    root: Node
    wasted: int
    code: list[CodeReport]
    disk: list[DiskUse]


class Pane(Actions):
    """What the panes of an environment have in common."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: Seen | None = None

    def _table(self, name: str) -> "DataTable[Text]":
        return self.query_one(f"#{name}", DataTable)
