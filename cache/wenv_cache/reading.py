"""Reads values that came from elsewhere: JSON and TOML whose every text, number and list is checked before it is used.

A `Given` is a value and the path to it in its document, for messages.  Nothing is converted: a value is what was asked for, or
`InvalidValueError` is raised.  Texts hold no control characters unless that is allowed, so that they can be printed, and no NUL
in any case, so that they can be written into formats that end texts with one.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

#: Characters of the longest text and items of the longest list, unless something else is said.
LONGEST, MOST = 4096, 10_000
#: Bytes of the largest document.
LARGEST = 16 << 20
#: Controls, halves of characters, and separators that a terminal obeys.
_CONTROLS = ("Cc", "Cs", "Zl", "Zp")
#: Characters that reorder what stands around them (Unicode Bidirectional Algorithm, explicit formatting).
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: What Python makes of bytes of a host path that are not UTF-8 (PEP 383).
_ESCAPED_BYTES = re.compile("[\udc80-\udcff]")


class InvalidValueError(ValueError):
    """A value that is not what its place demands."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}" if where else reason)


def is_printable(text: str) -> bool:
    """Whether a text can be shown as it is: one line that moves no cursor and reorders nothing."""
    if text.isprintable():  # of formatting characters, among which the reordering ones are, this says no
        return True
    return not any(unicodedata.category(c) in _CONTROLS or c in _REORDERING for c in text)


def printable(text: str) -> str:
    """The text on one line, with everything that a terminal would obey written as an escape."""
    if is_printable(text):
        return text
    return "".join(c if is_printable(c) else c.encode("unicode_escape").decode() for c in text)


@dataclass(frozen=True, slots=True)
class Given:
    """A value and where it stands.  Every method raises InvalidValueError."""

    value: object
    where: str = ""

    def error(self, reason: str) -> InvalidValueError:
        """The error to raise for this value."""
        return InvalidValueError(self.where, reason)

    def text(
        self,
        pattern: "re.Pattern[str] | None" = None,
        *,
        longest: int = LONGEST,
        controls: bool = False,
        host_path: bool = False,
    ) -> str:
        """A text of at most `longest` characters that matches `pattern` as a whole.

        `controls` allows control characters but NUL; `host_path` allows what stands for bytes that are not UTF-8.
        """
        if not isinstance(self.value, str):
            raise self.error(f"{_kind(self.value)} in place of a text")
        if len(self.value) > longest:
            raise self.error(f"a text of {len(self.value)} characters, {longest} are allowed")
        seen = _ESCAPED_BYTES.sub("?", self.value) if host_path else self.value
        if "\0" in seen or any(unicodedata.category(c) == "Cs" for c in seen if not c.isascii()):
            raise self.error("a text with a NUL or half a character")
        if not controls and not is_printable(seen):
            raise self.error(f"a text with control characters: {printable(seen[:60])!r}")
        if pattern is not None and not pattern.fullmatch(self.value):
            raise self.error(f"{printable(self.value[:80])!r} is not of the form that stands here")
        return self.value

    def truth(self) -> bool:
        """A truth value."""
        if not isinstance(self.value, bool):
            raise self.error(f"{_kind(self.value)} in place of true or false")
        return self.value

    def whole(self, least: int, most: int) -> int:
        """A whole number."""
        if type(self.value) is not int or not least <= self.value <= most:
            raise self.error(f"not a whole number from {least} to {most}")
        return self.value

    def number(self, least: float, most: float) -> float:
        """A number; NaN is none."""
        if type(self.value) not in (int, float) or not least <= float(str(self.value)) <= most:
            raise self.error(f"not a number from {least:g} to {most:g}")
        return float(str(self.value))

    @property
    def optional(self) -> "Given | None":
        """Itself, or None for null."""
        return None if self.value is None else self

    def items(self, most: int = MOST) -> "Iterator[Given]":
        """The items of a list of at most `most`."""
        if not isinstance(self.value, list):
            raise self.error(f"{_kind(self.value)} in place of a list")
        if len(self.value) > most:
            raise self.error(f"a list of {len(self.value)} items, {most} are allowed")
        return (Given(item, f"{self.where}[{number}]") for number, item in enumerate(self.value))

    def entries(self, most: int = MOST) -> "dict[str, Given]":
        """The entries of an object whose keys are free, though they must be texts themselves."""
        if not isinstance(self.value, dict):
            raise self.error(f"{_kind(self.value)} in place of an object")
        if len(self.value) > most:
            raise self.error(f"an object of {len(self.value)} entries, {most} are allowed")
        return {Given(key, self.where).text(): self[key] for key in self.value}

    def __getitem__(self, key: str) -> "Given":
        """An entry that must be there."""
        found = self.get(key)
        if found is None:
            raise self.error(f"{key!r} is missing")
        return found

    def get(self, key: str) -> "Given | None":
        """An entry, None if there is none."""
        if not isinstance(self.value, dict):
            raise self.error(f"{_kind(self.value)} in place of an object")
        return Given(self.value[key], f"{self.where}.{key}" if self.where else str(key)) if key in self.value else None


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def given_json(document: bytes | str, largest: int = LARGEST) -> Given:
    """The value of a JSON document.  Raises InvalidValueError, also for NaN, and for nesting that Python cannot follow."""
    if len(document) > largest:
        raise InvalidValueError("", f"a document of {len(document)} bytes, {largest} are allowed")

    def refuse(name: str) -> object:
        raise ValueError(f"{name} is no JSON")

    try:
        return Given(json.loads(document, parse_constant=refuse))
    except RecursionError:
        raise InvalidValueError("", "nested too deeply") from None
    except ValueError as error:
        raise InvalidValueError("", f"not JSON: {error}") from None
