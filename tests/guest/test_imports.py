"""Imports out of code archives find what CPython would find in one folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RUNTIMES, Wenv
from tests.helpers.wheel_builder import Wheel

USE = """
import importlib, pkgutil, sys
import zzsame
print(zzsame.kind)
from zzpack.__init__ import value
again = importlib.import_module("zzpack.__init__")
print(value, again.__name__, again is sys.modules["zzpack"], hasattr(again, "__path__"))
from zzpack.inner.__init__ import deep
print(deep, sorted(name for _, name, _ in pkgutil.iter_modules(sys.modules["zzpack"].__path__)))
try:
    import zzplain.__init__
except ImportError as error:
    print(type(error).__name__, error)
try:
    import zzpack.nothing
except ImportError as error:
    print(type(error).__name__, error)
"""
FILES = {
    "zzamodule": {"zzsame.py": "kind = 'module'\n"},
    "zzbpackage": {"zzsame/__init__.py": "kind = 'package'\n"},
    "zzpack": {"zzpack/__init__.py": "value = 1\n", "zzpack/inner/__init__.py": "deep = 2\n", "zzpack/other.py": ""},
    "zzplain": {"zzplain.py": ""},
}


@pytest.mark.parametrize("runtime_name", RUNTIMES)
def test_packages_win_and_can_be_imported_as_files(wenv: Wenv, wheels: Path, tmp_path: Path, runtime_name: str) -> None:
    together = tmp_path / "together"
    for name, files in FILES.items():
        Wheel(name, files=files).write(wheels)
        for path, text in files.items():
            (together / path).parent.mkdir(parents=True, exist_ok=True)
            (together / path).write_text(text)
    wenv("create", "--runtime", runtime_name, "--no-index", "--find-links", str(wheels), *FILES, timeout=900)
    natively = subprocess.run(
        [sys.executable, "-c", USE], env={"PYTHONPATH": str(together)}, check=True, capture_output=True, text=True
    )
    assert wenv.python(USE) == natively.stdout
    wenv("bake", timeout=900)
    assert wenv.python(USE) == natively.stdout
