"""The guest's one native module is what its source says."""

from pathlib import Path

from tests.helpers.interrupt_module import BUILT, build
from wenv.runtimes import Runtime
from wenv_resolver.progress import Silent


def test_the_built_module_is_the_source(runtime: Runtime, headers: Path, tmp_path: Path) -> None:
    library = runtime.store.tree(runtime.standard_library(Silent()))
    build(headers, library / "_sysconfig_vars__wasi_wasm32-wasi.json", tmp_path / "built.so")
    assert (tmp_path / "built.so").read_bytes() == BUILT.read_bytes()
