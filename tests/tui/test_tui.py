"""The terminal UI, driven as a person does, on real environments: every action does on disk what its command does."""

import asyncio
import dataclasses
import json
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from textual.widgets import DataTable, Input, TabbedContent, Tree

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel
from tests.share.test_registry import Server
from tests.share.test_registry import registry as registry  # noqa: PLC0414 - a fixture
from tests.tui.screens import Driver, check_picture, drive
from wenv.environment import find, known, manifest
from wenv.runtimes import Runtime
from wenv.tui.dialogs import form, review, working
from wenv.tui.screens import preview
from wenv.tui.screens.environment import EnvironmentScreen
from wenv_cache.layers import LayerWriter, publish
from wenv_cache.store import Store

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder of small wheels: `zzapp` needs `zzlib`; two have a module of the same name."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    Wheel("zzlib", "2.0", {"zzlib.py": "value = 2\n", "zzsame.py": "here = 'lib'\n"}).write(folder)
    app: dict[str, str | bytes] = {
        "zzapp/__init__.py": "import zzlib\n",
        "zzapp/data.bin": b"\0\1\2",
        "zzsame.py": "here = 'app'\n",
    }
    Wheel("zzapp", "1.0", app, requires=["zzlib"], entry_points="[console_scripts]\nzztool = zzlib:value\n").write(folder)
    Wheel("zzmore", "3.0", {"zzmore.py": ""}).write(folder)
    return folder


@pytest.fixture
def asked(wheels: Path, wenv: Wenv) -> Path:
    """A requirements file."""
    file = wenv.folder / "requirements.txt"
    file.write_text(f"--no-index\n--find-links {wheels}\nzzapp\n")
    return file


@pytest.fixture
def lab(wenv: Wenv, asked: Path) -> manifest.Environment:
    """A named environment."""
    wenv("create", "-n", "lab", "-r", str(asked))
    return find.find("lab")


def names(chosen: manifest.Environment) -> list[str]:
    """The packages of an environment."""
    return [package.name for package in chosen.packages]


@SIZES
def test_create_shows_what_was_resolved_before_it_is_done(wenv: Wenv, asked: Path, size: tuple[int, int]) -> None:
    async def use(app: Driver) -> None:
        assert app.rows() == []
        await app.form("c", name="made", file=str(asked))
        await app.reviewed()
        assert app.rows() == [["zzapp", "1.0", "wheel"], ["zzlib", "2.0", "wheel"]]
        assert not known.exists(find.place("made"))
        await app.proceed()
        assert names(find.find("made")) == ["zzapp", "zzlib"]
        assert [row[:2] for row in app.rows()] == [["made", "fine"]]
        # a second of the same name is refused by the form, in the command's words
        await app.form("c", name="made", requirements="zzapp")
        assert isinstance(app.screen, form.Form)
        assert "already" in str(app.screen.query_one("#wrong").render())
        await app.press("escape")
        await app.form("c", name="broken", requirements="zz-no-such-package-anywhere")
        await app.until(lambda: app.words)
        assert "zz-no-such-package-anywhere" in app.words[-1]
        assert app.screen.query_one("#field-name", Input).value == "broken"  # the form is there again, as it was
        await app.press("escape")
        assert not known.exists(find.place("broken"))

    drive(use, size)


@SIZES
def test_every_pane_of_an_environment_whose_packages_are_in_its_runtime(wenv: Wenv, size: tuple[int, int]) -> None:
    wenv("create", "-n", "numbers", "numpy", "pandas")

    async def use(app: Driver) -> None:
        await app.select("numbers")
        await app.press("enter")
        for name in ("numpy", "pandas"):
            await app.select(name, "#packages")
            assert name in app.text("#about-package")
            assert "part of the runtime" in app.text("#about-package")
        for key in "123":
            await app.press(key, "down", "up", "enter", "tab")
        await app.press("escape")
        assert [row[0] for row in app.rows()] == ["numbers"]

    drive(use, size)


@SIZES
def test_install_and_uninstall(lab: manifest.Environment, size: tuple[int, int]) -> None:
    async def use(app: Driver) -> None:
        await app.form("i", requirements="zzmore")
        assert names(find.find("lab")) == ["zzapp", "zzlib", "zzmore"]
        assert app.words[-1] == "+ zzmore 3.0"
        await app.form("u", names="zzlib")
        assert app.words[-1].startswith("zzlib was not asked for; it is needed by zzapp")
        await app.form("u", names="zzapp")
        assert names(find.find("lab")) == ["zzmore"]

    drive(use, size)


@SIZES
def test_copy_rename_remove(lab: manifest.Environment, size: tuple[int, int]) -> None:
    async def use(app: Driver) -> None:
        await app.form("y", name="second")
        assert find.find("second").snapshot == lab.snapshot
        await app.select("second")
        await app.form("n", name="third")
        assert [row[0] for row in app.rows()] == ["lab", "third"]
        assert not known.exists(find.place("second"))
        await app.select("third")
        await app.review("d")
        await app.press("escape")
        assert known.exists(find.place("third"))
        await app.review("d")
        await app.press("enter")  # what Enter presses is the button that leaves it
        assert known.exists(find.place("third"))
        await app.review("d")
        await app.proceed()
        assert not known.exists(find.place("third"))
        assert [row[0] for row in app.rows()] == ["lab"]

    drive(use, size)


@SIZES
def test_bake_export_pack_compare(wenv: Wenv, lab: manifest.Environment, size: tuple[int, int]) -> None:
    exported, packed = wenv.folder / "lab.wenv", wenv.folder / "app.wasm"
    (wenv.folder / "app.py").write_text("import zzapp; print('packed')")
    wenv("create", "-n", "other")

    async def use(app: Driver) -> None:
        await app.select("lab")
        await app.form("e", output=str(exported))
        assert exported.stat().st_size > 1000
        await app.form("e", output=str(exported))
        await app.reviewed()  # whether to overwrite it
        await app.press("escape")
        if size[0] == 80:
            await app.press("b")
            assert find.find("lab").baked.modules == ("zzapp", "zzsame")
            assert app.rows()[0][5] == "yes"
            await app.form("p", entry=str(wenv.folder / "app.py"), output=str(packed))
            assert packed.read_bytes()[:4] == b"\0asm"
        await app.form("equals_sign")
        await app.reviewed()
        assert [row[:4] for row in app.rows()] == [["zzapp", "added", "", "1.0"], ["zzlib", "added", "", "2.0"]]

    drive(use, size)
    assert json.loads(wenv("info", str(exported), "--json"))["packages"]


def test_push(lab: manifest.Environment, registry: Server, wenv: Wenv) -> None:
    async def use(app: Driver) -> None:
        await app.form("P", reference="nonsense")
        assert isinstance(app.screen, form.Form)
        await app.press("escape")
        await app.form("P", reference=f"{registry.host}/lab:1", plain=True)
        assert app.words[-1].startswith("Pushed")

    drive(use)
    wenv("pull", f"{registry.host}/lab:1", "-n", "back", "--plain-http")
    assert find.find("back").snapshot == lab.snapshot


@SIZES
def test_prune_and_verify(fresh: Wenv, asked: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    from wenv.locations import cache_folder

    monkeypatch.setenv("WENV_CACHE_DIR", fresh.environment["WENV_CACHE_DIR"])
    cache_folder.cache_clear()
    fresh("create", "-n", "lab", "-r", str(asked))
    store = Store(cache_folder())
    layers = find.find("lab").layers[1:]
    blob = next(file for layer in layers for file in store.manifest(layer).files if file.path.endswith("/zzlib.py"))

    async def use(app: Driver) -> None:
        await app.press("V")
        assert app.words[-1] == "Everything is as it should be"
        path = store.blob(blob.sha256, blob.executable)
        path.chmod(0o644)
        path.write_bytes(b"damaged")
        await app.review("V")
        assert any(blob.sha256[:24] in row for row in app.rows())
        await app.proceed()
        assert not path.exists()
        await app.review("d")
        await app.proceed()
        await app.review("X")
        assert {row[0]: row[1] for row in app.rows()}["layers"] == "1"  # the other was damaged
        await app.proceed()
        assert not any(store.has_layer(layer) for layer in layers)

    drive(use, size)


def test_work_can_be_cancelled(wenv: Wenv, wheels: Path) -> None:
    Wheel("zzfresh", "1.0", {"zzfresh.py": f"nobody_has_baked_this = {uuid.uuid4().hex!r}\n"}).write(wheels)
    wenv("create", "-n", "lab", "--no-index", "--find-links", str(wheels), "zzfresh")

    async def use(app: Driver) -> None:
        await app.pilot.press("b")
        await app.until(lambda: isinstance(app.app.screen, working.Working))
        await app.press("escape")
        await app.until(lambda: app.words)
        assert app.words == ["Cancelled."]
        assert find.find("lab").baked.modules == ()

    drive(use)


@SIZES
def test_packages_and_who_needs_them(lab: manifest.Environment, size: tuple[int, int]) -> None:
    async def use(app: Driver) -> None:
        await app.press("enter")
        assert [row[:3] for row in app.rows("#packages")] == [["zzapp", "1.0", "pure"], ["zzlib", "2.0", "pure"]]
        assert app.rows("#packages")[0][4] == "you"
        assert "zzlib 2.0" in app.labels("#dependencies")
        await app.press("down")
        assert "zzlib 2.0" in app.text("#about-package")
        assert "zzapp 1.0" in app.labels("#dependencies")
        await app.press("escape")
        assert app.rows("#environments")

    drive(use, size)


@SIZES
def test_layers_files_and_previews(lab: manifest.Environment, size: tuple[int, int]) -> None:
    async def use(app: Driver) -> None:
        await app.press("2")
        assert [row[0] for row in app.rows("#layers")] == ["CPython 3.14", "zzapp 1.0", "zzlib 2.0"]
        assert any("shadowed" in label and "zzlib 2.0" in label for label in app.labels("#files"))
        assert "shadowed" in str(app.screen.query_one("#layer-line").render())
        await app.press("slash", *"data.bin", "enter")
        assert ["data.bin" in label for label in app.labels("#files")] == [True]
        await app.press("escape", "slash", *"zzz")
        assert app.labels("#files") == []
        await app.press("escape", "slash", *"data.bin", "enter")
        await app.press("l")
        table = app.screen.query_one("#layers", DataTable)
        assert (table.has_focus, table.cursor_row) == (True, 1)
        await app.press("enter")
        assert "only zzapp 1.0" in str(app.screen.query_one("#layer-line").render())
        await app.press("escape")
        await app.press("slash", *"zzlib.py", "enter", "down", "enter")
        assert isinstance(app.screen, preview.PreviewScreen)
        assert "value = 2" in app.text("#content")
        await app.press("escape")
        assert isinstance(app.screen, EnvironmentScreen)
        app.screen.query_one("#tree-filter", Input).value = "data.bin"
        await app.settled()
        app.screen.query_one("#files", Tree).focus()
        await app.press("home", "enter")
        assert "000000  00 01 02" in app.text("#content")
        await app.press("escape", "3")
        assert next(row[0] for row in app.rows("#modules")) == "CPython 3.14"
        assert app.screen.query_one(TabbedContent).active == "code-pane"

    drive(use, size, lab)


def test_filter_sort_and_help(wenv: Wenv, lab: manifest.Environment) -> None:
    wenv("create")

    async def use(app: Driver) -> None:
        assert len(app.rows()) == 2
        await app.press("slash", *"LA", "enter")
        assert [row[0] for row in app.rows()] == ["lab"]
        await app.press("escape")
        assert len(app.rows()) == 2
        await app.press("o", "o")
        assert [row[2] for row in app.rows()] == ["2", "0"]
        for closing in ("f1", "escape"):
            await app.press("f1")
            assert isinstance(app.screen, review.Help)
            await app.press(closing)
            assert not isinstance(app.screen, review.Help)
        await app.press("f2")
        assert not app.app.current_theme.dark

    drive(use)


def test_what_another_process_does_is_seen(wenv: Wenv, lab: manifest.Environment) -> None:
    async def use(app: Driver) -> None:
        await asyncio.sleep(1.5)  # it looks once a second
        await asyncio.to_thread(wenv, "create", "-n", "another")
        await app.until(lambda: [row[0] for row in app.rows()] == ["another", "lab"])
        await app.select("another")
        await app.press("enter")
        await asyncio.to_thread(wenv, "remove", "another")
        await app.until(lambda: not isinstance(app.app.screen, EnvironmentScreen))
        await app.until(lambda: [row[0] for row in app.rows()] == ["lab"])

    drive(use)


def test_damaged_and_incomplete_environments_are_shown_as_such(wenv: Wenv, lab: manifest.Environment, asked: Path) -> None:
    wenv("create", "-n", "bad")
    (find.place("bad") / "environment.json").write_text("{")
    lost = dataclasses.replace(lab.packages[0], digest="0" * 64)
    gone = dataclasses.replace(lab, folder=find.place("gone"), packages=(lost,), stamp=None)
    gone.folder.mkdir()
    gone.save({}, granting=True)

    async def use(app: Driver) -> None:
        assert {row[0]: row[1] for row in app.rows()} == {"bad": "damaged", "gone": "incomplete", "lab": "fine"}
        await app.select("bad")
        assert "damaged" in app.text("#about-environment")
        await app.press("enter")
        assert "damaged" in app.words[-1]
        await app.select("gone")
        await app.press("enter")
        await app.until(lambda: len(app.words) > 1)
        await app.press("escape")
        await app.select("bad")
        await app.review("d")
        await app.proceed()
        assert not find.place("bad").exists()

    drive(use)


@pytest.fixture
def short_place(wenv: Wenv, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A data folder whose path is as long on every run: lines break where they did."""
    from wenv.locations import data_folder

    with tempfile.TemporaryDirectory(prefix="wenv-", dir="/tmp") as folder:
        monkeypatch.setenv("WENV_DATA_DIR", folder)
        wenv.environment["WENV_DATA_DIR"] = folder
        data_folder.cache_clear()
        yield


@pytest.mark.skipif(os.name == "nt", reason="paths are longer there")
def test_pictures(short_place: None, wenv: Wenv, lab: manifest.Environment) -> None:
    wenv("create", "-n", "empty")

    async def both(app: Driver) -> None:
        name = f"{app.app.size.width}x{app.app.size.height}"
        await app.select("empty")
        check_picture(app.app, f"environments-{name}")
        await app.select("lab")
        await app.press("enter", "2")
        check_picture(app.app, f"layers-{name}")

    async def small(app: Driver) -> None:
        await both(app)
        await app.press("1")
        check_picture(app.app, "packages")
        await app.press("3")
        check_picture(app.app, "code")
        await app.press("escape")
        await app.pilot.press("i")
        await app.until(lambda: isinstance(app.screen, form.Form))
        check_picture(app.app, "form")
        await app.press("escape")
        await app.review("d")
        check_picture(app.app, "confirm")

    drive(small, (80, 24))
    drive(both, (120, 40))


def test_no_handler_blocks(wenv: Wenv, lab: manifest.Environment, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 200 environments and 20,000 files, no turn of the event loop does much: threads read and sort.

    What a turn does is counted, in calls of functions, not timed: a busy machine and the garbage collector take what they like.
    """
    store, many = runtime.store, 20_000
    with store.staging() as staging:
        writer = LayerWriter(store, staging)
        content = staging / "content"
        content.write_bytes(b"x")
        for index in range(many):
            with content.open("rb") as file:
                writer.add(f"site-packages/zzmany/part{index % 40}/file{index}.txt", file)
        layer = writer.finish()
        publish(store, [layer])
    large = dataclasses.replace(lab.packages[0], digest=layer.manifest.digest, name="zzmany")
    for index in range(200):
        packages = (large,) if index == 0 else lab.packages
        copy = dataclasses.replace(lab, folder=find.place(f"env{index:03}"), packages=packages, stamp=None)
        copy.folder.mkdir()
        copy.save({}, granting=True)

    async def use(app: Driver) -> None:
        await app.select("lab")
        await app.press("enter", "2", "escape")  # what is imported and parsed once is behind it
        taken.clear()
        app.app.changed()
        await app.settled()
        assert len(app.rows()) == 201
        await app.select("env000")
        await app.press("enter")
        await app.press("2")
        assert any("zzmany/" in label for label in app.labels("#files"))
        await app.press("slash", *"file1", "enter")
        await app.press("escape")

    taken: list[int] = []
    calls = 0
    run_handle = asyncio.Handle._run

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    def watched(handle: asyncio.Handle) -> None:
        nonlocal calls
        calls = 0
        sys.setprofile(count)  # of this thread alone
        try:
            run_handle(handle)
        finally:
            sys.setprofile(None)
        taken.append(calls)

    monkeypatch.setattr(asyncio.Handle, "_run", watched)
    drive(use)
    assert len(taken) > 100
    assert max(taken) < 500_000


def test_the_command(wenv: Wenv, lab: manifest.Environment) -> None:
    picture = wenv.folder / "lab.svg"
    wenv("tui", "-n", "lab", "--screenshot", str(picture), "--press", "2", "--size", "80x24")
    assert "zzlib" in picture.read_text()
    assert "not a terminal" in wenv.result("tui", status=1).stderr
    assert "called 'nowhere'" in wenv.result("tui", "-n", "nowhere", status=1).stderr
    assert wenv.result("tui", "--screenshot", "x.png", status=2).returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="pexpect needs a POSIX terminal")
def test_a_shell_and_a_script_take_the_terminal_and_give_it_back(wenv: Wenv, lab: manifest.Environment) -> None:
    import pexpect

    (wenv.folder / "aa.py").write_text("import zzapp; print('script' + 'ran')")
    child = pexpect.spawn(
        sys.executable,
        ["-P", "-m", "wenv", "tui"],
        cwd=str(wenv.folder),
        env={**wenv.environment, "TERM": "xterm-256color"},
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=60,
    )
    child.expect("lab")
    time.sleep(1)
    child.send("s")
    child.expect("Python 3.14")
    child.expect(">>>")
    child.send("import zzlib; print('shell', zzlib.value + 40)\r")
    child.expect("shell 42")
    child.send("print('be' + 'gun'); sum(i for i in iter(int, 1))\r")
    child.expect("begun")
    child.send("\x03")  # stops the loop, and not the screen behind it
    child.expect("KeyboardInterrupt")
    child.send("\x04")
    child.expect("lab")
    time.sleep(1)
    child.send("r")
    child.expect("Run a script")
    time.sleep(1)
    child.send("\x1b[Z")  # from the tree to the input above it
    child.send(f"{wenv.folder / 'aa.py'}\r")
    child.expect("scriptran")
    child.expect("exit status 0")
    child.send("\r")
    child.expect("lab")
    time.sleep(1)
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
