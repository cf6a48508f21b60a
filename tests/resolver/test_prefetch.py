"""What is fetched ahead, and shown to the resolver at first, changes nothing but the time."""

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.helpers.wheel_builder import Wheel
from wenv_cache.store import Store
from wenv_resolver.errors import ConflictError, ResolverError
from wenv_resolver.lock import LockedFile
from wenv_resolver.pip_internals import pages
from wenv_resolver.progress import Silent
from wenv_resolver.requirements import IndexOptions, Line, Requested
from wenv_resolver.resolve import resolve
from wenv_resolver.target import Target


@dataclass
class Index:
    """A package index as PEP 691 and, with `tells`, PEP 658 say; it counts what it is asked for."""

    folder: Path
    url: str = ""
    tells: bool = False
    lies: bool = False
    slow: str = "-"
    asked: Counter[str] = field(default_factory=Counter)
    projects: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def offer(self, wheel: Wheel, **more: object) -> None:
        path = wheel.write(self.folder)
        data = path.read_bytes()
        entry = {"filename": path.name, "url": f"/files/{path.name}", "size": len(data), **more}
        entry["hashes"] = {"sha256": hashlib.sha256(data).hexdigest()}
        if self.tells:
            text = wheel.contents()[f"{wheel.name}-{wheel.version}.dist-info/METADATA"]
            (self.folder / f"{path.name}.metadata").write_bytes(text + b"Requires-Dist: zzlie\n" * self.lies)
            entry["core-metadata"] = {"sha256": hashlib.sha256(text).hexdigest()}
        self.projects.setdefault(wheel.name, []).append(entry)

    def answer(self, path: str) -> tuple[bytes, str] | None:
        self.asked[path] += 1
        if self.slow in path:
            time.sleep(0.3)
        if path.startswith("/simple/"):
            files = self.projects.get(path.strip("/").rpartition("/")[2])
            page = {"meta": {"api-version": "1.1"}, "name": "x", "files": files}
            return None if files is None else (json.dumps(page).encode(), pages.JSON)
        file = self.folder / path.rpartition("/")[2]
        return (file.read_bytes(), "application/octet-stream") if file.is_file() else None


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    (tmp_path / "files").mkdir()
    made = Index(tmp_path / "files")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = made.answer(self.path)
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", found[1] if found else "text/plain")
            self.send_header("Content-Length", str(len(found[0]) if found else 0))
            self.end_headers()
            self.wfile.write(found[0] if found else b"")

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}/simple/"
    yield made
    server.shutdown()


def chosen(
    store: Store, target: Target, index: Index, *lines: str, limits: tuple[str, ...] = (), **options: object
) -> list[str]:
    given = IndexOptions(index_url=index.url, **options)  # type: ignore[arg-type]
    requested = Requested(tuple(map(Line, lines)), tuple(map(Line, limits)), given)
    files: list[LockedFile] = resolve(store, requested, target, Silent())
    return [f"{file.name} {file.version}" for file in files]


def many(index: Index, name: str, count: int, requires: str = "") -> None:
    """Versions 1 to `count` of a project, each with wheels for other platforms besides."""
    for number in range(1, count + 1):
        needs = [requires.format(number)] if requires else []
        index.offer(Wheel(name, str(number), requires=needs))
        index.offer(Wheel(name, str(number), requires=needs, tag="cp314-cp314-manylinux_2_17_x86_64"))


QUESTIONS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("zzmany",), ()),
    (("zzmany<70",), ()),
    (("zzmany<5",), ()),
    (("zzmany==3",), ()),
    (("zzmany==85",), ()),
    (("zzmany!=90",), ()),
    (("zzmany<0",), ()),
    (("zzfollows",), ()),
    (("zzfollows", "zzmany<=7"), ()),  # all newer versions of one are in the way
    (("zzfollows",), ("zzmany<=60",)),
    (("zzfollows", "zzagainst"), ()),
    (("zzsome",), ()),
    (("zzmissing",), ()),
    (("zzmany==3", "zzfollows<4"), ()),
    (("zzmany<20", "zzmany>9; os_name == 'nt'"), ()),
    (("zzmany==3", "zzfollows==4"), ()),
    (("zzwide",), ()),
    (("zzwide==1",), ()),
    (("zzold",), ()),
]


@pytest.mark.parametrize(("lines", "limits"), QUESTIONS, ids=str)
@pytest.mark.parametrize("tells", [False, True], ids=["files", "metadata"])
def test_it_decides_as_with_all_versions(
    tmp_path: Path, target: Target, index: Index, lines: tuple[str, ...], limits: tuple[str, ...], tells: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    index.tells = tells
    many(index, "zzmany", 90)
    many(index, "zzfollows", 40, "zzmany>={0}")
    index.offer(Wheel("zzagainst", "1", requires=["zzmany<25"]))
    index.offer(Wheel("zzsome", "2", tag="cp314-cp314-manylinux_2_17_x86_64"))
    index.offer(Wheel("zzsome", "1"))
    for tag in ("cp314-cp314-manylinux_2_17_x86_64", "cp313-cp313-manylinux_2_28_aarch64", "cp314-cp314-macosx_11_0_arm64"):
        index.offer(Wheel("zzwide", "1", tag=tag))
        index.offer(Wheel("zzwide", "2", tag=tag), yanked="broken")
    index.offer(Wheel("zzwide", "1", tag="cp314-cp314-pyemscripten_2026_0_wasm32"))
    index.offer(Wheel("zzold", "1", tag="py2-none-any"))
    many(index, "zzold", 25)

    def answer(store: Store) -> list[str] | str:
        try:
            return chosen(store, target, index, *lines, limits=limits)
        except ResolverError as error:
            return str(error)

    few = answer(Store(tmp_path / "few"))
    monkeypatch.setattr(pages.Slim, "kept", lambda self, page, files, name: files)
    assert few == answer(Store(tmp_path / "all"))


def test_what_is_left_out_comes_before_older_versions_of_another_place(
    store: Store, target: Target, index: Index, tmp_path: Path
) -> None:
    many(index, "zzmany", 90)
    index.offer(Wheel("zzagainst", "1", requires=["zzmany<25"]))
    (tmp_path / "links").mkdir()
    for version in ("0.5", "0.6", "0.7"):
        Wheel("zzmany", version).write(tmp_path / "links")
    links = (str(tmp_path / "links"),)
    assert chosen(store, target, index, "zzagainst", "zzmany", find_links=links) == ["zzagainst 1", "zzmany 24"]
    assert chosen(store, target, index, "zzmany<1", find_links=links) == ["zzmany 0.7"]


def test_pages_and_metadata_are_fetched_once_and_metadata_kept(store: Store, target: Target, index: Index) -> None:
    many(index, "zzmany", 30)
    index.offer(Wheel("zzneeds", "1", requires=["zzmany"]))
    assert chosen(store, target, index, "zzneeds") == ["zzmany 30", "zzneeds 1"]
    assert set(index.asked.values()) == {1}
    assert "/files/zzmany-30-py3-none-any.whl" in index.asked
    index.asked.clear()
    assert chosen(store, target, index, "zzneeds", "zzmany<30") == ["zzmany 29", "zzneeds 1"]
    assert sorted(index.asked) == ["/files/zzmany-29-py3-none-any.whl", "/simple/zzmany/", "/simple/zzneeds/"]


def test_metadata_that_are_not_what_was_promised_are_not_used(store: Store, target: Target, index: Index) -> None:
    index.tells = index.lies = True
    index.offer(Wheel("zzone", "1"))
    with pytest.raises(ConflictError, match="zzone"):
        chosen(store, target, index, "zzone")
    index.tells = index.lies = False
    index.projects.clear()
    index.offer(Wheel("zzone", "1"))
    index.projects["zzone"][0]["hashes"] = {"sha256": "0" * 64}
    with pytest.raises(Exception, match=r"(?i)hash"):
        chosen(store, target, index, "zzone")


def test_without_dependencies_nothing_else_is_asked_for(store: Store, target: Target, index: Index) -> None:
    index.offer(Wheel("zzneeds", "1", requires=["zzmany"]))
    assert chosen(store, target, index, "zzneeds", no_deps=True) == ["zzneeds 1"]
    assert not [path for path in index.asked if "zzmany" in path]


def test_a_resolution_that_fails_early_waits_for_no_pages(store: Store, target: Target, index: Index) -> None:
    index.offer(Wheel("zzone", "1"))
    index.slow = "zzslow"
    said: list[str] = []

    def ask() -> None:
        with pytest.raises(ConflictError) as caught:
            chosen(store, target, index, "zzone==2", *(f"zzslow{number}" for number in range(60)))
        said.append(str(caught.value))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(60)
    assert not asking.is_alive(), "pages that nobody asks for any more are waited for"
    assert "zzone==2" in said[0]
    assert sum("zzslow" in path for path in index.asked) < 60
