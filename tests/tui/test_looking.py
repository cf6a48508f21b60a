"""Looking at environments in the terminal UI: packages, layers, files, what others do meanwhile."""

import asyncio
import dataclasses
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import DataTable, Input, TabbedContent, Tree

from tests.conftest import Wenv
from tests.share.test_registry import registry as registry  # noqa: PLC0414 - a fixture
from tests.tui.conftest import SIZES
from tests.tui.screens import Driver, drive
from wenv.environment import find, manifest
from wenv.tui.dialogs import form, review
from wenv.tui.screens import preview
from wenv.tui.screens.environment import EnvironmentScreen


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
    gone.save({}, granting=True, sharing=False)

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
        await app.picture(f"environments-{name}")
        await app.select("lab")
        await app.press("enter", "2")
        await app.picture(f"layers-{name}")

    async def small(app: Driver) -> None:
        await both(app)
        await app.press("1")
        await app.picture("packages")
        await app.press("3")
        await app.picture("code")
        await app.press("escape")
        await app.pilot.press("i")
        await app.until(lambda: isinstance(app.screen, form.Form))
        await app.picture("form")
        await app.press("escape")
        await app.review("d")
        await app.picture("confirm")

    drive(small, (80, 24))
    drive(both, (120, 40))
