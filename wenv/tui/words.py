"""How values look in tables."""

from rich.text import Text

from wenv.report.words import human_size

#: The colour of a state, as Textual's themes name it; the word itself says the same without colours.
STATES = {"fine": "green", "stale": "yellow", "incomplete": "red", "damaged": "red"}
BLOCKS = " ▏▎▍▌▋▊▉█"


def plain(value: object) -> Text:
    """Text as it is: square brackets mean nothing in it."""
    return Text(str(value))


def size(value: int) -> Text:
    """Bytes, aligned to the right."""
    return Text(human_size(value), justify="right")


def state(value: str) -> Text:
    """A state in its colour."""
    return Text(value, style=STATES.get(value, ""))


def bar(part: int, whole: int, width: int = 8) -> Text:
    """What part of the whole, as a bar."""
    eighths = round(8 * width * part / whole) if whole else 0
    full, rest = divmod(eighths, 8)
    return Text(("█" * full + (BLOCKS[rest] if rest else "")).ljust(width), style="blue")
