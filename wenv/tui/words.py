"""How values look in tables."""

from datetime import UTC, datetime

from rich.text import Text

from wenv.cli.printer import human_size, human_time

__all__ = ["ago", "bar", "human_size", "human_time", "plain", "shortened", "size", "state"]

#: The colour of a state, as Textual's themes name it; the word itself says the same without colours.
STATES = {"fine": "green", "stale": "yellow", "incomplete": "red", "damaged": "red"}
BLOCKS = " ▏▎▍▌▋▊▉█"


def plain(value: object) -> Text:
    """Text as it is: square brackets mean nothing in it."""
    return Text(str(value))


def shortened(path: str, width: int) -> str:
    """A path whose end fits into a width: the end says more than the beginning."""
    return path if len(path) <= width else "…" + path[len(path) - width + 1 :]


def ago(time: str) -> str:
    """How long a moment (UTC, ISO 8601) is past, in one unit."""
    if not time:
        return ""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()
    for unit, length in (("year", 365 * 86400), ("month", 30 * 86400), ("day", 86400), ("hour", 3600), ("min", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' * (count > 1 and unit != 'min')} ago"
    return "just now"


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
