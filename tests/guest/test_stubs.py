"""Stand-ins for standard modules: there for those who only ask, and clear to those who use them."""

from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel
from wenv.guest.platform.stubs import MODULES, ctypes
from wenv.runtimes.needs import TABLE, needs_of


def test_ctypes_answers_as_on_posix() -> None:
    assert ctypes.sizeof(ctypes.c_longlong) == 8
    assert ctypes.CDLL is not None
    with pytest.raises(AttributeError):
        ctypes.WinDLL  # noqa: B018
    with pytest.raises(OSError, match=r"ctypes\.CDLL.*cannot load"):
        ctypes.CDLL("libc.so")  # type: ignore[operator]
    with pytest.raises(OSError, match="pythonapi"):
        ctypes.pythonapi.PyBytes_AsString  # type: ignore[attr-defined]  # noqa: B018


def test_the_table_names_stubs_that_exist() -> None:
    every = needs_of(
        [line.strip("[]") for line in TABLE.read_text("utf-8").splitlines() if line.startswith("[")], writable=True
    )
    assert set(every.stubs) <= set(MODULES)
    assert needs_of(["pytest"], writable=True).environment != needs_of(["pytest"], writable=False).environment
    assert needs_of(["nothing"], writable=True).stubs == ()


def test_only_environments_that_need_a_stub_have_it(wenv: Wenv, wheels: Path) -> None:
    Wheel("sympy").write(wheels)  # the name decides
    Wheel("other").write(wheels)
    offer = ("--no-index", "--find-links", str(wheels))
    wenv("create", "-n", "with", "sympy", *offer)
    wenv("create", "-n", "without", "other", *offer)
    code = "try:\n    import ctypes; print('there')\nexcept ImportError: print('not')"
    assert wenv("run", "-n", "with", "-c", code) == "there\n"
    assert wenv("run", "-n", "without", "-c", code) == "not\n"
