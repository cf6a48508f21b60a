"""What pip keeps for the whole process: its logging, its environment markers, and the objects behind a command of its."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path

import pip._vendor.packaging.markers as pip_markers
from pip._internal.exceptions import DiagnosticPipError
from pip._vendor.rich.text import Text
from piptools.logging import log as pip_tools_log
from piptools.repositories.pypi import PyPIRepository

from wenv_resolver.errors import RequirementsError
from wenv_resolver.requirements import IndexOptions
from wenv_resolver.target import Target


def repository(options: IndexOptions, downloads: Path | None) -> PyPIRepository:
    """pip-tools' view of pip's indexes; answers are kept in the folder `downloads`, if one is given.

    Raises RequirementsError where pip cannot read how it is configured.
    """
    cache = ["--cache-dir", str(downloads)] if downloads else ["--no-cache-dir"]
    said = StringIO()
    try:
        with logging_kept(), redirect_stderr(said):
            return PyPIRepository([*options.pip_arguments(), *cache], cache_dir=str(downloads or ""))
    except SystemExit as error:  # pip's words for a variable or a file of its that it cannot read
        words = said.getvalue().strip().splitlines()
        raise RequirementsError(f"pip's configuration: {words[-1] if words else error}") from error


@contextmanager
def markers_of(target: Target) -> Iterator[None]:
    """Evaluate environment markers for the target; pip has no parameter for it."""
    original = pip_markers.default_environment
    pip_markers.default_environment = lambda: dict(target.markers)  # type: ignore[assignment,return-value]
    try:
        yield
    finally:
        pip_markers.default_environment = original


#: How pip begins what it says of a page that it could not fetch: at each try, and at the end, which it says to developers.
FETCHING = ("Retrying", "Could not fetch")
_PAGES = "pip._internal.index.collector"
_YANKED = re.compile(
    r"The candidate selected .* yanked version: '(?P<name>[^']+)' candidate \(version (?P<version>\S+) "
    r".* yanked: (?P<reason>.*)"
)


class _Collector(logging.Handler):
    """Keeps pip's warnings and errors, which say why a resolution failed, and its words for pages that it could not fetch."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.levelno >= logging.WARNING or (message.startswith(FETCHING[1]) and ": 404 " not in message):
            self.messages.append(message)


_collector = _Collector()


def forget_warnings(*, of_pages: bool) -> None:
    """Forget what pip has said so far; what it said of pages that it could not fetch only with `of_pages`."""
    _collector.messages[:] = [message for message in _collector.messages if not of_pages and message.startswith(FETCHING)]


def pip_warnings() -> list[str]:
    """What pip has said of versions that it left out or chose, and of indexes that it could not reach; each once, in a line.

    What it says of versions that exclude each other is another's to tell, should there be none that do not.
    """
    said = [_shortened(" ".join(m.split())) for m in _collector.messages if not m.startswith(("Retrying", "Cannot install"))]
    lost = [message for message in _collector.messages if message.startswith("Retrying")]
    if lost and not any(words.startswith("Could not fetch") for words in said):
        said.append(" ".join(lost[-1].split()))
    return list(dict.fromkeys(said))


def _shortened(words: str) -> str:
    """pip's words for a yanked version, without the addresses in them."""
    yanked = _YANKED.match(words)
    return f"{yanked['name']} {yanked['version']} was yanked: {yanked['reason']}" if yanked else words


def index_trouble() -> str:
    """What pip has last said of an index that it could not reach, in brackets; empty if nothing."""
    said = [message for message in _collector.messages if message.startswith(FETCHING)]
    return f" ({said[-1]})" if said else ""


def words_of(error: Exception) -> str:
    """What an error of pip's says, with the context that it keeps apart."""
    if not isinstance(error, DiagnosticPipError):
        return str(error)
    parts = (part if isinstance(part, Text) else Text.from_markup(part) for part in (error.message, error.context) if part)
    return " ".join(" ".join(str(part).split()) for part in parts)


@contextmanager
def collecting() -> Iterator[None]:
    """Keep what pip says while it reads from the terminal: also its option parser's words, and what goes to the root logger."""
    root = logging.getLogger()
    handlers, root.handlers[:] = root.handlers[:], [_collector]
    try:
        with logging_kept(), redirect_stderr(StringIO()):
            yield
    finally:
        root.handlers[:] = handlers


@contextmanager
def logging_kept() -> Iterator[None]:
    """pip sets up logging for the whole process when a command is made; keep what the process had."""
    root, pip_logger = logging.getLogger(), logging.getLogger("pip")
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        pip_logger.handlers[:], pip_logger.propagate = [_collector], False
        pip_logger.setLevel(logging.WARNING)
        logging.getLogger(_PAGES).setLevel(logging.DEBUG)
        vars(pip_tools_log).update(log=lambda *_, **__: None)
