"""Compiled modules, and what is kept imported."""

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


from wenv.tui.screens.pane import Pane, Seen


CODE_HEADINGS = ("Package", "Modules", "Compiled", "Baked")


class CodePane(Pane):
    """Compiled modules, and what is kept imported."""

    def _fill_code(self, seen: Seen) -> None:
        table, sizes = self._table("modules"), {part.kind: part.size for part in seen.disk}
        table.clear()
        for report in seen.code:
            cells = (Text(str(report.modules), justify="right"), size(report.size), plain(", ".join(report.baked)))
            table.add_row(plain(report.title), *cells)
        baked = seen.environment.baked
        lines = [f"Interpreter {human_size(sizes['interpreter'])}, compiled code {human_size(sizes['compiled code'])}."]
        if baked.modules:
            cost = sizes["baked"] - sizes["interpreter"]
            lines.append(f"Baked {human_time(baked.made)}: {', '.join(baked.modules)}; {human_size(max(0, cost))} for it.")
            if baked.variables:
                those_set = (
                    ", ".join(f"{name}={value}" for name, value in baked.variables if value is not None) or "none of them"
                )
                lines.append(f"They looked at {len(baked.variables)} variables; set: {those_set}.")
        else:
            lines.append("Nothing is baked: b keeps the packages that you asked for imported.")
        lines += [f"Left out: {module}: {reason}" for module, reason in baked.left_out]
        self.query_one("#code-line", Static).update(plain("\n".join(lines)))
