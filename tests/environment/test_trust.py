"""Whose environments and whose store are used: the user's own, and what the user trusts."""

import os
import stat
from pathlib import Path

import pytest

from tests.conftest import Wenv

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners here")
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives files to another user")
#: A user that is nobody's.
OTHER = 54321


def give_away(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, OTHER, OTHER, follow_symlinks=False)


@as_root
@pytest.mark.parametrize("command", [("run", "-c", "print(1)"), ("info",), ("shell",), ("bake",), ("install", "--no-index")])
def test_an_environment_of_another_user_is_not_used(empty: Wenv, command: tuple[str, ...]) -> None:
    give_away(empty.folder / ".wenv")
    below = empty.folder / "below"
    below.mkdir()
    project = Wenv(below, empty.environment)
    result = project.result(*command, status=None)
    assert result.returncode
    assert result.stdout == ""
    assert "belongs to another user" in result.stderr
    assert "wenv trust" in result.stderr


@as_root
def test_a_manifest_of_another_user_in_a_folder_of_ours_is_not_used(empty: Wenv) -> None:
    os.chown(empty.folder / ".wenv" / "environment.json", OTHER, OTHER)
    assert "belongs to another user" in empty.result("run", "-c", "1", status=125).stderr


@as_root
def test_trust_is_given_and_withdrawn(empty: Wenv, tmp_path: Path) -> None:
    give_away(empty.folder / ".wenv")
    empty("trust", str(empty.folder))
    assert empty("trust") == f"{empty.folder}\n"
    assert empty.json("trust") == [str(empty.folder)]
    assert empty("run", "-c", "print(1)") == "1\n"
    assert not [path for path in empty.folder.rglob("*") if "trust" in path.name]
    empty("trust", "--remove", str(empty.folder))
    empty("run", "-c", "print(1)", status=125)
    empty("trust", str(tmp_path / "nowhere"), status=2)


@as_root
def test_a_variable_trusts_for_one_process(empty: Wenv) -> None:
    give_away(empty.folder / ".wenv")
    for value in (str(empty.folder), f"/nowhere{os.pathsep}{empty.folder.parent}", "*"):
        empty.environment["WENV_TRUST"] = value
        assert empty("run", "-c", "print(1)") == "1\n"
    for value in ("", "/nowhere", str(empty.folder / "other"), str(empty.folder)[:-1]):
        empty.environment["WENV_TRUST"] = value
        empty("run", "-c", "print(1)", status=125)


@as_root
def test_an_environment_that_is_named_is_the_users_choice(empty: Wenv) -> None:
    give_away(empty.folder / ".wenv")
    assert empty("run", "--path", str(empty.folder), "-c", "print(1)") == "1\n"


@as_root
@pytest.mark.parametrize("variable", ["WENV_CACHE_DIR", "WENV_DATA_DIR"])
def test_a_store_of_another_user_is_refused(fresh: Wenv, tmp_path: Path, variable: str) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, OTHER, OTHER)
    fresh.environment[variable] = str(folder)
    result = fresh.result("create", status=1)
    assert f"{folder} belongs to another user" in result.stderr
    assert variable in result.stderr


def test_what_is_made_belongs_to_the_user_alone(wenv: Wenv, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        wenv.environment["WENV_CACHE_DIR"] = str(tmp_path / "new" / "cache")
        wenv("list")
        wenv("trust", str(tmp_path))
    finally:
        os.umask(before)
    for folder in (tmp_path / "new" / "cache", Path(wenv.environment["WENV_DATA_DIR"])):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_rights_that_are_too_wide_are_narrowed_with_a_word(wenv: Wenv, tmp_path: Path) -> None:
    folder = tmp_path / "wide"
    folder.mkdir()
    folder.chmod(0o777)
    wenv.environment["WENV_CACHE_DIR"] = str(folder)
    assert f"{folder} was open to other users" in wenv.result("list").stderr
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "open to other users" not in wenv.result("list").stderr


def test_scripts_cannot_be_written_by_others(wenv: Wenv) -> None:
    before = os.umask(0)
    try:
        wenv("create")
    finally:
        os.umask(before)
    folder = wenv.folder / ".wenv"
    for path in [folder, *folder.rglob("*")]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o022, path
