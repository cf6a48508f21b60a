"""What the panes of an environment have in common."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.console import Group
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import DataTable, Footer, Header, Input, Label, Static, TabbedContent, TabPane, Tree
from textual.widgets.tree import TreeNode
from textual.worker import get_current_worker

from wenv.environment import known, manifest
from wenv.environment.manifest import Environment
from wenv.report.files import Node, merged, wasted
from wenv.report.layers import CodeReport, DiskUse, LayerReport, code_reports, disk_use, layer_reports
from wenv.report.packages import PackageReport, package_reports
from wenv.runtimes.choice import runtime_for
from wenv.tui.actions.table import Actions
from wenv.tui.screens.preview import PreviewScreen
from wenv.tui.words import bar, human_size, human_time, plain, size
from wenv_cache.errors import UserError
from wenv_resolver.layout import SITE_PACKAGES
from wenv_resolver.progress import Silent



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
