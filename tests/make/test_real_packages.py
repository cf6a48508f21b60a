"""Fifteen packages that nobody here wrote, unpinned, from the configured package index; each does one real thing."""

import tomllib
from pathlib import Path

import pytest

from tests.conftest import Wenv

HERE = Path(__file__).parent


def test_fifteen_packages_from_one_file(wenv: Wenv) -> None:
    deeds = tomllib.loads((HERE / "deeds.toml").read_text("utf-8"))
    (wenv.folder / "requirements.txt").write_text("\n".join(deeds) + "\n")
    wenv("create", "-r", "requirements.txt", timeout=600)
    for name, deed in deeds.items():
        assert deed["prints"] in wenv.python(deed["code"]), name
    programs = wenv.json("info")["scripts"]
    assert {"pytest", "pygmentize", "httpx"} <= set(programs)
    (wenv.folder / "test_it.py").write_text("def test_it(tmp_path):\n    (tmp_path / 'x').write_text('x')\n")
    assert "1 passed" in wenv("run", "pytest", "-q")


def test_packages_that_cannot_run_are_all_listed(wenv: Wenv) -> None:
    error = wenv.result("create", "--no-build", "gevent", "psycopg2", "requests", status=1).stderr
    assert "packages have no wheel that runs here" in error
    assert "psycopg2" in error
    assert "greenlet" in error
    assert "needed by gevent" in error
    assert not (wenv.folder / ".wenv").exists()


def test_real_markers(wenv: Wenv) -> None:
    (wenv.folder / "requirements.txt").write_text(
        'tomli-w; sys_platform == "wasi"\ntabulate; sys_platform == "win32"\nidna; platform_system == "Linux"\n'
    )
    wenv("create", "-r", "requirements.txt")
    assert [package["name"] for package in wenv.json("info")["packages"]] == ["tomli-w"]


@pytest.mark.long
def test_many_packages_import(wenv: Wenv) -> None:
    lines = [
        line
        for line in (HERE.parent / "runtimes" / "popular.txt").read_text("utf-8").split("\n")
        if line and not line.startswith("#")
    ]
    chosen = {name: module or name for name, _, module in (line.partition(":") for line in lines)}
    wenv("create", *chosen, timeout=900)
    code = f"""
import importlib, traceback
for name, module in {chosen}.items():
    try:
        importlib.import_module(module.replace('-', '_'))
    except Exception as error:
        print('FAILED', name, type(error).__name__, error)
"""
    assert wenv("run", "-c", code, timeout=600) == ""
