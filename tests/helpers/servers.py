"""Servers on loopback, with certificates of an authority of their own."""

import http.server
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

#: What a server tells that nobody may reach.
CANARY = b"canary\n"


class Pages(http.server.BaseHTTPRequestHandler):
    """Answers with the path; ``/big/SIZE`` with that many bytes, ``/to/ADDRESS`` with a redirect, ``/headers`` with its own."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        _, kind, rest = [*self.path.split("/", 2), ""][:3]
        if kind == "to":
            self.send_response(302)
            self.send_header("Location", rest)
            self._end(b"")
        elif kind == "big":
            self.send_response(200)
            self._end(b"x" * int(rest))
        elif kind == "headers":
            self.send_response(200)
            self._end(str(self.headers).encode())
        else:
            self.send_response(200)
            self._end(self.path.encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self._end(body)

    def _end(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class Quiet(http.server.ThreadingHTTPServer):
    """Says nothing of clients that break off."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """They do as they are meant to."""


@dataclass(frozen=True)
class Site:
    """A web server without and with TLS, and the file of the authority that vouches for it."""

    http: int
    https: int
    authority: Path
    certificates: trustme.CA


class Counting(socketserver.ThreadingTCPServer):
    """Tells everybody who connects the same, and counts them."""

    daemon_threads = True

    def __init__(self) -> None:
        self.contacts = 0

        class Told(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.sendall(CANARY)

        super().__init__(("127.0.0.1", 0), Told)

    def verify_request(self, request: object, client_address: object) -> bool:
        self.contacts += 1
        return True

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[None]:
    """Serve in a thread."""
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def counting() -> Iterator[Counting]:
    """A server that nobody is meant to reach."""
    server = Counting()
    with running(server):
        yield server


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A web server on two ports; its certificate is for localhost, 127.0.0.1 and good.test."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", "::1", "good.test").configure_cert(context)
    plain, secure = (Quiet(("127.0.0.1", 0), Pages) for _ in range(2))
    secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
    with running(plain), running(secure):
        yield Site(plain.server_port, secure.server_port, folder / "authority.pem", authority)


class Proxy(http.server.BaseHTTPRequestHandler):
    """Connects (CONNECT) as it is asked to, and passes on what comes."""

    def do_CONNECT(self) -> None:
        host, _, port = self.path.rpartition(":")
        self.server.asked.append((self.path, self.headers.get("Proxy-Authorization", "")))  # type: ignore[attr-defined]
        place = self.server.places.get(host.strip("[]"))  # type: ignore[attr-defined]
        if place is None:
            self.send_error(403, "Forbidden")
            return
        with socket.create_connection((place, int(port))) as other:
            self.send_response(200)
            self.end_headers()
            thread = threading.Thread(target=_pass, args=(other, self.connection), daemon=True)
            thread.start()
            _pass(self.connection, other)
            thread.join(5)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class ProxyServer(Quiet):
    """Knows the names in `places`, and keeps what it was asked for."""

    def __init__(self, places: dict[str, str]) -> None:
        self.places, self.asked = places, list[tuple[str, str]]()
        super().__init__(("127.0.0.1", 0), Proxy)


@contextmanager
def proxy(places: dict[str, str]) -> Iterator[ProxyServer]:
    """An HTTP proxy that resolves these names, and no others."""
    server = ProxyServer(places)
    with running(server):
        yield server


def _pass(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
