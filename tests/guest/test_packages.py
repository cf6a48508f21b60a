"""Packages that count on threads, terminals or copies of descriptors, and do their work here without."""

from pathlib import Path

import pytest

from tests.conftest import Wenv

pytestmark = pytest.mark.long

BAR = "import click\nwith click.progressbar([1, 2, 3]) as bar:\n    print(sum(bar))\nclick.pause()\n"
TRACK = """
import io
from rich.console import Console
from rich.live import Live
from rich.progress import Progress, track
print(sum(track(range(3), console=Console(file=io.StringIO()))))
screen = io.StringIO()
console = Console(file=screen, force_terminal=True, width=60)
with Progress(console=console) as progress:
    task = progress.add_task("working", total=2)
    progress.update(task, advance=1)
    progress.advance(task)
with Live("first", console=console) as live:
    live.update("second")
with console.status("thinking"):
    pass
print("working" in screen.getvalue(), "100%" in screen.getvalue(), "second" in screen.getvalue())
"""
BUTTON = """
import asyncio
from textual.app import App
from textual.widgets import Button, Input

class Pressing(App):
    def compose(self):
        yield Button("go", id="go")
        yield Input(id="text")

    def on_button_pressed(self):
        self.query_one(Input).value = "pressed"

async def main():
    app = Pressing()
    async with app.run_test() as pilot:
        await pilot.click("#go")
        await pilot.press("tab", "end", *"!?")
        print(app.query_one(Input).value)

asyncio.run(main())
"""
ASKED = """
import asyncio, httpx

async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

async def main():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="https://service.example") as client:
        print((await client.get("/")).text)

asyncio.run(main())
try:
    httpx.get("https://service.example")
except httpx.ConnectError as error:
    print(str(error).partition("] ")[2])
"""
CAPTURED = """
import os, pytest
def test_before(): pass
def test_descriptor(capfd):
    print("x")
    assert capfd.readouterr().out == "x\\n"
def test_binary(capfdbinary):
    print("x")
    assert capfdbinary.readouterr().out == b"x\\n"
def test_after(capsys):
    print("y")
    assert capsys.readouterr().out == "y\\n"
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Path:
    """The folder in which the environment is made once."""
    return tmp_path_factory.mktemp("packages")


@pytest.fixture
def programs(wenv: Wenv, packages: Path) -> Wenv:
    """An environment with the packages."""
    names = ("click", "rich", "tqdm", "pytest", "textual", "csvkit", "sqlite-utils", "black", "trio", "hypothesis", "networkx")
    if not (packages / ".wenv").exists():
        Wenv(packages, wenv.environment)("create", *names, timeout=900)
    return Wenv(packages, wenv.environment)


def test_bars_and_prompts_of_click(programs: Wenv) -> None:
    assert programs("run", "-c", BAR).split() == ["6"]


def test_displays_of_rich(programs: Wenv) -> None:
    assert programs("run", "-c", TRACK).split() == ["3", "True", "True", "True"]


def test_bars_of_tqdm(programs: Wenv) -> None:
    result = programs.result("run", "-c", "from tqdm import tqdm; print(sum(tqdm(range(3))))")
    assert result.stdout == "3\n"
    assert "100%" in result.stderr
    assert "Warning" not in result.stderr


def test_an_application_of_textual(programs: Wenv) -> None:
    assert programs("run", "-c", BUTTON) == "pressed!?\n"


def test_capfd_and_what_comes_after_it(programs: Wenv) -> None:
    (programs.folder / "test_captured.py").write_text(CAPTURED)
    assert "4 passed" in programs("run", "pytest", "-q", "test_captured.py")


def test_tables_of_csvkit(programs: Wenv) -> None:
    (programs.folder / "table.csv").write_text("a,b\n1,2\n3,4\n")
    assert programs("run", "csvcut", "-c", "b", "table.csv") == "b\n2\n4\n"
    assert "Row count: 2" in programs("run", "csvstat", "table.csv")
    said = "import bz2, lzma\nfor m in (bz2, lzma):\n    try: m.open('table.csv').read()\n"
    said += "    except (OSError, lzma.LZMAError) as error: print(error)\n"
    assert programs("run", "-c", said) == "Invalid data stream\nInput format not supported by decoder\n"
    code = "import shutil; shutil.unpack_archive(shutil.make_archive('/tmp/a', 'tar', '.', 'table.csv'), '/tmp/b'); print('ok')"
    assert programs("run", "-c", code) == "ok\n"


def test_a_database_of_sqlite_utils(programs: Wenv) -> None:
    (programs.folder / "rows.json").write_text('[{"a": 1}, {"a": 2}]')
    (programs.folder / "rows.db").unlink(missing_ok=True)
    programs("run", "--write", "sqlite-utils", "insert", "rows.db", "rows", "rows.json")
    assert programs("run", "sqlite-utils", "rows", "rows.db", "rows") == '[{"a": 1},\n {"a": 2}]\n'


def test_trio_and_anyio_over_it(programs: Wenv) -> None:
    program = Path(__file__).with_name("trio_program.py").read_text("utf-8")
    (programs.folder / "program.py").write_text(program)
    programs("install", "anyio")
    lines = ["[1, 2, 3] True [0, 1, 2]", "b'hello' 42 43", "b'abab\\n'", "done", *["thread b'3\\n'"] * 2]
    assert programs("run", "program.py").splitlines() == lines


def test_black_on_several_files(programs: Wenv) -> None:
    for name in ("one.py", "two.py"):
        (programs.folder / name).write_text("x  = 1\n")
    result = programs.result("run", "--write", "black", "one.py", "two.py")
    assert "2 files reformatted" in result.stderr
    assert (programs.folder / "two.py").read_text() == "x = 1\n"


def test_clients_and_servers_that_never_connect(builds: Wenv) -> None:
    builds("create", "httpie", "datasette<1", timeout=900)
    posted = builds("run", "http", "--ignore-stdin", "--offline", "POST", "service.example", "a=1")
    assert posted.startswith("POST / HTTP/1.1\n")
    assert posted.endswith('{"a": "1"}')
    refused = builds.result("run", "http", "--ignore-stdin", "https://service.example", status=1)
    assert "the sandbox has no network" in refused.stderr
    assert builds("run", "-c", ASKED) == "hello\nthe sandbox has no network; --net HOST:PORT allows some\n"
    assert builds("run", "-c", "import datasette.app, datasette.cli") == ""
