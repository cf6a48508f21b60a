"""One environment: its packages and who needs them, its layers and the files in them, and its code."""

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

#: How many files of a folder are added to the tree at once: the rest follows when it is asked for.
CHUNK = 200
WIDE = 110
PACKAGE_HEADINGS = ("Package", "Version", "Kind", "Size", "Needed by", "Licence")
LAYER_HEADINGS = ("Layer", "Size", "Files", "Shared by", "Kind", "Digest")
CODE_HEADINGS = ("Package", "Modules", "Compiled", "Baked")


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


@dataclass(frozen=True, slots=True)
class More:
    """The rest of a folder that was not added to the tree yet."""

    nodes: list[Node]


class EnvironmentScreen(Actions):
    """One environment."""

    HELP = """\
# An environment

**Packages**: what is in it and why; below, everything about the one under the cursor, and the packages on both sides of it.

**Layers**: one for each package, lowest first. **Enter** on a layer shows its files only, **Esc** all again. The tree beside it
is what programs see; `shadowed` files are never imported, as an earlier layer has one of the same name. **Enter** on a file
shows it, **l** jumps to its layer, **/** filters by name.

**Code**: compiled modules, and what is kept imported (**b** bakes).
"""
    BINDINGS: ClassVar = [
        Binding("escape", "back", "Back", tooltip="Back to the list", id="inside.back"),
        Binding("slash", "filter", "Filter", tooltip="Show only files with this in their name", id="inside.filter"),
        Binding("l", "to_layer", "Layer", show=False, tooltip="Jump to the layer of this file", id="inside.layer"),
        Binding("1", "tab('packages-pane')", "Packages", show=False, tooltip="The packages", id="inside.packages"),
        Binding("2", "tab('layers-pane')", "Layers", show=False, tooltip="The layers and files", id="inside.layers"),
        Binding("3", "tab('code-pane')", "Code", show=False, tooltip="Compiled and baked modules", id="inside.code"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - as Textual declares it

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._seen: Seen | None = None
        self._only = ""

    def compose(self) -> ComposeResult:
        """Three tabs."""
        yield Header()
        with TabbedContent(initial="packages-pane"):
            with TabPane("1 Packages", id="packages-pane"):
                yield DataTable(id="packages", cursor_type="row", zebra_stripes=True)
                with Horizontal(id="package"):
                    with VerticalScroll(id="about", can_focus=False):
                        yield Static("Reading…", id="about-package")
                    yield Tree("", id="dependencies")
            with TabPane("2 Layers", id="layers-pane"), Vertical(id="layers-box"):
                with Vertical(id="stack"):
                    yield DataTable(id="layers", cursor_type="row", zebra_stripes=True)
                with Vertical(id="merged"):
                    yield Label("", id="layer-line")
                    yield Input(placeholder="part of a file's name", id="tree-filter")
                    yield Tree("", id="files")
            with TabPane("3 Code", id="code-pane"):
                yield Static("", id="code-line")
                yield DataTable(id="modules", cursor_type="row", zebra_stripes=True)
        yield Footer()

    def on_mount(self) -> None:
        """Read it."""
        for name, headings in (("packages", PACKAGE_HEADINGS), ("layers", LAYER_HEADINGS), ("modules", CODE_HEADINGS)):
            self._table(name).add_columns(*headings)
        for tree in self.query(Tree):
            tree.show_root = False
            tree.guide_depth = 2
        self._table("packages").focus()
        self.refresh_seen()

    def _table(self, name: str) -> "DataTable[Text]":
        return self.query_one(f"#{name}", DataTable)

    @property
    def chosen_folder(self) -> Path | None:
        """The environment that is shown."""
        return self._folder

    @property
    def chosen_package(self) -> str:
        """The package under the cursor."""
        report = self._package
        return report.name if report is not None else ""

    def left(self, folder: Path | None) -> None:
        """Follow it, or go back."""
        if folder is None:
            self.dismiss(None)
        elif not known.exists(self._folder):
            self._folder = folder
            self.refresh_seen()

    def on_wenv_store_changed(self) -> None:
        """Read it again; if it is gone, go back."""
        if not known.exists(self._folder):
            if self.is_current:
                self.notify(f"{self._folder} holds no environment any more", severity="warning", markup=False)
                self.dismiss(None)
            return
        self.refresh_seen()

    def action_back(self) -> None:
        """Back to the list; first, to all layers."""
        field = self.query_one("#tree-filter", Input)
        if self._only or field.has_class("shown"):
            self._only = ""
            field.value = ""
            field.remove_class("shown")
            self._fill_tree()
            self.query_one("#files").focus()
        else:
            self.dismiss(None)

    def action_tab(self, pane: str) -> None:
        """Show a tab, and go where its keys work."""
        self.query_one(TabbedContent).active = pane
        first = {"packages-pane": "#packages", "layers-pane": "#files", "code-pane": "#modules"}[pane]
        self.query_one(first).focus()

    # -- reading

    @work(thread=True, exclusive=True, group="seen")
    def refresh_seen(self) -> None:
        """Read everything, in a thread."""
        app, store = self.app, self.app.store
        try:
            chosen = manifest.load(self._folder)
            runtime = runtime_for(store, chosen)
            root = merged(store, chosen)
            seen = Seen(
                chosen,
                package_reports(runtime, chosen, Silent()),
                layer_reports(store, chosen),
                root,
                wasted(root),
                code_reports(runtime, chosen),
                disk_use(runtime, chosen),
            )
        except (UserError, OSError) as error:
            app.call_from_thread(self._failed, error)
            return
        app.call_from_thread(self._arrived, seen)

    def _failed(self, error: UserError | OSError) -> None:
        self.query_one("#about-package", Static).update(plain(error))
        self.complain(error)

    def _arrived(self, seen: Seen) -> None:
        if self._seen is not None and self._seen.environment == seen.environment:
            return  # somebody else's environment has changed
        self._seen = seen
        self.sub_title = seen.environment.label
        self._fill_packages(seen)
        self._fill_layers(seen)
        self._fill_tree()
        self._fill_code(seen)

    # -- packages

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
        source = next((p.filename for p in self._seen.environment.packages if p.name == report.name), "part of the runtime")
        lines = [
            ("", f"{report.name} {report.version}"),
            ("", report.summary),
            ("Licence", report.licence or "not stated"),
            ("Layer", report.layer[:16]),
            ("From", source),
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

    # -- layers and files

    def _fill_layers(self, seen: Seen) -> None:
        table = self._table("layers")
        table.clear()
        for report in seen.layers:
            numbers = (Text(str(report.files), justify="right"), Text(str(report.shared_by), justify="right"))
            table.add_row(
                plain(report.title),
                size(report.size),
                *numbers,
                plain(report.kind),
                plain(report.digest[:12]),
                key=report.digest,
            )
        own = sum(report.size for report in seen.layers if not report.shared_by)
        parts = [f"{len(seen.layers)} layers", human_size(seen.root.size), f"{human_size(own)} in no other environment"]
        if seen.wasted:
            parts.append(f"{human_size(seen.wasted)} shadowed")
        self._line = ", ".join(parts)

    @on(DataTable.RowSelected, "#layers")
    def _select_layer(self, event: DataTable.RowSelected) -> None:
        digest = event.row_key.value or ""
        self._only = "" if self._only == digest else digest
        self._fill_tree()

    def _fill_tree(self) -> None:
        """The merged tree, or what the filter or the chosen layer leave of it."""
        if self._seen is None:
            return
        tree: Tree[object] = self.query_one("#files", Tree)
        wanted = self.query_one("#tree-filter", Input).value.lower()
        if wanted or self._only:
            self._match(self._seen.root, wanted, self._only)
        else:
            tree.clear()
            self._add_nodes(tree.root, self._seen.root.sorted(), self._seen.root.size)
            for branch in tree.root.children:
                if isinstance(branch.data, Node) and branch.data.name == SITE_PACKAGES:
                    branch.expand()
            self._show_tree(self._line)

    def _show_tree(self, line: str) -> None:
        tree = self.query_one("#files", Tree)
        tree.root.expand()
        self.query_one("#layer-line", Label).update(plain(line))
        if tree.root.children:
            self.call_after_refresh(tree.move_cursor_to_line, 0)

    @work(thread=True, exclusive=True, group="match", description="match")  # the usual one is the arguments' repr
    def _match(self, root: Node, wanted: str, only: str) -> None:
        """Look for files in a thread: there may be many."""
        found = matching(root, wanted, only)
        if not get_current_worker().is_cancelled:
            self.app.call_from_thread(self._matched, found, wanted, only)

    def _matched(self, found: list[tuple[str, Node]], wanted: str, only: str) -> None:
        assert self._seen is not None
        self.query_one("#files", Tree).clear()
        nodes, paths = [node for _, node in found], {id(node): path for path, node in found}
        self._add_nodes(self.query_one("#files", Tree).root, nodes, self._seen.root.size, paths)
        where = f"only {self._titles[only]} (Esc shows all), " if only else ""
        self._show_tree(f"{where}{len(found)} files" + (f" with “{wanted}”" if wanted else ""))

    @property
    def _titles(self) -> dict[str, str]:
        return {report.digest: report.title for report in self._seen.layers} if self._seen is not None else {}

    def _add_nodes(
        self, branch: "TreeNode[object]", nodes: list[Node], whole: int, paths: dict[int, str] | None = None
    ) -> None:
        titles = self._titles
        for node in nodes[:CHUNK]:
            if node.file is None:
                label = Text.assemble(bar(node.size, whole, 5), f" {human_size(node.size):>8}  ", (f"{node.name}/", "bold"))
                branch.add(label, data=node)
                continue
            label = Text.assemble(bar(node.size, whole, 5), f" {human_size(node.size):>8}  ")
            label.append((paths or {}).get(id(node), node.name), style="strike" if node.shadowed else "")
            label.append(f"  {titles.get(node.layer, '')}{' shadowed' if node.shadowed else ''}", style="dim")
            branch.add_leaf(label, data=node)
        if len(nodes) > CHUNK:
            branch.add_leaf(Text(f"… {len(nodes) - CHUNK} more: Enter shows them", style="italic"), data=More(nodes[CHUNK:]))

    @on(Tree.NodeExpanded, "#files")
    def _open_folder(self, event: "Tree.NodeExpanded[object]") -> None:
        node = event.node
        if isinstance(node.data, Node) and not node.children:
            self._add_nodes(node, node.data.sorted(), node.data.size)

    @on(Tree.NodeSelected, "#files")
    def _open_file(self, event: "Tree.NodeSelected[object]") -> None:
        data, branch = event.node.data, event.node.parent
        if isinstance(data, More) and branch is not None:
            event.node.remove()
            self._add_nodes(branch, data.nodes, sum(node.size for node in data.nodes))
        elif isinstance(data, Node) and data.file is not None:
            title = f"{data.name} of {self._titles.get(data.layer, '')}: {data.file.path}"
            try:
                self.app.push_screen(PreviewScreen(self.app.store.tree(data.layer) / data.file.path, title))
            except UserError as error:
                self.complain(error)

    def action_to_layer(self) -> None:
        """Jump to the layer of the file under the cursor."""
        node = self.query_one("#files", Tree).cursor_node
        if self._seen is not None and node is not None and isinstance(node.data, Node) and node.data.layer:
            table = self._table("layers")
            table.move_cursor(row=[report.digest for report in self._seen.layers].index(node.data.layer))
            table.focus()

    def action_filter(self) -> None:
        """Ask for a part of a file's name."""
        self.query_one(TabbedContent).active = "layers-pane"
        field = self.query_one("#tree-filter", Input)
        field.add_class("shown")
        field.focus()

    @on(Input.Changed, "#tree-filter")
    def _filtered(self) -> None:
        self._fill_tree()

    @on(Input.Submitted, "#tree-filter")
    def _entered(self) -> None:
        self.query_one("#files").focus()

    # -- code

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


def matching(root: Node, wanted: str, layer: str) -> list[tuple[str, Node]]:
    """The files whose path has `wanted` in it, of one layer or (empty) of all, with their paths."""
    found: list[tuple[str, Node]] = []

    def look(node: Node, path: str) -> None:
        for child in node.sorted():
            below = f"{path}/{child.name}" if path else child.name
            if child.file is None:
                look(child, below)
            elif wanted in below.lower() and (not layer or child.layer == layer):
                found.append((below, child))

    look(root, "")
    return found
