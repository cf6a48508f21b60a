"""Resolutions are remembered for a while, if they depend on nothing but an index."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel


class Index:
    """A package index on this machine that counts what it is asked for."""

    def __init__(self, root: Path) -> None:
        self.root, self.asked = root, 0
        index = self

        class Handler(SimpleHTTPRequestHandler):
            def send_head(self):  # type: ignore[no-untyped-def]
                index.asked += 1
                return super().send_head()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple/"

    def offer(self, wheel: Wheel) -> None:
        """Add a wheel, with the sha256 that an index gives."""
        import hashlib

        folder = self.root / "simple" / wheel.name
        folder.mkdir(parents=True, exist_ok=True)
        wheel.write(folder)
        links = [
            f'<a href="{path.name}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}">{path.name}</a>'
            for path in sorted(folder.glob("*.whl"))
        ]
        (folder / "index.html").write_text("<!DOCTYPE html><html><body>" + "".join(links) + "</body></html>")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An index that runs as long as the test."""
    made = Index(tmp_path / "index")
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_the_same_question_is_asked_once(fresh: Wenv, index: Index) -> None:
    index.offer(Wheel("zzremembered"))
    options = ("-i", index.url)
    fresh("create", "zzremembered", *options)
    asked = index.asked
    assert asked
    index.offer(Wheel("zzremembered", "2.0"))
    fresh("create", "--clear", "zzremembered", *options)
    assert index.asked == asked
    assert fresh.json("info")["packages"][0]["version"] == "1.0"
    fresh("create", "--clear", "zzremembered>1", *options)
    assert fresh.json("info")["packages"][0]["version"] == "2.0"
    fresh("create", "--clear", "zzremembered", *options, "--refresh")
    assert fresh.json("info")["packages"][0]["version"] == "2.0"
    fresh.environment["PIP_PRE"] = "1"
    asked = index.asked
    fresh("create", "--clear", "zzremembered", *options)
    assert index.asked > asked


def test_what_is_kept_is_no_secret_and_can_be_damaged(fresh: Wenv, index: Index) -> None:
    index.offer(Wheel("zzremembered"))
    folder = Path(fresh.environment["WENV_CACHE_DIR"]) / "downloads-v1" / "resolutions"
    fresh("create", "zzremembered", "-i", index.url.replace("//", "//user:secret@"))
    assert not list(folder.glob("*")) or all(b"secret" not in path.read_bytes() for path in folder.glob("*"))
    fresh("create", "--clear", "zzremembered", "-i", index.url)
    for path in folder.glob("*.json"):
        path.write_text("{")
    fresh("create", "--clear", "zzremembered", "-i", index.url)
    assert fresh.python("import zzremembered; print(zzremembered.version)") == "1.0\n"
