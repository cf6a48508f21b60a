"""The guest's one native module is what its source says."""

import importlib.util
import os
from pathlib import Path

import pytest

from resolver.progress import Silent
from wenv.guest.native.build import BUILT, build
from wenv.runtimes import Runtime


def test_the_built_module_is_the_source(runtime: Runtime, tmp_path: Path) -> None:
    """Needs CPython 3.14's headers: ``WENV_PYTHON_HEADERS`` names their folder."""
    headers = os.environ.get("WENV_PYTHON_HEADERS")
    if not headers:
        pytest.skip("WENV_PYTHON_HEADERS is not set")
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed")
    library = runtime.store.tree(runtime.standard_library(Silent()))
    build(Path(headers), library / "_sysconfig_vars__wasi_wasm32-wasi.json", tmp_path / "built.so")
    assert (tmp_path / "built.so").read_bytes() == BUILT.read_bytes()
