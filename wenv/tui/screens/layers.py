"""Layers, and the files in them."""

from dataclasses import dataclass

from rich.text import Text
from textual import on, work
from textual.widgets import DataTable, Input, Label, TabbedContent, Tree
from textual.widgets.tree import TreeNode
from textual.worker import get_current_worker

from wenv.report.files import Node
from wenv.report.words import human_size
from wenv.tui.screens.pane import Pane, Seen
from wenv.tui.screens.preview import PreviewScreen
from wenv.tui.words import bar, plain, size
from wenv_cache.errors import UserError
from wenv_resolver.layout import SITE_PACKAGES

#: How many files of a folder are added to the tree at once: the rest follows when it is asked for.
CHUNK = 200


LAYER_HEADINGS = ("Layer", "Size", "Files", "Shared by", "Kind", "Digest")


@dataclass(frozen=True, slots=True)
class More:
    """The rest of a folder that was not added to the tree yet."""

    nodes: list[Node]


class LayersPane(Pane):
    """Layers, and the files in them."""

    def __init__(self) -> None:
        super().__init__()
        self._only = ""
        self._line = ""

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
