"""Packages, and who needs them."""

from collections.abc import Iterable

from rich.console import Group
from rich.text import Text
from textual import on
from textual.widgets import DataTable, Static, Tree
from textual.widgets.tree import TreeNode

from wenv.report.packages import PackageReport
from wenv.tui.screens.pane import Pane, Seen
from wenv.tui.words import plain, size

PACKAGE_HEADINGS = ("Package", "Version", "Kind", "Size", "Needed by", "Licence")


class PackagesPane(Pane):
    """Packages, and who needs them."""

    @property
    def chosen_package(self) -> str:
        """The package under the cursor."""
        report = self._package
        return report.name if report is not None else ""

    def _fill_packages(self, seen: Seen) -> None:
        table = self._table("packages")
        table.clear()
        for report in seen.packages:
            by = "you" if report.requested else ", ".join(report.needed_by)
            cells = (report.name, report.version, report.kind)
            table.add_row(*map(plain, cells), size(report.size), plain(by), plain(report.licence[:24]), key=report.name)
        if not seen.packages:
            self.query_one("#about-package", Static).update(plain("No packages yet: i adds some."))

    @property
    def _package(self) -> PackageReport | None:
        table = self._table("packages")
        if self._seen is None or not table.row_count or table.cursor_row >= len(self._seen.packages):
            return None
        return self._seen.packages[table.cursor_row]

    @on(DataTable.RowHighlighted, "#packages")
    def _describe(self) -> None:
        report = self._package
        if report is None or self._seen is None:
            return
        lines = [
            ("", f"{report.name} {report.version}"),
            ("", report.summary),
            ("Licence", report.licence or "not stated"),
            ("Layer", report.layer[:16]),
            ("From", "part of the runtime" if report.origin is None else report.origin.words),
            ("Linked", ", ".join(report.linked)),
            ("", "you asked for it" if report.requested else ""),
        ]
        shown = (Text.assemble((f"{heading} ", "bold") if heading else "", value) for heading, value in lines if value)
        self.query_one("#about-package", Static).update(Group(*shown))
        self._fill_dependencies(report)

    def _fill_dependencies(self, report: PackageReport) -> None:
        """Both sides of a package; what is below unfolds when it is opened."""
        tree = self.query_one("#dependencies", Tree)
        tree.clear()
        for heading, names, up in (("needs", report.needs, False), ("needed by", report.needed_by, True)):
            branch = tree.root.add(plain(f"{heading} {len(names) or 'nothing'}"), expand=True, allow_expand=bool(names))
            self._add_packages(branch, names, up=up, above=(report.name,))
        tree.root.expand()

    def _add_packages(self, branch: "TreeNode[object]", names: Iterable[str], *, up: bool, above: tuple[str, ...]) -> None:
        assert self._seen is not None
        reports = {report.name: report for report in self._seen.packages}
        for name in names:
            report = reports[name]
            more = report.needed_by if up else report.needs
            circular = name in above
            label = plain(f"{name} {report.version}{' (again)' if circular else ''}")
            branch.add(label, data=(name, up, above), allow_expand=bool(more) and not circular)

    @on(Tree.NodeExpanded, "#dependencies")
    def _unfold(self, event: "Tree.NodeExpanded[object]") -> None:
        node = event.node
        if isinstance(node.data, tuple) and not node.children and self._seen is not None:
            name, up, above = node.data
            report = next(report for report in self._seen.packages if report.name == name)
            self._add_packages(node, report.needed_by if up else report.needs, up=up, above=(*above, name))

    @on(Tree.NodeSelected, "#dependencies")
    def _go_to_package(self, event: "Tree.NodeSelected[object]") -> None:
        data = event.node.data
        if isinstance(data, tuple) and self._seen is not None and not event.node.allow_expand:
            names = [report.name for report in self._seen.packages]
            self._table("packages").move_cursor(row=names.index(data[0]))
