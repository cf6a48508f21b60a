"""Forms: fields to fill in, boxes to tick."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Checkbox, Input, Label, Select

from wenv.tui.dialogs.base import Dialog
from wenv.tui.dialogs.files import FileDialog
from wenv.tui.words import plain


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form: a text; a path to browse for (`is_path`); a switch if `default` is a bool; one of `choices`."""

    name: str
    label: str
    default: str | bool = ""
    help: str = ""
    is_path: bool = False
    choices: tuple[str, ...] = ()


class Tick(Checkbox):
    """A checkbox that is empty when it is not ticked: a shade is not seen by everybody."""

    def __init__(self, label: str, value: bool, *, id: str, tooltip: str | None) -> None:  # noqa: A002 - Textual's name
        super().__init__(label, value, id=id, tooltip=tooltip)
        self.BUTTON_INNER = "X" if value else " "

    def watch_value(self) -> None:
        """Draw it."""
        self.BUTTON_INNER = "X" if self.value else " "
        super().watch_value()


class Form(Dialog[dict[str, str | bool]]):
    """Fields to fill in.  `check` may say what is wrong with the values, and then the form stays."""

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        proceed: str,
        check: Callable[[dict[str, str | bool]], str | None] = lambda values: None,
    ) -> None:
        super().__init__()
        self._title, self._fields, self._proceed, self._check = title, fields, proceed, check

    def compose(self) -> ComposeResult:
        """A label and a widget for each field."""
        with Vertical(classes="dialog"):
            yield Label(plain(self._title), classes="title")
            with VerticalScroll(classes="fields", can_focus=False):
                for field in self._fields:
                    yield from self._composed(field)
            yield Label("", id="wrong")
            with Horizontal(classes="buttons"):
                yield Button(self._proceed, variant="primary", id="proceed")
                yield Button("Cancel", id="leave")

    def _composed(self, field: Field) -> ComposeResult:
        identity = f"field-{field.name}"
        if isinstance(field.default, bool):
            yield Tick(field.label, field.default, id=identity, tooltip=field.help or None)
            return
        yield Label(plain(field.label), classes="label")
        if field.choices:
            yield Select([(choice, choice) for choice in field.choices], value=field.choices[0], allow_blank=False, id=identity)
        elif field.is_path:
            with Horizontal(classes="path"):
                yield Input(field.default, placeholder=field.help, id=identity)
                yield Button("Browse", id=f"browse-{field.name}")
        else:
            yield Input(field.default, placeholder=field.help, id=identity)

    @property
    def values(self) -> dict[str, str | bool]:
        """What is in the fields."""
        found: dict[str, str | bool] = {}
        for field in self._fields:
            widget = self.query_one(f"#field-{field.name}")
            assert isinstance(widget, Checkbox | Input | Select)
            found[field.name] = widget.value if isinstance(widget.value, bool) else str(widget.value).strip()
        return found

    def _submit(self) -> None:
        if (wrong := self._check(self.values)) is not None:
            self.query_one("#wrong", Label).update(plain(wrong))
        else:
            self.dismiss(self.values)

    @on(Input.Submitted)
    def _entered(self) -> None:
        self._submit()

    @on(Button.Pressed)
    async def _pressed(self, event: Button.Pressed) -> None:
        identity = event.button.id or ""
        if identity == "proceed":
            self._submit()
        elif identity == "leave":
            self.dismiss(None)
        elif identity.startswith("browse-"):
            field = self.query_one(f"#field-{identity.removeprefix('browse-')}", Input)

            def chosen(path: Path | None) -> None:
                if path is not None:
                    field.value = str(path)
                field.focus()

            self.app.push_screen(FileDialog(), chosen)
