"""Starts the servers and makes the certificates of an upstream suite that runs elsewhere: natively, or in a sandbox.

    python host.py        # in the suite's folder; prints the port on loopback on which it is asked, ends with its stdin

Each connection has one order, a line of JSON, and gets one line.  Servers run until the end.
"""

import contextlib
import json
import sys
import tempfile
import threading
import time
from importlib import import_module
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import trustme

AUTHORITIES: list[trustme.CA] = []
#: What ends the servers, which are started one after the other.
STACK, LOCK = contextlib.ExitStack(), threading.Lock()


def authority(certificate: str | None, key: str | None) -> dict[str, Any]:
    """An authority, a new one if no certificate is given: its number, and its certificate."""
    new = trustme.CA() if certificate is None or key is None else trustme.CA.from_pem(certificate.encode(), key.encode())
    AUTHORITIES.append(new)
    return {"number": len(AUTHORITIES) - 1, "pem": AUTHORITIES[-1].cert_pem.bytes().decode()}


def child(number: int) -> dict[str, Any]:
    """An authority below one of them."""
    AUTHORITIES.append(AUTHORITIES[number].create_child_ca())
    return {"number": len(AUTHORITIES) - 1, "pem": AUTHORITIES[-1].cert_pem.bytes().decode()}


def issue(number: int, names: list[str], common_name: str | None) -> dict[str, Any]:
    """A certificate of one of them."""
    leaf = AUTHORITIES[number].issue_cert(*names, common_name=common_name)
    chain = [blob.bytes().decode() for blob in leaf.cert_chain_pems]
    return {"key": leaf.private_key_pem.bytes().decode(), "chain": chain}


def encrypt(key: str, password: str) -> str:
    """A private key behind a password."""
    from cryptography.hazmat.primitives import serialization

    kind = serialization.BestAvailableEncryption(password.encode())
    private = serialization.load_pem_private_key(key.encode(), password=None)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return private.private_bytes(serialization.Encoding.PEM, form, kind).decode()


def httpbin(secure: bool) -> str:
    """The address of what requests asks."""
    from httpbin import app  # type: ignore[import-not-found]
    from pytest_httpbin import serve  # type: ignore[import-not-found]

    kind = serve.SecureServer if secure else serve.Server
    return str(STACK.enter_context(kind(application=app)).url)


def httpbin_authority() -> str:
    """The certificate by which it is trusted."""
    from pytest_httpbin import certs

    return Path(certs.where()).read_text()


def hypercorn(host: str, certificates: dict[str, Any] | None, app: str, trusted: str | None) -> int:
    """The port of a server of urllib3's, or of a proxy of its."""
    from dummyserver.app import hypercorn_app  # type: ignore[import-not-found]
    from dummyserver.asgi_proxy import ProxyApp  # type: ignore[import-not-found]
    from dummyserver.hypercornserver import run_hypercorn_in_thread  # type: ignore[import-not-found]

    files = {"certfile", "keyfile", "ca_certs"}
    given = {name: _file(value) if name in files else value for name, value in (certificates or {}).items()}
    asked = hypercorn_app if app == "app" else ProxyApp(_file(trusted) if trusted else None)
    return int(STACK.enter_context(run_hypercorn_in_thread(host, given or None, asked)))


def uvicorn() -> int:
    """The port of httpx's server."""
    import uvicorn  # type: ignore[import-not-found]

    app = import_module("tests.conftest").app  # the suite's

    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", port=8000, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return int(server.servers[0].sockets[0].getsockname()[1])


def _file(text: str) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
        file.write(text)
    STACK.callback(Path(file.name).unlink)
    return file.name


ORDERS = {each.__name__: each for each in (authority, child, issue, encrypt, httpbin, httpbin_authority, hypercorn, uvicorn)}


class Asked(StreamRequestHandler):
    """One order."""

    def handle(self) -> None:
        name, arguments = json.loads(self.rfile.readline())
        try:
            with LOCK:
                answer = {"value": ORDERS[name](*arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    sys.path.insert(0, "")
    with STACK, ThreadingTCPServer(("127.0.0.1", 0), Asked) as asked:
        threading.Thread(target=asked.serve_forever, daemon=True).start()
        print(asked.server_address[1], flush=True)
        sys.stdin.read()
        asked.shutdown()
