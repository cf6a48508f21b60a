"""Compares how quickly requirements are resolved, beside uv's and pip's own resolver.  Prints a table.

    python benchmarks/resolving.py [--runs N] [--index local|real]

Whole processes, in seconds, medians of N runs (default 5), interleaved.  Each resolver begins with empty caches (``cold``),
then is asked again with them (``warm``: nothing is remembered of the answer), then for one package more (``one more``).
``unchanged`` is the same question within ten minutes, which wenv remembers; ``--version`` is what its process costs in any
case.  ``local`` is an index on this machine, which passes on and keeps what is asked for, so that the network counts once;
``real`` is the index that pip is configured for.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urljoin

from peers import HERE, installed, programs

SIXTY = [line for line in (HERE / "resolved.txt").read_text().splitlines() if not line.startswith("#")]
SIXTEEN = SIXTY[:16]
ONE_MORE = "pyparsing"
JSON = "application/vnd.pypi.simple.v1+json"
STATES = ("cold", "warm", "one more", "unchanged", "--version")


def configured_index() -> str:
    """The package index that pip is configured for."""
    code = "from pip._internal.commands import create_command as c; print(c('install').parse_args([])[0].index_url)"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


class Mirror(ThreadingHTTPServer):
    """An index that passes on what it is asked for, and keeps it in memory."""

    def __init__(self, index: str) -> None:
        self.index, self.pages, self.files = index.rstrip("/"), dict[str, bytes](), dict[str, str]()
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def page(self, name: str) -> bytes:
        address = f"{self.index}/{name}/"
        with urllib.request.urlopen(urllib.request.Request(address, headers={"Accept": JSON}), timeout=60) as response:
            page = json.load(response)
        for file in page["files"]:
            file.pop("core-metadata", None)  # what is not there cannot be passed on
            self.files[file["filename"]] = urljoin(address, file["url"])
            file["url"] = f"{self.url}/files/{file['filename']}"
        return json.dumps(page).encode()

    def get(self, path: str) -> bytes:
        if path not in self.pages:
            name = path.strip("/").rpartition("/")[2]
            if path.startswith("/simple/"):
                self.pages[path] = self.page(name)
            else:
                with urllib.request.urlopen(self.files[name], timeout=60) as response:
                    self.pages[path] = response.read()
        return self.pages[path]


class Answer(BaseHTTPRequestHandler):
    """Answers one request to a `Mirror`; parts of files, too."""

    server: Mirror
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        try:
            body, status = self.server.get(self.path), 200
        except (OSError, KeyError, ValueError):
            body, status = b"", 404
        whole, wanted = len(body), self.headers.get("Range", "").removeprefix("bytes=")
        if wanted and status == 200:
            first, _, last = wanted.partition("-")
            start = int(first) if first else max(0, whole - int(last))
            body, status = body[start : int(last) + 1 if first and last else whole], 206
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{whole}")
        self.send_header("Content-Type", JSON if self.path.startswith("/simple/") else "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def index_of(kind: str) -> Iterator[str]:
    """The address of the index to ask."""
    index = configured_index()
    if kind == "real":
        yield index
        return
    mirror = Mirror(index)
    threading.Thread(target=mirror.serve_forever, daemon=True).start()
    yield f"{mirror.url}/simple"
    mirror.shutdown()


def commands(index: str, caches: Path) -> dict[str, dict[str, list[str]]]:
    """For each resolver its command, without the requirements, in each state."""
    wenv, uv = str(programs() / "wenv"), str(installed("uv", sys.executable, "uv") / "uv")
    lock = [wenv, "lock", "-q", "--runtime", "default", "-i", index]
    compiled = [uv, "pip", "compile", "-q", "--no-header", "--cache-dir", str(caches / "uv"), "--index-url", index, "-"]
    pip = [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed", "--no-build-isolation"]
    pip += ["--cache-dir", str(caches / "pip"), "-i", index, "--report", "-"]
    return {
        "wenv": {state: [*lock, "--refresh"] for state in STATES} | {"unchanged": lock, "--version": [wenv, "--version"]},
        "uv": dict.fromkeys(STATES[:3], compiled),
        "pip": dict.fromkeys(STATES[:3], pip),
    }


def seconds(command: list[str], names: list[str], place: Path, store: Path) -> float:
    """How long one resolution takes."""
    words = [] if command[0].endswith("uv") or command[-1] == "--version" else names  # uv reads them
    variables = {
        "WENV_CACHE_DIR": str(store),
        "PATH": "/usr/bin:/bin",
        "HOME": str(place),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    begun = time.perf_counter()
    subprocess.run(
        [*command, *words], cwd=place, env=variables, check=True, input="\n".join(names), text=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - begun


def forget(store: Path, caches: Path) -> None:
    """Empty the caches of what was downloaded; wenv's interpreters and packages stay."""
    shutil.rmtree(caches, ignore_errors=True)
    for folder in store.glob("downloads-*"):
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--index", choices=("local", "real"), default="local")
    options = parser.parse_args()
    found: dict[tuple[str, str, str], list[float]] = {}
    with index_of(options.index) as index, tempfile.TemporaryDirectory() as folder:
        place, caches, store = Path(folder), Path(folder, "caches"), Path(folder, "store")
        ways = commands(index, caches)
        for label, names in (("16 names", SIXTEEN), ("60 lines", SIXTY)):
            for states in ways.values():  # what is passed on and built is there from here on
                seconds(states["cold"], [*names, ONE_MORE], place, store)
            for _ in range(options.runs):
                forget(store, caches)
                for state in STATES:
                    for peer, states in ways.items():
                        if state in states:
                            asked = [*names, ONE_MORE] if state == "one more" else names
                            found.setdefault((label, state, peer), []).append(seconds(states[state], asked, place, store))
    print(f"| {options.index} index, s | wenv | uv | pip |\n| --- | ---: | ---: | ---: |")
    for label, state in dict.fromkeys((label, state) for label, state, _ in found):
        cells = [found.get((label, state, peer)) for peer in ways]
        shown = (f"{statistics.median(cell):.2f}" if cell else "" for cell in cells)
        print(f"| {label}, {state} | {' | '.join(shown)} |")


if __name__ == "__main__":
    main()
