"""Compiled modules, and what is kept imported."""

from rich.text import Text
from textual.widgets import Static

from wenv.report.words import human_size, human_time
from wenv.tui.screens.pane import Pane, Seen
from wenv.tui.words import plain, size

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
