"""A plugin of pytest's: what a suite would start in a thread, or make with `cryptography`, is done by `host.py`.

The suites stay as they are: the modules that they import for this are replaced, natively as in the sandbox.  The environment
variable HOST_PORT says where `host.py` is.
"""

import contextlib
import json
import os
import socket
import ssl
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

#: As they are before a test replaces them.
CONNECT = socket.create_connection
PORT = int(os.environ["HOST_PORT"])


def ask(order: str, *arguments: object) -> Any:
    """What the host answers.  Raises RuntimeError for what it says."""
    with CONNECT(("127.0.0.1", PORT)) as sock, sock.makefile("rw") as file:
        file.write(json.dumps([order, arguments]) + "\n")
        file.flush()
        answer = json.loads(file.readline())
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer["value"]


class Blob:
    """Bytes of a certificate or a key, as `trustme` has them."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def bytes(self) -> bytes:
        return self._data

    def write_to_path(self, path: str, append: bool = False) -> None:
        with Path(path).open("ab" if append else "wb") as file:
            file.write(self._data)

    @contextlib.contextmanager
    def tempfile(self) -> Iterator[str]:
        with tempfile.TemporaryDirectory() as folder:
            self.write_to_path(f"{folder}/it.pem")
            yield f"{folder}/it.pem"


class LeafCert:
    """A certificate of a host-side authority, with its key."""

    def __init__(self, key: str, chain: list[str]) -> None:
        self.private_key_pem, self.cert_chain_pems = Blob(key.encode()), [Blob(each.encode()) for each in chain]
        self.private_key_and_cert_chain_pem = Blob("".join([key, *chain]).encode())

    def configure_cert(self, context: ssl.SSLContext) -> None:
        with self.private_key_and_cert_chain_pem.tempfile() as path:
            context.load_cert_chain(path)


class CA:
    """An authority of the host's."""

    def __init__(self, certificate: str | None = None, key: str | None = None) -> None:
        made = ask("authority", certificate, key)
        self._number, self.cert_pem = made["number"], Blob(made["pem"].encode())

    @classmethod
    def from_pem(cls, cert_bytes: bytes, private_key_bytes: bytes) -> "CA":
        return cls(cert_bytes.decode(), private_key_bytes.decode())

    def issue_cert(self, *names: str, common_name: str | None = None, **_: object) -> LeafCert:
        return LeafCert(**ask("issue", self._number, names, common_name))

    issue_server_cert = issue_cert

    def create_child_ca(self) -> "CA":
        child = CA.__new__(CA)
        made = ask("child", self._number)
        child._number, child.cert_pem = made["number"], Blob(made["pem"].encode())
        return child

    def configure_trust(self, context: ssl.SSLContext) -> None:
        context.load_verify_locations(cadata=self.cert_pem.bytes().decode())


class Key:
    """A private key that was read, to be written behind a password."""

    def __init__(self, data: bytes, password: None = None, backend: object = None) -> None:
        self._text = data.decode()

    def private_bytes(self, encoding: object, form: object, password: bytes) -> bytes:
        return bytes(ask("encrypt", self._text, password.decode()).encode())


@contextlib.contextmanager
def run_hypercorn_in_thread(host: str, certs: dict[str, Any] | None, app: tuple[str, Any]) -> Iterator[int]:
    """urllib3's function of the name."""
    files = {"certfile", "keyfile", "ca_certs"}
    given = {name: Path(value).read_text() if name in files else int(value) if name == "cert_reqs" else value
             for name, value in (certs or {}).items()}  # fmt: skip
    yield ask("hypercorn", host, given, app[0], app[1] and Path(app[1]).read_text())


def serve_in_thread(server: Any) -> Iterator[Any]:
    """httpx's."""
    server.config.port, server.started = ask("uvicorn"), True
    yield server


def proxy_app(trusted: str | None = None) -> tuple[str, Any]:
    """What urllib3 makes a proxy of."""
    return "proxy", trusted


def replaced(name: str, **what: object) -> None:
    """Have a module be imported that has nothing else."""
    module = sys.modules[name] = ModuleType(name)
    vars(module).update(what, __path__=[])


replaced("trustme", CA=CA, Blob=Blob, LeafCert=LeafCert)
replaced("cryptography", __version__="0")
replaced("cryptography.hazmat")
replaced("cryptography.hazmat.backends", default_backend=lambda: None)
forms: dict[str, Any] = {
    "load_pem_private_key": Key, "BestAvailableEncryption": lambda password: password,
    "Encoding": type("Encoding", (), {"PEM": None}),
    "PrivateFormat": type("PrivateFormat", (), {"TraditionalOpenSSL": None}),
}  # fmt: skip
replaced("cryptography.hazmat.primitives.serialization", **forms)
replaced("cryptography.hazmat.primitives", serialization=sys.modules["cryptography.hazmat.primitives.serialization"])
try:
    import trio  # type: ignore[import-not-found]  # noqa: F401
except ImportError:  # it has no selector in a sandbox; one suite's conftest imports it
    replaced("trio")
if Path("dummyserver").is_dir():
    import dummyserver  # type: ignore[import-not-found]  # noqa: F401

    replaced("dummyserver.app", hypercorn_app=("app", None), pyodide_testing_app=None)
    replaced("dummyserver.asgi_proxy", ProxyApp=proxy_app)
    replaced("dummyserver.hypercornserver", run_hypercorn_in_thread=run_hypercorn_in_thread)


class Site:
    """What `pytest_httpbin` gives."""

    def __init__(self, url: str) -> None:
        self.url = url


@pytest.fixture(scope="session")
def httpbin() -> Site:
    return Site(ask("httpbin", False))


@pytest.fixture(scope="session")
def httpbin_secure() -> Site:
    return Site(ask("httpbin", True))


@pytest.fixture(scope="session", params=["http", "https"])
def httpbin_both(request: Any, httpbin: Site, httpbin_secure: Site) -> Site:
    return httpbin if request.param == "http" else httpbin_secure


@pytest.fixture
def httpbin_ca_bundle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "authority.pem").write_text(ask("httpbin_authority"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))


def pytest_collection_finish() -> None:
    """Replace what is in a suite's own conftest."""
    suite = sys.modules.get("tests.conftest")
    if hasattr(suite, "serve_in_thread"):
        setattr(suite, "serve_in_thread", serve_in_thread)  # noqa: B010 - of a module that is not known here
