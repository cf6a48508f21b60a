"""Wheels become layers; hostile ones are refused whole."""

import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.wheel_builder import Wheel
from wenv_cache.kinds import Kind
from wenv_cache.layers import publish
from wenv_cache.store import Store
from wenv_cache.verify import verify
from wenv_resolver import wheels as wheels_module
from wenv_resolver.errors import HostileWheelError
from wenv_resolver.wheels import stage_wheel


def layer_of(store: Store, path: Path, name: str, version: str = "1.0") -> str:
    with store.writing() as writing, store.staging() as staging:
        staged = stage_wheel(store, staging, path, name, version)
        publish(writing, [staged.layer])
    return staged.layer.manifest.digest


def test_every_scheme_has_its_folder(store: Store, wheels: Path) -> None:
    wheel = Wheel(
        "thing",
        files={
            "thing/__init__.py": "x = 1\n",
            "thing-1.0.data/purelib/extra.py": "y = 2\n",
            "thing-1.0.data/scripts/tool": "#!python\nprint(1)\n",
            "thing-1.0.data/data/share/thing/data.txt": "data\n",
            "thing-1.0.data/headers/thing.h": "int x;\n",
            "thing/__pycache__/__init__.cpython-314.pyc": b"untrusted",
        },
        entry_points="[console_scripts]\nthing = thing:main\n",
    )
    digest = layer_of(store, wheel.write(wheels), "thing")
    paths = {file.path for file in store.manifest(digest).files}
    info = "site-packages/thing-1.0.dist-info"
    assert paths == {
        "site-packages/thing/__init__.py", "site-packages/extra.py", "bin/tool", "share/thing/data.txt",
        "include/thing/thing.h",
        f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD", f"{info}/INSTALLER", f"{info}/entry_points.txt",
    }  # fmt: skip
    record = (store.tree(digest) / info / "RECORD").read_text()
    assert "../bin/tool,sha256=" in record
    assert "\nthing/__init__.py,sha256=" in "\n" + record


def test_the_same_wheel_makes_the_same_layer_anywhere(store: Store, wheels: Path, tmp_path: Path) -> None:
    path = Wheel("thing", files={"b.py": "", "a.py": "x=1", "c/d.py": ""}).write(wheels)
    assert layer_of(store, path, "thing") == layer_of(Store(tmp_path / "other"), path, "thing")


def _add(name: str, data: bytes = b"x", mode: int = 0) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
            warnings.simplefilter("ignore")  # the same name twice is what is wanted here
            archive.writestr(info, data)

    return change


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[45] ^= 0xFF  # inside the compressed content of the first file
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_add("/etc/cron.d/evil"), id="absolute"),
        pytest.param(_add("../../evil.py"), id="parent"),
        pytest.param(_add("thing/../../evil.py"), id="inner parent"),
        pytest.param(_add("C:evil.py"), id="drive"),
        pytest.param(_add("a\\..\\evil.py"), id="backslash"),
        pytest.param(_add("link.py", b"/etc/passwd", stat.S_IFLNK | 0o777), id="symbolic link"),
        pytest.param(_add("fifo", b"", stat.S_IFIFO | 0o644), id="fifo"),
        pytest.param(_add("thing.py", b"other"), id="same name twice"),
        pytest.param(_add("THING.py", b"other"), id="same name but for case"),
        pytest.param(_add("thing.py/x", b"other"), id="file and folder"),
        pytest.param(_add("unlisted.py"), id="not in RECORD"),
        pytest.param(_truncate, id="truncated"),
        pytest.param(_flip, id="corrupt"),
    ],
)
def test_hostile_archives_are_refused_whole(store: Store, wheels: Path, change: Callable[[Path], None]) -> None:
    path = Wheel("thing").write(wheels)
    change(path)
    with pytest.raises(HostileWheelError, match=r"thing-1\.0-py3-none-any\.whl"):
        layer_of(store, path, "thing")
    assert not list(store.folder(Kind.LAYERS).glob("*/*"))
    assert not list(store.folder(Kind.STAGING).iterdir())
    assert list(verify(store)) == []
    assert sorted(p.name for p in wheels.iterdir()) == [path.name]


@pytest.mark.parametrize(
    "record",
    [
        "",
        "thing.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n",
        "not,a,record,at,all\n",
    ],
)
def test_a_record_that_lies_is_refused(store: Store, wheels: Path, record: str) -> None:
    path = Wheel("thing", record=record).write(wheels)
    with pytest.raises(HostileWheelError):
        layer_of(store, path, "thing")


def test_a_wheel_that_is_another_package_is_refused(store: Store, wheels: Path) -> None:
    path = Wheel("thing").write(wheels)
    with pytest.raises(HostileWheelError, match="expected other"):
        layer_of(store, path, "other")
    with pytest.raises(HostileWheelError, match=r"expected thing 2\.0"):
        layer_of(store, path, "thing", "2.0")


def test_a_bomb_is_refused_before_it_is_unpacked(store: Store, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Wheel("thing", files={"zeros.bin": bytes(80 << 20)}).write(wheels)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(HostileWheelError, match="packed into"):
        layer_of(store, path, "thing")
    monkeypatch.setattr(wheels_module, "MOST_FILES", 3)
    with pytest.raises(HostileWheelError, match="files"):
        layer_of(store, Wheel("many", files={f"{n}.py": "" for n in range(4)}).write(wheels), "many")
