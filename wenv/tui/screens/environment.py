"""One environment: its packages and who needs them, its layers and the files in them, and its code."""

from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import DataTable, Footer, Header, Input, Label, Static, TabbedContent, TabPane, Tree

from wenv.environment import known, manifest
from wenv.report.files import merged, wasted
from wenv.report.layers import code_reports, disk_use, layer_reports
from wenv.report.packages import package_reports
from wenv.tui.screens.code import CODE_HEADINGS, CodePane
from wenv.tui.screens.layers import LAYER_HEADINGS, LayersPane
from wenv.tui.screens.packages import PACKAGE_HEADINGS, PackagesPane
from wenv.tui.screens.pane import Seen
from wenv.tui.words import plain
from wenv_cache.errors import UserError
from wenv_resolver.progress import Silent

WIDE = 110


class EnvironmentScreen(PackagesPane, LayersPane, CodePane):
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

    @property
    def chosen_folder(self) -> Path | None:
        """The environment that is shown."""
        return self._folder

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
        app, store, workspace = self.app, self.app.store, self.app.workspace
        try:
            chosen = manifest.load(self._folder)
            runtime = workspace.runtime_for(chosen)
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
