"""Dialogs: reviews and confirmations, forms, the file dialog, and work in progress."""

from typing import ClassVar, TypeVar

from textual.binding import Binding
from textual.screen import ModalScreen

Result = TypeVar("Result")

ESCAPE = Binding("escape", "leave", "Cancel", tooltip="Close this dialog; nothing is done", id="dialog.cancel")


class Dialog(ModalScreen[Result | None]):
    """A box over the screen; None if it is left."""

    BINDINGS: ClassVar = [ESCAPE]

    def action_leave(self) -> None:
        """Close without a result."""
        self.dismiss(None)
