"""Which runtime is chosen, and what is said of it."""

import re
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.source_builder import extension
from tests.helpers.wheel_builder import Wheel
from tests.runtimes.conftest import said
from wenv.environment.kinds import Choice
from wenv.make.choose_runtime import first_solution
from wenv.make.wanted import Wanted, index_options
from wenv.runtimes.scientific import ScientificRuntime, table
from wenv.runtimes.workspace import Workspace
from wenv_cache.store import Store
from wenv_resolver.progress import Silent


@pytest.mark.parametrize(
    ("requirement", "reasons"),
    [
        ("numpy", ["numpy"]),
        ("NumPy>=2", ["numpy"]),
        ("scikit_learn", ["scikit-learn"]),
        ("numpy<2", []),
        ("pandas; sys_platform == 'win32'", []),
        ("numpy @ https://somewhere.invalid/numpy-1-py3-none-any.whl", []),
        ("rich", []),
        ("regex", []),  # it is in it, and the default runtime can have it too
        ("./a/path", []),
    ],
)
def test_what_speaks_for_it(tmp_path: Path, requirement: str, reasons: list[str]) -> None:
    assert ScientificRuntime(Store(tmp_path)).contents.reasons([requirement]) == reasons


def test_it_is_chosen_by_itself_and_says_why(wenv: Wenv, wheels: Path) -> None:
    Wheel("zzneeds", "1.0", {"zzneeds.py": "import scipy"}, requires=["zzgone"]).write(wheels)
    Wheel("zzplots", "1.0", {"zzplots.py": "import matplotlib"}, requires=["matplotlib"]).write(wheels)
    local = ("--no-index", "--find-links", str(wheels))
    words = said(wenv, "create", *local, "zzplots", "matplotlib")
    assert "Runtime: scientific, which has matplotlib" in words
    assert "1 package and 1 of the runtime's on CPython 3.15 (scientific)" in words
    found = wenv.json("info")
    assert found["runtime"]["kind"] == "scientific"
    assert {"zzplots": "pure", "matplotlib": "in the runtime"}.items() <= {
        p["name"]: p["kind"] for p in found["packages"]
    }.items()
    lock = (wenv.folder / ".wenv" / "pylock.toml").read_text()
    assert 'runtime = "scientific"' in lock
    assert f'"matplotlib=={table()["packages"]["matplotlib"]}"' in lock
    (wenv.folder / "pylock.toml").write_text(re.sub('"numpy==[0-9.]*"', '"numpy==1.0"', lock))
    assert "a runtime with numpy==1.0" in said(wenv, "create", "--clear", "-r", "pylock.toml", status=1)
    (wenv.folder / "pylock.toml").write_text(lock)
    wenv("create", "--clear", "-r", "pylock.toml")
    assert wenv.json("info")["runtime"]["kind"] == "scientific"


def test_it_is_chosen_for_what_the_default_one_turns_out_not_to_have(wenv: Wenv, wheels: Path) -> None:
    Wheel("zzplots", "1.0", {"zzplots.py": "import lxml.etree"}, requires=["lxml"]).write(wheels)
    words = said(wenv, "create", "--find-links", str(wheels), "zzplots")
    assert "Runtime: scientific, which has lxml" in words
    assert wenv.python("import zzplots, lxml.etree; print(lxml.etree.fromstring('<a/>').tag)") == "a\n"
    error = said(wenv, "create", "--clear", "--runtime", "default", "--no-build", "-f", str(wheels), "zzplots", status=1)
    assert "the scientific runtime has lxml" in error


def test_it_is_not_chosen_for_what_shall_be_built_nor_where_something_is_lacking(shared_cache: Path, wheels: Path) -> None:
    Wheel("zzplots", "1.0", {"zzplots.py": "import kiwisolver"}, requires=["kiwisolver"]).write(wheels)
    Wheel("zzboth", "1.0", requires=["kiwisolver", "zzcompiled"]).write(wheels)
    extension("zzcompiled", "").write(wheels)

    def kind(name: str, *built: str) -> str:
        index = index_options(None, None, [str(wheels)], False, False, built)
        return first_solution(Workspace(Store(shared_cache)), Choice.AUTO, Wanted((name,), index=index), Silent()).runtime.kind

    assert kind("zzplots") == "scientific"
    assert kind("zzplots", "kiwisolver") == "default"
    assert kind("zzboth") == "default"


def test_it_is_not_chosen_for_what_somebody_brings(wenv: Wenv, wheels: Path) -> None:
    Wheel("numpy", "9.0", {"numpy.py": "mine = True"}, tag="cp314-cp314-wasi_0_0_0_wasm32").write(wheels)
    wenv("create", "--no-index", "--find-links", str(wheels), "numpy")
    assert wenv.json("info")["runtime"]["kind"] == "default"
    assert wenv.python("import numpy; print(numpy.mine)") == "True\n"


def test_versions_that_it_does_not_hold_are_refused_with_what_would_work(lab: Wenv, wheels: Path) -> None:
    held = table()["packages"]["numpy"]
    error = said(lab, "create", "--clear", "--runtime", "scientific", "numpy==1.26.4", "pandas", status=1)
    assert f"this runtime holds numpy {held}" in error
    assert "--runtime default" in error
    error = said(lab, "create", "--clear", "--no-build", "numpy==1.26.4", status=1)
    assert "Runtime: scientific" not in error
    assert f"the scientific runtime has numpy {held}" in error
    (lab.folder / "hashed.txt").write_text(f"numpy=={held} --hash=sha256:{'0' * 64}\n")
    assert "cannot be checked" in said(lab, "create", "--clear", "-r", "hashed.txt", status=1)
    error = said(lab, "install", "numpy<2", status=1)
    assert f"this runtime holds numpy {held}" in error
    extension("zzfast", "static int zero(void) { return 0; }").write(wheels)
    error = said(lab, "install", "--no-index", "--find-links", str(wheels), "zzfast", status=1)
    assert "this runtime takes no extension modules" in error
    assert "--runtime default" in error
    Wheel("zzwasm", "1.0", {"zzwasm.py": ""}, tag="cp315-cp315-wasi_0_0_0_wasm32").write(wheels)
    assert "zzwasm" in said(lab, "install", "--no-index", "--find-links", str(wheels), "zzwasm", status=1)
    assert lab.json("info")["runtime"]["kind"] == "scientific"
    assert said(lab, "install", "scipy").strip() == f"+ scipy {table()['packages']['scipy']}"
    assert "scipy" in {package["name"] for package in lab.json("info")["packages"] if package["requested"]}
