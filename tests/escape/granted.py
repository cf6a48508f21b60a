"""Attempts to reach more than was granted, as a program: it prints a line of JSON for each.

Granted are the ports GOOD (a web server) and SECURE (the same with TLS) of localhost.  On CANARY, BOUND and elsewhere nothing
may be reached: what is told there begins with ``canary``.
"""

# mypy: ignore-errors

import asyncio
import http.client
import json
import os
import select
import socket
import ssl
import sys
import urllib.request

GOOD, SECURE, CANARY, BOUND, HERE, AUTHORITY, HOSTNAME = GIVEN  # noqa: F821 - put before this text
attempts = {}


def attempt(name):
    """Add an attempt: it succeeds if it gives what a canary tells, or True."""

    def add(function):
        assert name not in attempts, name
        attempts[name] = function
        return function

    return add


def talk(host, port=CANARY, family=socket.AF_INET):
    """What is told at an address."""
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(2)
        sock.connect((host, port))
        return sock.recv(100)


SPELLINGS = """
127.0.0.1 localhost LOCALHOST localhost. localhost.localdomain ip6-localhost x.localhost 127.1 127.0.1 127.0.0.1. 127.0.0.2
127.000.000.001 0177.0.0.1 0177.0.0.01 0x7f.0.0.1 0x7f000001 0x7f.1 2130706433 017700000001 0 0.0.0.0 00.00.00.00 127.0.0.1%lo
①②⑦.0.0.1 ⓛocalhost 127。0。0。1 localhost%00.example
""".split()
SIX = """
::1 :: ::ffff:127.0.0.1 ::ffff:7f00:1 ::127.0.0.1 ::7f00:1 0:0:0:0:0:0:0:1 64:ff9b::7f00:1 64:ff9b::127.0.0.1 2002:7f00:1::
fe80::1%lo ::1%lo ::ffff:0:127.0.0.1 localhost
""".split()
for spelling in [*SPELLINGS, HOSTNAME]:
    attempt(f"connect to {spelling}")(lambda host=spelling: talk(host))
for spelling in SIX:
    attempt(f"connect by IPv6 to {spelling}")(lambda host=spelling: talk(host, family=socket.AF_INET6))


@attempt("look an address up, and connect to it")
def _():
    found = socket.getaddrinfo("localhost", GOOD)
    return talk(found[0][4][0])


@attempt("look it up without a port")
def _():
    return talk(socket.gethostbyname("localhost"))


@attempt("a port that wraps around")
def _():
    return _order("connect", _socket(), "127.0.0.1", 65536 + CANARY, 2)


@attempt("connect without waiting")
def _():
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(("127.0.0.1", CANARY))
    select.select([], [sock], [], 1)
    sock.settimeout(2)
    return sock.recv(100)


@attempt("connect a second time")
def _():
    sock = socket.create_connection(("localhost", GOOD), 2)
    sock.connect(("127.0.0.1", CANARY))
    sock.sendall(b"x\r\n\r\n")
    return sock.recv(100)


@attempt("connect again after a refusal")
def _():
    sock = socket.socket()
    sock.settimeout(2)
    sock.connect_ex(("127.0.0.1", CANARY))
    sock.connect_ex(("127.0.0.1", CANARY))
    return sock.recv(100)


@attempt("asyncio")
def _():
    async def main():
        reader, _ = await asyncio.open_connection("127.0.0.1", CANARY)
        return await reader.read(100)

    return asyncio.run(main())


@attempt("asyncio, a given socket")
def _():
    async def main():
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", CANARY))
        return await asyncio.get_running_loop().sock_recv(sock, 100)

    return asyncio.run(main())


@attempt("a redirect")
def _():
    return urllib.request.urlopen(f"http://localhost:{GOOD}/to/http://127.0.0.1:{CANARY}/", timeout=3).read()


@attempt("a redirect to what clouds tell their machines")
def _():
    return bool(
        urllib.request.urlopen(f"http://localhost:{GOOD}/to/http://169.254.169.254/latest/meta-data/", timeout=3).read()
    )


@attempt("a proxy")
def _():
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{CANARY}"}))
    return opener.open("http://example.org/", timeout=3).read()


@attempt("a proxy by the environment")
def _():
    os.environ["HTTP_PROXY"] = os.environ["http_proxy"] = f"http://127.0.0.1:{CANARY}"
    try:
        return urllib.request.urlopen("http://example.org/", timeout=3).read()
    finally:
        del os.environ["HTTP_PROXY"], os.environ["http_proxy"]


@attempt("a tunnel through the granted server")
def _():
    connection = http.client.HTTPConnection("localhost", GOOD, timeout=3)
    connection.set_tunnel("127.0.0.1", CANARY)
    connection.request("GET", "/")
    return connection.getresponse().read()


@attempt("TLS for another server by way of the granted one")
def _():
    context = ssl.create_default_context(cadata=AUTHORITY)
    context.check_hostname = False
    with socket.create_connection(("localhost", SECURE), 3) as sock, context.wrap_socket(sock, server_hostname="other.test"):
        return True


@attempt("files of the host's as authorities")
def _():
    context = ssl.create_default_context()
    return context.load_verify_locations("/etc/passwd") is None


@attempt("a key of the host's")
def _():
    return ssl.create_default_context().load_cert_chain("/etc/ssl/private/ssl-cert-snakeoil.key") is None


for kind in ("SOCK_DGRAM", "SOCK_RAW", "SOCK_SEQPACKET"):

    @attempt(f"a socket of kind {kind}")
    def _(kind=kind):
        sock = socket.socket(socket.AF_INET, getattr(socket, kind, 5))
        sock.sendto(b"x", ("127.0.0.1", CANARY))
        return True


@attempt("a socket of the host's own kind")
def _():
    sock = socket.socket(1, socket.SOCK_STREAM)
    sock.connect("/var/run/docker.sock")
    return True


@attempt("listen")
def _():
    return bool(socket.create_server(("127.0.0.1", BOUND)))


@attempt("listen everywhere")
def _():
    return bool(socket.create_server(("", BOUND)))


@attempt("listen on any port")
def _():
    return bool(socket.create_server(("127.0.0.1", 0)))


@attempt("listen after a bind that is allowed")
def _():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return True


@attempt("listen without a bind")
def _():
    sock = socket.socket()
    sock.listen()
    return bool(sock.getsockname()[1])


# -- orders that no library sends


def _door():
    name = next(name for name in sys.modules if name.endswith(".network.door") and "wenv" in name)
    return sys.modules[name]


def _order(*words, payload=None):
    return _door().ask(*words, payload=payload)[0]


def _socket():
    return _order("socket", 0, "AF_INET", "SOCK_STREAM")


for number, port in enumerate((str(CANARY), float(CANARY), [CANARY], {"port": CANARY}, -CANARY, CANARY << 16)):

    @attempt(f"an order with a port of another type, {number}")
    def _(port=port):
        handle = _socket()
        _order("connect", handle, "127.0.0.1", port, 2)
        return _door().ask("recv", handle, 100, [], 2)[1]


for number, host in enumerate((["127.0.0.1"], {"": 1}, 2130706433, None, "127.0.0.1\0.granted.test", "localhost\n")):

    @attempt(f"an order with a host of another type, {number}")
    def _(host=host):
        handle = _socket()
        _order("connect", handle, host, CANARY, 2)
        return _door().ask("recv", handle, 100, [], 2)[1]


@attempt("guessed handles")
def _():
    for handle in [*range(40), *((1 << 24) + number for number in range(1000, 1100))]:
        try:
            _order("send", handle, 0, payload=b"x")
            return True
        except Exception:
            continue
    return False


@attempt("the broker's own methods")
def _():
    for name in (
        "__init__",
        "__class__",
        "_connect",
        "_entries",
        "ask",
        "close",
        "_keep",
        "_ready",
        "do_connect",
        "eval",
        "call",
    ):
        try:
            if name != "close" and _order(name, 0) is not None:
                return True
        except Exception:
            continue
    return False


@attempt("TLS on a socket that was not connected")
def _():
    return _order("wrap", _socket(), _order("context", 0, 16, {"check_hostname": False, "verify_mode": 0}), False, None) is True


@attempt("a certificate's file by an order")
def _():
    settings = {"chains": [["/etc/ssl/certs/ca-certificates.crt", "/etc/shadow", None]]}
    return bool(_order("context", 0, 16, settings))


@attempt("links in place of the files for bytes")
def _():
    folder = _door()._folder
    for name in ("network-in", "network-out"):
        path = f"{folder}/{name}"
        if os.path.exists(path):
            os.unlink(path)
            os.symlink(f"{HERE}/secret", path)
    _door()._files = None
    handle = _socket()
    _order("connect", handle, "localhost", GOOD, 2)
    try:
        _order("send", handle, 2, payload=b"\xff" * 100_000)
    except OSError:
        pass
    with open(f"{HERE}/secret", "rb") as file:
        return file.read(1) == b"\xff"


@attempt("an order of ten megabytes")
def _():
    return bool(_order("resolve", 0, "x" * 10_000_000, CANARY, "", "", False, False))


@attempt("an order that is nested deeply")
def _():
    deep = []
    for _ in range(500):
        deep = [deep]
    return bool(_order("poll", 0, deep, 0))


def main():
    for name, function in attempts.items():
        try:
            result = function()
            told = result.startswith(b"canary") if isinstance(result, bytes) else result is True
            outcome = "succeeded" if told else "harmless"
            detail = repr(result)[:100]
        except BaseException as error:
            outcome, detail = "refused", f"{type(error).__name__}: {error}"[:200]
        print(json.dumps({"name": name, "outcome": outcome, "detail": detail}), flush=True)


main()
