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


CONTEXTS = """
import http.client, ssl, urllib.request
context = ssl.create_default_context()
assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
try:
    context.verify_mode = ssl.CERT_NONE
except ValueError:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
context.minimum_version = ssl.TLSVersion.TLSv1_2
assert context.minimum_version is ssl.TLSVersion.TLSv1_2 and context.get_ca_certs() == []
for attempt in (
    lambda: context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO()), lambda: context.load_cert_chain("x"),
    lambda: context.load_verify_locations("nowhere.pem"), lambda: http.client.HTTPSConnection("service.example").connect(),
):
    try:
        attempt()
    except OSError as error:
        print(type(error).__name__)
"""


def test_contexts_can_be_made_and_not_used(wenv: Wenv, wheels: Path) -> None:
    Wheel("httpx").write(wheels)
    wenv("create", "httpx", "--no-index", "--find-links", str(wheels))
    assert wenv.python(CONTEXTS).split() == ["SSLError", "SSLError", "FileNotFoundError", "PermissionError"]
