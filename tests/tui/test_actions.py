"""The terminal UI, driven as a person does, on real environments: every action does on disk what its command does."""

import json
import uuid
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel
from tests.share.test_registry import Server
from tests.share.test_registry import registry as registry  # noqa: PLC0414 - a fixture
from tests.tui.conftest import SIZES, names
from tests.tui.screens import Driver, drive
from wenv.environment import find, known, manifest
from wenv.tui.dialogs import form, working
from wenv_cache.store import Store


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


@pytest.mark.long
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
