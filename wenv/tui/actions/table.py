"""What can be done with an environment, and with the store: each action asks, does what its command does, and says so."""

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding

from wenv.tui.actions.changing import ChangingActions
from wenv.tui.actions.sharing import SharingActions
from wenv.tui.actions.store import StoreActions
from wenv.tui.actions.using import UsingActions


@dataclass(frozen=True, slots=True)
class Act:
    """One action: its key, and what it is called; `shown` in the footer."""

    key: str
    name: str
    label: str
    tooltip: str
    shown: bool = False

    @property
    def binding(self) -> Binding:
        """For a screen."""
        return Binding(self.key, self.name, self.label, show=self.shown, tooltip=self.tooltip, id=f"do.{self.name}")


#: With one environment; their order is the palette's.
ACTS = (
    Act("s", "shell", "Shell", "Open a Python prompt in the environment; this screen comes back afterwards", shown=True),
    Act("r", "run", "Run", "Run a script in the environment", shown=True),
    Act("i", "install", "Install", "Add packages, or restore what is missing", shown=True),
    Act("u", "uninstall", "Uninstall", "Take packages out"),
    Act("b", "bake", "Bake", "Keep the packages imported, so that programs start at once"),
    Act("e", "export", "Export", "Write the environment into one file"),
    Act("p", "pack", "Pack", "Make one WebAssembly file of the environment and a program"),
    Act("P", "push", "Push", "Publish the environment in a registry"),
    Act("y", "copy", "Copy", "Make the same environment under another name"),
    Act("n", "rename", "Rename", "Give a named environment another name"),
    Act("d,delete", "remove", "Remove", "Remove the environment", shown=True),
    Act("equals_sign", "compare", "Compare", "What differs from another environment"),
)


#: With the store.
STORE_ACTS = (
    Act("c", "create", "Create", "Make an environment", shown=True),
    Act("X", "prune", "Prune", "Delete what no environment uses"),
    Act("V", "verify", "Verify", "Check every entry of the store"),
)


class Actions(ChangingActions, UsingActions, SharingActions, StoreActions):
    """A screen with actions; `chosen_folder` says which environment they mean."""

    BINDINGS: ClassVar = [act.binding for act in (*ACTS, *STORE_ACTS)]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """One action at a time: keys that are typed ahead of a dialog do not open another."""
        acting = any(worker.group == "action" and not worker.is_finished for worker in self.workers)
        return not (acting and hasattr(Actions, f"action_{action}"))
