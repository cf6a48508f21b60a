"""What becomes of environments whose store, folder or files changed."""

import json
import os
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel
from tests.make.conftest import OFFER


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"format": 99}', None])
def test_a_damaged_manifest_is_named(empty: Wenv, damage: str | None) -> None:
    path = empty.folder / ".wenv" / "environment.json"
    if damage is None:
        data = json.loads(path.read_bytes())
        damage = json.dumps({**data, "snapshot": "0" * 64})
    path.write_text(damage)
    result = empty.result("run", "-c", "1", status=125)
    said = "has format 99" if "99" in damage else "is damaged"
    assert f"{path} {said}" in result.stderr
    assert "damaged" in empty("list")
    assert said in empty.result("cache", "prune", status=1).stderr
    assert ("--clear" if "99" not in damage else "a newer wenv reads it") in result.stderr
    empty("create", "--clear")
    assert empty.python("print('anew')") == "anew\n"


def test_layers_that_vanished_are_restored(fresh: Wenv, offer: tuple[str, ...], tmp_path: Path) -> None:
    wenv = fresh
    wenv("create", "app", *offer)
    for package in wenv.json("info")["packages"]:
        shutil.rmtree(tmp_path / "cache" / "layers-v1" / package["layer"][:2] / package["layer"])
    assert "has no layer" in wenv.result("run", "-c", "1", status=125).stderr
    assert wenv.json("list")[0]["state"] == "incomplete"
    wenv("install")
    assert wenv.python("import app, lib; print(lib.version)") == "2.0\n"


def test_cache_commands(fresh: Wenv, offer: tuple[str, ...], tmp_path: Path) -> None:
    wenv, cache = fresh, tmp_path / "cache"
    wenv("create", "-n", "kept", "lib==1.0", *offer)
    wenv("create", "-n", "gone", "app", *offer)
    assert wenv("cache", "dir") == f"{cache}\n"
    before = wenv.json("cache", "du")["size"]
    assert "as it should be" in wenv.result("cache", "verify").stderr
    wenv("remove", "gone")
    planned = wenv.json("cache", "prune", "--dry-run")
    assert wenv.json("cache", "du")["size"] >= before - 50_000
    done = wenv.json("cache", "prune")
    assert done == planned
    assert done["entries"]["layers"] >= 2
    assert wenv.json("cache", "du")["size"] < before
    assert wenv("run", "-n", "kept", "-c", "import lib; print(lib.version)") == "1.0\n"
    assert wenv.json("cache", "prune")["entries"] == {}
    damaged = next(path for path in (cache / "layers-v1").glob("*/*/tree/site-packages/lib.py"))
    damaged.chmod(0o644)
    damaged.write_text("evil = True\n")
    assert "lib.py does not have its digest" in wenv("cache", "verify", status=1)
    wenv("cache", "verify", "--repair")
    assert wenv.json("cache", "verify") == []
    wenv("install", "-n", "kept")
    assert wenv("run", "-n", "kept", "-c", "import lib; print(lib.version)") == "1.0\n"


def test_further_environments_add_little(fresh: Wenv, wheels: Path) -> None:
    Wheel("big", files={"big/__init__.py": "", "big/data.bin": os.urandom(3 << 20)}).write(wheels)
    Wheel("small").write(wheels)
    data = Path(fresh.environment["WENV_DATA_DIR"])

    def used() -> int:
        own = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
        return own + int(fresh.json("cache", "du")["size"])

    sizes = [used()]
    for number in range(10):
        fresh("create", "-n", f"e{number}", "big", "small", *OFFER, str(wheels))
        sizes.append(used())
    assert sizes[1] - sizes[0] > 3 << 20
    assert all(after - before < 100_000 for before, after in pairwise(sizes[1:]))
    assert sizes[10] - sizes[0] < 1.02 * (sizes[1] - sizes[0]) + 200_000


def test_digests_and_names_of_a_manifest_are_no_paths(wenv: Wenv, offer: tuple[str, ...]) -> None:
    wenv("create", "lib", *offer)
    path = wenv.folder / ".wenv" / "environment.json"
    text = path.read_text()
    package = json.loads(text)["packages"][0]
    for old, new in ((package["digest"], "/etc"), ('"lib"', '"../lib"'), ('"2.0"', '"/x"')):
        path.write_text(text.replace(old, new))
        assert "is damaged" in wenv.result("run", "-c", "1", status=125).stderr


def test_a_folder_of_the_users_is_not_taken_over(wenv: Wenv) -> None:
    (wenv.folder / "bin").mkdir()
    (wenv.folder / "bin" / "deploy").write_text("mine")
    (wenv.folder / ".gitignore").write_text("mine")
    assert "not wenv's" in wenv.result("create", "--path", ".", status=1).stderr
    (wenv.folder / "main.py").write_text("mine")
    assert "is not empty" in wenv.result("create", "--path", ".", status=1).stderr
    wenv("create")
    (wenv.folder / ".wenv" / "bin" / "mine").write_text("mine")
    wenv("remove")
    assert [path.name for path in (wenv.folder / ".wenv" / "bin").iterdir()] == ["mine"]


def test_everything_but_the_folder_can_be_restored(fresh: Wenv, offer: tuple[str, ...], tmp_path: Path) -> None:
    wenv, cache = fresh, tmp_path / "cache"
    wenv("create", "app", *offer)
    for kind in ("documents-v1", "records-v1"):
        shutil.rmtree(cache / kind)
    assert 'name = "app"' in wenv("lock")
    wenv("install")
    assert wenv.python("import app") == ""


def test_copy_and_rename(wenv: Wenv) -> None:
    wenv("create", "-n", "one", "--env", "GIVEN=1")
    wenv("copy", "two", "-n", "one")
    assert wenv.python("import os; print(os.environ['GIVEN'])", options=("-n", "two")) == "1\n"
    assert "is there already" in wenv.result("copy", "two", "-n", "one", status=1).stderr
    wenv("rename", "three", "-n", "two")
    assert "called 'two'" in wenv.result("info", "-n", "two", status=1).stderr
    assert wenv.python("print(3)", options=("-n", "three")) == "3\n"
    wenv("create")
    assert "has no name" in wenv.result("rename", "four", status=1).stderr
    wenv("copy", "four")
    assert {item["name"] for item in json.loads(wenv("list", "--json"))} == {"one", "three", "four", None}


def test_list_says_what_is_shared_and_when_it_was_used(wenv: Wenv) -> None:
    wenv("create", "-n", "one")
    (one,) = json.loads(wenv("list", "--json"))
    assert (one["state"], one["shared"], one["baked"]) == ("fine", 0, False)
    wenv("copy", "two", "-n", "one")
    assert [item["shared"] for item in json.loads(wenv("list", "--json"))] == [one["size"]] * 2
    past = time.time() - 10_000
    for file in Path(wenv.environment["WENV_DATA_DIR"], "registered").iterdir():
        os.utime(file, (past, past))
    wenv.python("pass", options=("-n", "two"))
    used = {item["name"]: item["used"] for item in json.loads(wenv("list", "--json"))}
    assert used["two"] > used["one"]


def test_a_damaged_environment_can_be_removed(wenv: Wenv) -> None:
    wenv("create", "-n", "bad")
    wenv("create", "-n", "good")
    folder = Path(wenv.environment["WENV_DATA_DIR"], "environments", "bad")
    (folder / "mine.txt").write_text("keep me")
    (folder / "environment.json").write_text("{")
    wenv("remove", "bad", "good")
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    assert json.loads(wenv("list", "--json")) == []
    wenv("cache", "prune", "--dry-run")


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_project_that_is_reached_through_a_link_is_one_environment(wenv: Wenv) -> None:
    wenv("create")
    link = wenv.folder.with_name("link")
    link.symlink_to(wenv.folder)
    for command in ([str(link / ".wenv" / "bin" / "python")], [sys.executable, "-P", "-m", "wenv", "run", "--path", str(link)]):
        result = subprocess.run([*command, "-c", "print(1)"], env=wenv.environment, capture_output=True, text=True)
        assert result.stdout == "1\n"
    assert [item["folder"] for item in json.loads(wenv("list", "--json"))] == [str(wenv.folder / ".wenv")]


#: A command that is killed in the write of a file of the environment's folder: the one of this number, from 1.
KILLED = """\
import itertools, os, sys
import wenv_cache.ownfolder as module
from wenv.__main__ import main
number, *sys.argv[1:] = sys.argv[1:]
writes = itertools.count(1)
class Killing:
    def __getattr__(self, name):
        if name == "fsync" and next(writes) == int(number):
            os.kill(os.getpid(), 9)
        return getattr(os, name)
module.os = Killing()
main()
"""


def test_a_create_that_is_killed_in_any_write_is_repeated(wenv: Wenv) -> None:
    folder = wenv.folder / ".wenv"
    wenv("create")
    whole = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    wenv("remove")
    for number in range(1, 100):
        command = [sys.executable, "-c", KILLED, str(number), "create"]
        killed = subprocess.run(command, cwd=wenv.folder, env=wenv.environment, capture_output=True, text=True).returncode
        assert killed in (0, -9)
        if killed:
            assert [path for path in folder.rglob(".*.*") if path.is_file()]
            wenv("create", *(("--clear",) if number % 2 else ()))
        assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == whole
        wenv("remove")
        assert not folder.exists()
        if not killed:
            break
    assert number > len(whole) - 1  # each file was once the one that was being written
