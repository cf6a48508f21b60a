"""How library code says what it is doing, without knowing of a terminal."""

from typing import Protocol


class Progress(Protocol):
    """Hears of work that takes longer than a moment."""

    def say(self, sentence: str) -> None:
        """A sentence worth reading, once."""

    def begin(self, task: str, total: int | None = None) -> None:
        """A task starts; `total` in its own units (bytes, packages), None if not known."""

    def advance(self, task: str, amount: int) -> None:
        """The task has come further."""

    def note(self, task: str, line: str) -> None:
        """What the task is at just now, in its own words."""

    def end(self, task: str) -> None:
        """The task is over."""


class Silent:
    """Hears nothing."""

    def say(self, sentence: str) -> None:
        """Ignored."""

    def begin(self, task: str, total: int | None = None) -> None:
        """Ignored."""

    def advance(self, task: str, amount: int) -> None:
        """Ignored."""

    def note(self, task: str, line: str) -> None:
        """Ignored."""

    def end(self, task: str) -> None:
        """Ignored."""
