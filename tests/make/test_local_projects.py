"""Projects in folders of this machine: which one is meant, and that what it holds now is what runs."""

import shutil
import tomllib
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel


def write(folder: Path, name: str, word: str, *, version: str = "1", more: str = "") -> None:
    """A project with a module and a command of its name, which prints a word."""
    (folder / "src" / name).mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(
        "[build-system]\nrequires = ['hatchling']\nbuild-backend = 'hatchling.build'\n"
        f"[project]\nname = '{name}'\nversion = '{version}'\nscripts = {{{name} = '{name}:main'}}\n{more}"
    )
    (folder / "src" / name / "__init__.py").write_text(f"def main(): print('{word}')\n")


def test_a_folder_beside_a_run_is_that_of_the_working_folder_as_it_is_now(wenv: Wenv) -> None:
    first, second = wenv.folder / "first", wenv.folder / "second"
    write(first / "pkg", "zzone", "first")
    write(second / "pkg", "zztwo", "second")
    here, there = (Wenv(folder, wenv.environment) for folder in (first, second))
    assert here("run", "--with", "./pkg", "zzone") == "first\n"
    assert there("run", "--with", "./pkg", "zztwo") == "second\n"
    assert "zzone" in there.result("run", "--with", "./pkg", "zzone", status=125).stderr
    assert there("tool", "run", "--from", "./pkg", "zztwo") == "second\n"
    write(first / "pkg", "zzone", "changed")
    assert here("run", "--with", "./pkg", "zzone") == "changed\n"
    assert here("tool", "run", "--from", "./pkg", "zzone") == "changed\n"
    assert here("run", "--with", f"zzone @ {(first / 'pkg').as_uri()}", "zzone") == "changed\n"


def test_a_script_has_its_source_as_it_is_now(wenv: Wenv) -> None:
    write(wenv.folder / "pkg", "zzone", "first")
    script = wenv.folder / "job.py"
    script.write_text(
        "# /// script\n# dependencies = ['zzone']\n# tool.uv.sources.zzone.path = 'pkg'\n# ///\nimport zzone; zzone.main()\n"
    )
    assert wenv("run", "job.py") == "first\n"
    write(wenv.folder / "pkg", "zzone", "second", version="2")
    assert wenv("run", "job.py") == "second\n"
    wenv("lock", "--script", "job.py")
    assert wenv("run", "job.py") == "second\n"
    write(wenv.folder / "pkg", "zzone", "third", version="2")
    wenv("lock", "--script", "job.py")
    assert wenv("run", "job.py") == "third\n"


@pytest.fixture
def sourced(wenv: Wenv) -> Wenv:
    """A project that has zzlib from a folder, and nothing of it yet."""
    write(wenv.folder / "lib", "zzlib", "local")
    (wenv.folder / "pyproject.toml").write_text(
        '[project]\nname = "v"\nversion = "1"\ndependencies = []\n[tool.uv.sources]\nzzlib = { path = "lib" }\n'
    )
    return wenv


def test_what_is_added_comes_from_its_source(sourced: Wenv, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Wheel("zzlib", "9").write(wheels)
    sourced.environment["PIP_FIND_LINKS"] = str(wheels)
    sourced("add", "zzlib")
    assert sourced("run", "zzlib") == "local\n"
    sourced("add", "zzlib")
    assert sourced("freeze").startswith("zzlib @ file:")
    assert tomllib.loads((sourced.folder / "pyproject.toml").read_text())["project"]["dependencies"] == ["zzlib"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('path = "lib"', 'path = "lib", editabel = true'), "zzlib: unknown: editabel"),
        (('{ path = "lib" }', '"lib"'), "zzlib is no table"),
        (("zzlib = {", "other = {"), "is called zzlib"),
        (('["zzlib"]', '["zzlib>=2"]'), "zzlib"),
    ],
)
def test_what_a_source_says_wrongly_is_named(sourced: Wenv, change: tuple[str, str], words: str) -> None:
    path = sourced.folder / "pyproject.toml"
    text = path.read_text().replace("[]", '["zzlib"]').replace(*change)
    path.write_text(text.replace('["zzlib"]', '["other"]') if "other" in change[1] else text)
    assert words in sourced.result("create", "-r", "pyproject.toml", status=1).stderr


def test_a_copy_of_a_project_is_made_from_its_own_folders(wenv: Wenv) -> None:
    first = wenv.folder / "first"
    write(first / "lib", "zzlib", "original")
    (first / "pyproject.toml").write_text(
        '[project]\nname = "v"\nversion = "1"\ndependencies = ["zzlib"]\n[tool.uv.sources]\nzzlib = { path = "lib" }\n'
    )
    here = Wenv(first, wenv.environment)
    here("sync")
    here("lock", "-o", "pylock.toml")
    assert '"lib"' in (first / "pylock.toml").read_text()
    copy = Wenv(wenv.folder / "copy", wenv.environment)
    shutil.copytree(first, copy.folder, ignore=shutil.ignore_patterns(".wenv"))
    write(copy.folder / "lib", "zzlib", "copy")
    copy("sync")
    assert copy("run", "zzlib") == "copy\n"
    shutil.rmtree(copy.folder / "lib")
    assert f"{copy.folder / 'lib'} does not exist" in copy.result("sync", "--path", "other", status=1).stderr


def test_a_folder_without_pyproject_has_its_extras(wenv: Wenv, wheels: Path) -> None:
    Wheel("zzneeded").write(wheels)
    wenv.environment["PIP_FIND_LINKS"] = str(wheels)
    (wenv.folder / "flat").mkdir()
    (wenv.folder / "flat" / "setup.py").write_text(
        "from setuptools import setup\nsetup(name='zzflat', version='1', py_modules=[], extras_require={'x': ['zzneeded']})\n"
    )
    wenv("create", "./flat[x]")
    assert "zzneeded==1.0" in wenv("freeze")
    wenv("create", "--clear", "-e", "./flat[x]")
    assert "zzneeded==1.0" in wenv("freeze")


def test_a_lock_beside_a_project_is_spoken_of(wenv: Wenv, wheels: Path) -> None:
    Wheel("zzone").write(wheels)
    Wheel("zztwo").write(wheels)
    wenv.environment["PIP_FIND_LINKS"] = str(wheels)
    (wenv.folder / "pyproject.toml").write_text('[project]\nname = "v"\nversion = "1"\ndependencies = ["zzone"]\n')
    wenv("sync")
    wenv("lock", "-r", "pyproject.toml", "-o", "pylock.toml")
    added = wenv.result("add", "zztwo").stderr
    assert "pylock.toml is as it was, and decides what `wenv sync` makes until" in added
