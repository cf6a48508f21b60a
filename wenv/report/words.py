"""How sizes and times look, for commands and the terminal UI."""

from datetime import UTC, datetime


def human_size(size: float) -> str:
    """Bytes for people: ``1.2 MB``."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def packages_of(count: int) -> str:
    """How many packages: ``1 package``."""
    return f"{count} package{'s' * (count != 1)}"


def human_time(time: str) -> str:
    """A moment (UTC, ISO 8601) for people, in their own time: ``2026-01-31 13:45``."""
    return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M") if time else ""


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
