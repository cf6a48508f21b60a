"""Projects in folders that change: what `install`, `sync` and `lock` make of them."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import Wenv
from wenv_resolver.lock import lock_facts

PROJECT = """\
[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"
[project]
name = "zzapp"
version = "{version}"
description = "{unique}"
dependencies = [{needs}]
[project.optional-dependencies]
more = ["six"]
[dependency-groups]
dev = ["toolz"]
"""


def write(folder: Path, version: str, needs: str = "", code: str = "") -> None:
    """A project with one module, of which no build is known yet."""
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text(PROJECT.format(version=version, needs=needs, unique=uuid4()))
    (folder / "zzapp.py").write_text(code)


@pytest.fixture
def app(wenv: Wenv) -> Path:
    """The folder of a project that is installed, not editable."""
    folder = wenv.folder / "app"
    write(folder, "1.0", code="value = 1\n")
    wenv("create", "./app")
    return folder


def test_install_takes_the_version_that_a_folder_has_now(wenv: Wenv, app: Path) -> None:
    write(app, "2.0", '"six"')
    planned = wenv.result("install", "--dry-run")
    assert "To be built from a folder, which tells its version and requirements only then: zzapp\n" in planned.stderr
    assert wenv.json("install", "--dry-run")["builds"] == ["zzapp"]
    done = wenv.result("install").stderr
    assert " ~ zzapp 1.0 -> 2.0\n" in done
    assert " + six " in done
    write(app, "3.0")
    done = wenv.result("install", "./app").stderr
    assert " ~ zzapp 2.0 -> 3.0\n" in done
    assert "Discarding" not in done
    assert "conflicting" not in done


def test_other_files_of_the_same_version_are_a_change(wenv: Wenv, app: Path) -> None:
    (app / "zzapp.py").write_text("value = 2\n")
    assert " ~ zzapp 1.0, with other files\n" in wenv.result("install").stderr
    assert wenv.python("import zzapp; print(zzapp.value)") == "2\n"
    assert "nothing changed" in wenv.result("install").stderr
    assert wenv.json("install")["changes"] == []


@pytest.mark.parametrize("editable", [True, False])
def test_sync_keeps_the_project_itself_with_its_extras(wenv: Wenv, editable: bool) -> None:
    write(wenv.folder, "1.0", '"idna"')
    wenv("create", *["-e"] * editable, ".[more]", "--group", "dev")
    assert " - toolz " in wenv.result("sync").stderr
    kept = wenv("freeze")
    assert [line.partition("==")[0] for line in kept.splitlines() if "==" in line] == ["idna", "six"]
    assert (f"-e {wenv.folder}" if editable else f"zzapp @ {wenv.folder.as_uri()}/") in kept.splitlines()
    assert wenv.python("import zzapp, six, idna; print(1)") == "1\n"


def test_a_copied_project_is_told_how_it_is_made_again(wenv: Wenv, tmp_path: Path) -> None:
    write(wenv.folder, "1.0")
    wenv("create", "-e", ".[more]")
    wenv.folder.rename(moved := tmp_path / "moved")
    wenv.folder = moved
    said = wenv.result("run", "-c", "1", status=125).stderr
    assert f"wenv create --clear -e '{moved}[more]'" in said
    wenv("create", "--clear", "-e", f"{moved}[more]")
    assert wenv.python("import zzapp, six; print(1)") == "1\n"


def test_a_lock_names_folders_as_they_lie_from_it(wenv: Wenv, app: Path, tmp_path: Path) -> None:
    wenv("lock", "-e", "./app[more]", "-o", "pylock.toml")
    text = (wenv.folder / "pylock.toml").read_text()
    assert str(wenv.folder) not in text
    assert lock_facts(text).requested == ("zzapp[more] @ app",)
    wenv.folder.rename(moved := tmp_path / "moved")
    wenv.folder = moved
    wenv("create", "--clear", "-r", "pylock.toml")
    assert f"-e {moved / 'app'}" in wenv("freeze")
    assert wenv.python("import zzapp, six; print(zzapp.value)") == "1\n"
