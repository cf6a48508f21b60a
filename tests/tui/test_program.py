"""The terminal UI as a program: it answers at once, starts from the command line, and gives the terminal to others."""

import asyncio
import dataclasses
import os
import sys
import time
from types import FrameType

import pytest

from tests.conftest import Wenv
from tests.share.test_registry import registry as registry  # noqa: PLC0414 - a fixture
from tests.tui.screens import Driver, drive
from wenv.environment import find, manifest
from wenv.runtimes import Runtime
from wenv_cache.layers import LayerWriter, publish


def test_no_handler_blocks(wenv: Wenv, lab: manifest.Environment, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 200 environments and 20,000 files, no turn of the event loop does much: threads read and sort.

    What a turn does is counted, in calls of functions, not timed: a busy machine and the garbage collector take what they like.
    """
    store, many = runtime.store, 20_000
    with store.writing() as writing, store.staging() as staging:
        writer = LayerWriter(store, staging)
        content = staging / "content"
        content.write_bytes(b"x")
        for index in range(many):
            with content.open("rb") as file:
                writer.add(f"site-packages/zzmany/part{index % 40}/file{index}.txt", file)
        layer = writer.finish()
        publish(writing, [layer])
    large = dataclasses.replace(lab.packages[0], digest=layer.manifest.digest, name="zzmany")
    for index in range(200):
        packages = (large,) if index == 0 else lab.packages
        copy = dataclasses.replace(lab, folder=find.place(f"env{index:03}"), packages=packages, stamp=None)
        copy.folder.mkdir()
        copy.save({}, granting=True, sharing=False)

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
