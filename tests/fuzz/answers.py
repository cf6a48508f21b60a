"""Fuzzes what reads the messages of guests: each service's reader, and the frames between processes.

An input's first line names a reader, the rest is what the guest says.
"""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

from tests.fuzz.trees import check, json_text
from wenv.api.replies import checked_reply
from wenv.bake.imports import _failures
from wenv.bake.trials import _verdict
from wenv.engine.frames import receive, send
from wenv.engine.replies import read_reply, texts
from wenv.engine.session import Session
from wenv.errors import GuestAnswerError, WenvError
from wenv.run.shell import _left_with, _status
from wenv_cache.reading import is_printable


class Speaking:
    """A guest that says one thing."""

    def __init__(self, said: str, ok: bool) -> None:
        self._said, self._ok = said, ok

    def call(self, name: str, argument: str) -> tuple[bool, str]:
        return self._ok, self._said


def _answer(said: str, ok: bool = True) -> Any:
    """What a session makes of a guest's words: all of it but wasmtime."""
    session = object.__new__(Session)
    session._guest, session._scrubbers = Speaking(said, ok), {}  # type: ignore[assignment]
    return session.call_text("describe", "null")


def _session(said: str) -> None:
    reply = checked_reply("session.run", _answer(said))
    assert reply["status"] is None or 0 <= reply["status"] <= 255
    if (failure := reply["failure"]) is not None:
        assert all(isinstance(failure[key], str) for key in ("kind", "message", "traceback"))


def _shell_open(said: str) -> None:
    assert is_printable(read_reply("shell.open", _answer(said), lambda given: given["version"].text(longest=100)))


def _shell_execute(said: str) -> None:
    status = read_reply("shell.execute", _answer(said), _left_with)
    assert status is None or 0 <= status <= 255


def _shell_close(said: str) -> None:
    assert 0 <= read_reply("shell.close", _answer(said), _status) <= 255


def _completions(said: str) -> None:
    assert all(is_printable(text) for text in read_reply("shell.complete", _answer(said), texts))


def _trial(said: str) -> None:
    verdict = read_reply("trial", _answer(said), _verdict)
    assert is_printable(verdict["against"])
    assert all(is_printable(text) for key in ("variables", "absent", "files") for text in verdict[key])
    assert all(name and "=" not in name for name in verdict["variables"])


def _imports(said: str) -> None:
    found = read_reply("imports", _answer(said), _failures)
    assert all(is_printable(text) for module, words in found.items() for text in (module, *words.values()))


def _failed(said: str) -> None:
    try:
        _answer(said, ok=False)
    except GuestAnswerError:
        raise AssertionError("a failure is taken for an answer") from None
    except WenvError as error:
        check(len(str(error)) < 11_000, "a failure is quoted without end")


def _frames(said: str) -> None:
    """Frames of what was said, in which any bytes may stand as Latin-1."""
    stream = io.BytesIO(said.encode("latin-1", "replace"))
    try:
        while (message := receive(stream)) is not None:
            again = io.BytesIO()
            send(again, message)
            assert repr(receive(io.BytesIO(again.getvalue()))) == repr(message)
    except ValueError:
        pass


READERS: dict[str, Callable[[str], None]] = {
    "session": _session,
    "shell.open": _shell_open,
    "shell.execute": _shell_execute,
    "shell.close": _shell_close,
    "shell.complete": _completions,
    "trial": _trial,
    "imports": _imports,
    "failed": _failed,
    "frames": _frames,
}


def read(data: bytes) -> None:
    """Have the reader that is named read the rest; raises AssertionError, or what a reader must not raise."""
    name, _, rest = data.partition(b"\n")
    reader = READERS.get(name.decode("latin-1"))
    if reader is None:
        return
    said = rest.decode("latin-1") if reader is _frames else rest.decode("utf-8", "replace")
    try:
        reader(said)
    except GuestAnswerError as error:
        check(is_printable(str(error)), "an error that a terminal would obey")


def document(data: bytes) -> dict[str, Any]:
    """The input as something to mutate; raises ValueError."""
    name, _, rest = data.partition(b"\n")
    said = rest[4:] if name == b"frames" else rest
    return {"reader": name.decode("latin-1"), "said": json.loads(said)}


def written(made: dict[str, Any]) -> bytes:
    """A mutated input."""
    name, said = made.get("reader"), json_text(made.get("said"))
    if not isinstance(name, str):
        return b""
    head = len(said).to_bytes(4, "big") if name == "frames" else b""
    return name.encode("utf-8", "replace") + b"\n" + head + said


def seeds() -> dict[str, bytes]:
    """Valid messages, by the names of their files in the corpus."""
    failure = {"kind": "ValueError", "message": "no", "traceback": "Traceback"}
    said: dict[str, object] = {
        "session": {"value": [1, {"a": None}], "status": None, "failure": failure},
        "shell.open": {"version": "3.14.0"},
        "shell.execute": {"status": 3, "leave": True},
        "shell.close": 0,
        "shell.complete": ["print(", "property("],
        "trial": {"against": "", "variables": ["HOME"], "absent": ["/x"], "files": ["/python/lib/os.py"]},
        "imports": {"zz_a._native": {"reason": "ImportError: \x1b[1m", "missing": "zlib"}},
        "failed": "Traceback",
        "frames": {"kind": "value", "value": 1, "printed": {"1": base64.b64encode(b"x").decode()}},
    }
    return {name: written({"reader": name, "said": what}) for name, what in said.items()}
