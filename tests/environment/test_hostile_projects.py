"""Projects that came with a ``.wenv`` of somebody else's: nothing outside of it is touched, and nothing in it is believed."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel
from wenv.environment.manifest import load
from wenv.errors import DamagedEnvironmentError
from wenv.run.start_file import Record, UnwritableTextError, _record

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and the native launcher are POSIX's")

Manifest = dict[str, Any]
PRECIOUS = ("bashrc", "python", "python3", "pip", "activate", "keys")
#: A title for the terminal, its screen cleared, and a one-byte control sequence introducer.
STEERING = "\x1b]0;title\x07\x1b[2J\x9b"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of the user's beside the project."""
    folder = tmp_path / "victim"
    folder.mkdir()
    for name in PRECIOUS:
        (folder / name).write_text(f"precious {name}\n")
    return folder


def is_whole(victim: Path) -> bool:
    return sorted(path.name for path in victim.iterdir()) == sorted(PRECIOUS) and all(
        (victim / name).read_text() == f"precious {name}\n" for name in PRECIOUS
    )


@pytest.fixture
def clone(empty: Wenv) -> Callable[[Callable[[Manifest], object]], Wenv]:
    """Makes a project whose environment's manifest was changed by hand."""

    def make(change: Callable[[Manifest], object]) -> Wenv:
        folder = empty.folder.parent / "clone"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / ".wenv").mkdir(parents=True)
        manifest = json.loads((empty.folder / ".wenv" / "environment.json").read_bytes())
        change(manifest)
        (folder / ".wenv" / "environment.json").write_text(json.dumps(manifest))
        shutil.copy(empty.folder / ".wenv" / "pylock.toml", folder / ".wenv")
        return Wenv(folder, empty.environment)

    return make


Clone = Callable[[Callable[[Manifest], object]], Wenv]
COMMANDS: list[tuple[str, ...]] = [
    ("run", "-c", "print(1)"),
    ("info",),
    ("list",),
    ("install", "--no-index"),
    ("create", "--clear"),
    ("remove",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_script_names_of_a_manifest_are_not_believed(clone: Clone, victim: Path, command: tuple[str, ...]) -> None:
    scripts = {"../../../victim/bashrc": "os:getcwd", str(victim / "keys"): "os:getcwd", "../../victim/pip": "os:getcwd"}
    project = clone(lambda manifest: manifest.update(scripts=scripts))
    (project.folder / ".wenv" / "bin").mkdir()
    project(*command, status=None)
    assert is_whole(victim)
    assert not (project.folder / ".wenv" / "bin" / "bashrc").exists()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_bin_folder_that_is_a_link_is_not_followed(clone: Clone, victim: Path, command: tuple[str, ...]) -> None:
    project = clone(lambda manifest: None)
    (project.folder / ".wenv" / "bin").symlink_to("../../victim")
    project(*command, status=None)
    assert is_whole(victim)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("name", ["pylock.toml", ".gitignore", "environment.json"])
def test_files_that_are_links_are_replaced_and_not_followed(
    clone: Clone, victim: Path, command: tuple[str, ...], name: str
) -> None:
    project = clone(lambda manifest: None)
    path = project.folder / ".wenv" / name
    if name == "environment.json":  # the link leads to a whole manifest
        shutil.copy(path, victim / name)
    path.unlink(missing_ok=True)
    path.symlink_to(f"../../victim/{'bashrc' if name != 'environment.json' else name}")
    before = {file.name: file.read_bytes() for file in victim.iterdir()}
    project(*command, status=None)
    assert {file.name: file.read_bytes() for file in victim.iterdir()} == before


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_an_environment_that_is_a_link_is_not_followed(clone: Clone, victim: Path, command: tuple[str, ...]) -> None:
    project = clone(lambda manifest: None)
    for name in ("environment.json", "pylock.toml"):
        shutil.move(project.folder / ".wenv" / name, victim / name)
    (project.folder / ".wenv").rmdir()
    (project.folder / ".wenv").symlink_to("../victim")
    before = {file.name: file.read_bytes() for file in victim.iterdir()}
    result = project.result(*command, status=None)
    assert {file.name: file.read_bytes() for file in victim.iterdir()} == before
    if command[0] not in ("list", "remove"):
        assert result.returncode
        assert "is a link" in result.stderr


def test_entry_points_with_a_nul_add_nothing_to_a_start_file(wenv: Wenv, wheels: Path, victim: Path) -> None:
    hostile = f"[console_scripts]\nzz = a:b\0P/etc\0p/etc\0W{victim}\0w/evil\0\n"
    Wheel("hostile", files={"hostile-1.0.dist-info/entry_points.txt": hostile}).write(wheels)
    offer = ("--no-index", "--find-links", str(wheels))
    assert "malformed" in wenv.result("create", "hostile", *offer, status=1).stderr or not list(wenv.folder.glob(".wenv/*"))


def test_a_file_whose_layer_has_a_nul_in_an_entry_point_is_harmless(empty: Wenv, victim: Path, tmp_path: Path) -> None:
    from tests.share.hostile_layers import with_layer

    text = f"[console_scripts]\nzz = a:b\0P/etc\0p/etc\0W{victim}\0w/evil\0\n"
    file = with_layer(empty, tmp_path, {"site-packages/zz-1.0.dist-info/entry_points.txt": text.encode()})
    empty("import", str(file), "-n", "evil")
    folder = Path(empty.environment["WENV_DATA_DIR"])
    for start in folder.glob("registered/*.start"):
        assert b"\0W" not in start.read_bytes()
        assert str(victim).encode() not in start.read_bytes()
    code = "import os; print(os.path.exists('/etc/passwd'), os.path.exists('/evil'))"
    assert empty("run", "-n", "evil", "-c", code) == "False False\n"
    assert is_whole(victim)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_start_file_refuses_what_it_cannot_write_exactly(text: str) -> None:
    with pytest.raises(UnwritableTextError):
        _record(Record.SCRIPT, text)


ODD: list[object] = [
    None,
    5,
    -1,
    1.5,
    True,
    "x",
    [],
    {},
    {"a": 1},
    [1],
    {"\0": "\0"},
    "x" * 100_000,
    "\ud800",
    [[]] * 3,
    1 << 80,
]


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Everything in a manifest that can be exchanged for something else."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def test_whatever_a_manifest_holds_it_is_read_or_named_as_damaged(clone: Clone) -> None:
    project = clone(lambda manifest: None)
    path = project.folder / ".wenv" / "environment.json"
    whole = json.loads(path.read_bytes())
    whole["packages"] = [
        {"name": "a", "version": "1", "digest": "0" * 64, "filename": "a.whl", "wheel": "0" * 64, "native": False, "built": ""}
    ]
    whole["policy"]["mounts"] = [{"host": "/x", "guest": "/x", "writable": True}]
    whole["requested"]["requirements"] = [{"text": "a", "hashes": ["0" * 64]}]
    count = 0
    for place in places(whole):
        for value in ODD:
            changed = json.loads(json.dumps(whole))
            inner = changed
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = value
            path.write_text(json.dumps(changed))
            count += 1
            with suppress(DamagedEnvironmentError):
                found = load(path.parent)
                assert all("/" not in package.name and "\0" not in package.filename for package in found.packages)
    assert count > 400


@pytest.mark.parametrize("key", ["scripts", "requested", "policy", "packages", "runtime", "baked", "created", "lock"])
@pytest.mark.parametrize("value", [None, 5, [5], {"\0": "\0"}], ids=str)
def test_commands_name_a_manifest_of_wrong_types(clone: Clone, key: str, value: object) -> None:
    project = clone(lambda manifest: manifest.update({key: value}))
    for command in (("info",), ("run", "-c", "1"), ("list",)):
        result = project.result(*command, status=None)
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.update(changed=STEERING),
        lambda manifest: manifest["runtime"].update(name=STEERING),
        lambda manifest: manifest["runtime"].update(identity=STEERING),
        lambda manifest: manifest.update(scripts={STEERING: "a:b"}),
        lambda manifest: manifest["policy"].update(mounts=[{"host": f"/{STEERING}", "guest": "/x", "writable": False}]),
        lambda manifest: manifest.update(baked={"modules": ["a"], "variables": {}, "left_out": {"a": STEERING}, "made": ""}),
        lambda manifest: manifest["requested"].update(requirements=[{"text": STEERING, "hashes": []}]),
        lambda manifest: manifest.update(snapshot=STEERING),
    ],
    ids=["changed", "runtime", "identity", "scripts", "mount", "left out", "requirement", "snapshot"],
)
def test_nothing_in_a_manifest_steers_the_terminal(clone: Clone, change: Callable[[Manifest], object]) -> None:
    project = clone(change)
    for command in (("info",), ("list",), ("run", "-c", "1"), ("diff", ".", "."), ("remove",)):
        result = project.result(*command, status=None)
        assert not set(result.stdout + result.stderr) & set("\x1b\x07\x9b"), command


def test_a_wheels_metadata_does_not_steer_the_terminal(wenv: Wenv, wheels: Path) -> None:
    metadata = f"Metadata-Version: 2.1\nName: steering\nVersion: 1.0\nSummary: {STEERING}\nRequires-Dist: {STEERING}\n"
    Wheel("steering", files={"steering-1.0.dist-info/METADATA": metadata}).write(wheels)
    for command in (("create", "steering", "--no-index", "--find-links", str(wheels)), ("info",), ("list",)):
        result = wenv.result(*command, status=None)
        assert not set(result.stdout + result.stderr) & set("\x1b\x07\x9b"), command


def test_a_policy_that_came_with_a_project_is_not_granted(clone: Clone) -> None:
    policy = {
        "write": True, "mounts": [{"host": "/etc", "guest": "/etc", "writable": True}], "environment": {"SECRET": None},
        "memory": None, "time": None, "output": None,
    }  # fmt: skip
    project = clone(lambda manifest: manifest.update(policy=policy))
    project.environment["SECRET"] = "from the host"
    code = "import os; print(os.environ.get('SECRET'), os.path.exists('/etc/passwd'))"
    assert project("run", "-c", code) == "None False\n"
    project("run", "-c", "open('new', 'w')", status=1)
    assert not (project.folder / "new").exists()
