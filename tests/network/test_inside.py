"""The standard library's network inside, on both runtimes: clients, servers, waiting, TLS, and what is said of refusals.

One file of more than 350 lines, as each test is one long program that both runtimes run and a line or two that it prints.
"""

import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

import pytest

import wenv as library
from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime
from tests.helpers import servers

empty = pytest.fixture(empty_of_each_runtime, params=RUNTIMES)

CLIENTS = """
import http.client, socket, ssl, urllib.error, urllib.request
HTTP, HTTPS, FREE = PORTS
context = ssl.create_default_context(cafile="authority.pem")
big = b"\\xff" * 700_000


def shown(work):
    try:
        return work()
    except OSError as error:
        return f"{type(error).__name__}: {error}"


def get(address, **more):
    return urllib.request.urlopen(address, **more).read()


print(get(f"http://127.0.0.1:{HTTP}/one"), get(f"http://localhost:{HTTP}/two"))
print(get(f"https://localhost:{HTTPS}/three", context=context))
print(len(get(f"https://localhost:{HTTPS}/big/3000000", context=context)), len(get(f"http://localhost:{HTTP}/big/3000000")))
print(get(urllib.request.Request(f"https://localhost:{HTTPS}/", data=big), context=context) == big)
print(get(urllib.request.Request(f"http://localhost:{HTTP}/", data=big)) == big)
kept = http.client.HTTPSConnection("localhost", HTTPS, context=context)
for path in ("/a", "/b"):
    kept.request("GET", path)
    print(kept.getresponse().read())
print(kept.sock.version()[:5], kept.sock.cipher() is not None, kept.sock.getpeercert()["subjectAltName"][0][0])
print(shown(lambda: get(f"https://localhost:{HTTPS}/")))
print(shown(lambda: get(f"https://127.0.0.2:{HTTPS}/")))
print(shown(lambda: get(f"http://localhost:{FREE}/")))
print(shown(lambda: get(f"http://localhost:{HTTP}/to/http://169.254.169.254/latest")))
print(shown(lambda: socket.getaddrinfo("other.test", 80)))
print(shown(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
print(shown(lambda: socket.socket(1 << 20)))
lone = socket.create_connection(("localhost", HTTP), timeout=0.2)
print(lone.getpeername()[0], lone.family.name, lone.type.name, lone.gettimeout(), lone.fileno() > 1000)
print(shown(lambda: lone.recv(1)))
lone.setblocking(False)
print(shown(lambda: lone.recv(1)))
lone.settimeout(5)
lone.sendall(b"GET /file HTTP/1.0\\r\\n\\r\\n")
lone.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print(lone.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) > 0, lone.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
print(lone.recv(4, socket.MSG_PEEK), lone.makefile("rb").readline())
lone.shutdown(socket.SHUT_RDWR)
lone.close()
print(shown(lambda: lone.send(b"x")))
one, other = socket.socketpair()
one.sendall(bytes(range(256)))
print(other.recv(1000) == bytes(range(256)))
"""
CLIENTS_SHOW = """\
b'/one' b'/two'
b'/three'
3000000 3000000
True
True
b'/a'
b'/b'
TLSv1 True DNS
URLError: <urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer>
URLError: <urlopen error [Errno 2] the sandbox may not reach 127.0.0.2:HTTPS; --net 127.0.0.2:HTTPS allows it>
URLError: <urlopen error [Errno 14] Connection refused>
URLError: <urlopen error [Errno 2] the sandbox may not reach 169.254.169.254:80; --net 169.254.169.254:80 allows it>
PermissionError: [Errno 2] the sandbox may not reach other.test:80; --net other.test:80 allows it
PermissionError: [Errno 2] the sandbox has no datagram sockets
OSError: [Errno 5] the sandbox has sockets of IPv4 and IPv6 only
127.0.0.1 AF_INET SOCK_STREAM 0.2 True
TimeoutError: timed out
BlockingIOError: [Errno 6] Resource temporarily unavailable
True 0
b'HTTP' b'HTTP/1.1 200 OK\\r\\n'
OSError: [Errno 8] Bad file descriptor
True
"""


def run(wenv: Wenv, code: str, *options: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
    """Run a program that is too long for a command line."""
    (wenv.folder / "program.py").write_text(code)
    return wenv.result("run", *options, "program.py", status=status)


def granted(site: servers.Site, *more: int) -> list[str]:
    return [word for port in (site.http, site.https, *more) for word in ("--net", f"localhost:{port}")]


@pytest.fixture(autouse=True)
def authority(site: servers.Site, own_folders: None, empty: Wenv) -> None:
    (empty.folder / "authority.pem").write_bytes(site.authority.read_bytes())


def test_clients(empty: Wenv, site: servers.Site) -> None:
    free = servers.free_port()
    code = CLIENTS.replace("PORTS", str((site.http, site.https, free)))
    done = run(empty, code, *granted(site, free), "--log-network", "log.jsonl")
    shown = re.sub(r" certificate \(_ssl\.c:\d+\)", "", done.stdout).replace(str(site.https), "HTTPS")
    assert shown == CLIENTS_SHOW
    refusals = [line for line in done.stderr.splitlines() if line.startswith("refused: ")]
    assert refusals == [
        f"refused: the sandbox may not reach 127.0.0.2:{site.https}; --net 127.0.0.2:{site.https} allows it",
        "refused: the sandbox may not reach 169.254.169.254:80; --net 169.254.169.254:80 allows it",
        "refused: the sandbox may not reach other.test:80; --net other.test:80 allows it",
    ]
    events = [json.loads(line) for line in (empty.folder / "log.jsonl").read_text().splitlines()]
    verdicts = {(event["event"], event["host"], event["port"], event["verdict"]) for event in events}
    assert ("connect", "localhost", site.https, "allowed") in verdicts
    assert ("connect", "localhost", free, "failed") in verdicts
    assert ("connect", "169.254.169.254", 80, "refused") in verdicts
    assert any(event["event"] == "close" and event["received"] > 3_000_000 for event in events)


LOOPS = """
import asyncio, ssl
HTTP, HTTPS = PORTS
context = ssl.create_default_context(cafile="authority.pem")


async def get(port, path, **more):
    reader, writer = await asyncio.open_connection("localhost", port, **more)
    writer.write(f"GET {path} HTTP/1.0\\r\\n\\r\\n".encode())
    body = (await reader.read()).partition(b"\\r\\n\\r\\n")[2]
    writer.close()
    await writer.wait_closed()
    return len(body) if len(body) > 100 else body


async def main():
    print(await asyncio.gather(*(get(HTTP, f"/{number}") for number in range(5))))
    print(await asyncio.gather(get(HTTPS, "/tls", ssl=context), get(HTTPS, "/big/2000000", ssl=context)))
    reader, writer = await asyncio.open_connection("127.0.0.1", HTTP)
    try:
        await asyncio.wait_for(reader.read(1), 0.2)
    except TimeoutError as error:
        print(type(error).__name__)
    writer.close()
    try:
        await asyncio.open_connection("localhost", HTTPS, ssl=True)
    except ssl.SSLCertVerificationError as error:
        print(error.verify_message)

    async def echo(reader, writer):
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", LISTEN)
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", LISTEN)
        writer.write(b"to itself\\n")
        print(await reader.read())


asyncio.run(main())
"""


def test_event_loops(empty: Wenv, site: servers.Site) -> None:
    port = servers.free_port()
    code = LOOPS.replace("PORTS", str((site.http, site.https))).replace("LISTEN", str(port))
    done = run(empty, code, *granted(site, port), "--listen", str(port))
    assert done.stdout.splitlines() == [
        "[b'/0', b'/1', b'/2', b'/3', b'/4']",
        "[b'/tls', 2000000]",
        "TimeoutError",
        "unable to get local issuer certificate",
        "b'to itself\\n'",
    ]


def waited_for(port: int) -> None:
    """Wait until somebody listens."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"nobody listens on {port}")


def started(wenv: Wenv, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-P", "-m", "wenv", "run", *words]
    return subprocess.Popen(command, cwd=wenv.folder, env=wenv.environment, stderr=subprocess.PIPE, text=True)


SECURE = """
import http.server, ssl
server = http.server.HTTPServer(("127.0.0.1", PORT), http.server.SimpleHTTPRequestHandler)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain("own.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_servers(empty: Wenv, site: servers.Site) -> None:
    (empty.folder / "page.txt").write_text("a page\n")
    site.certificates.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(empty.folder / "own.pem")
    plain, secure = servers.free_port(), servers.free_port()
    (empty.folder / "secure.py").write_text(SECURE.replace("PORT", str(secure)))
    trusting = ssl.create_default_context(cafile=str(site.authority))
    for port, words, context in ((plain, ("-m", "http.server", str(plain)), None), (secure, ("secure.py",), trusting)):
        running = started(empty, "--listen", str(port), *words)
        try:
            waited_for(port)
            scheme = "http" if context is None else "https"
            for _ in range(2):
                with urllib.request.urlopen(f"{scheme}://localhost:{port}/page.txt", context=context, timeout=30) as answer:
                    assert answer.read() == b"a page\n"
            running.send_signal(signal.SIGINT)
            _, errors = running.communicate(timeout=30)
            assert running.returncode in (-signal.SIGINT, 130), errors
        finally:
            running.kill()
            running.communicate()


def test_a_server_listens_where_it_is_granted(empty: Wenv) -> None:
    port = servers.free_port()
    refused = run(empty, f"import socket; socket.create_server(('127.0.0.1', {port}))", "--net", "localhost:1", status=1)
    assert f"the sandbox may not listen on 127.0.0.1:{port}; --listen {port} allows it" in refused.stderr
    code = "import socket; s = socket.create_server(('', 8000)); print(s.getsockname())"
    done = run(empty, code, "--listen", "0")
    own = int(re.findall(r"listening on 127\.0\.0\.1:(\d+)", done.stderr)[0])
    assert done.stdout == f"('127.0.0.1', {own})\n"
    everywhere = run(empty, "", "--listen", f"0.0.0.0:{port}")
    assert f"warning: whoever reaches this machine can connect to 0.0.0.0:{port}" in everywhere.stderr


def test_limits_hold_while_it_waits(empty: Wenv, site: servers.Site) -> None:
    waiting = f"import socket; socket.create_connection(('localhost', {site.http})).recv(1)"
    begun = time.monotonic()
    done = run(empty, waiting, *granted(site), "--timeout", "2", status=124)
    assert "stopped after 2 s" in done.stderr
    assert time.monotonic() - begun < 60
    large = f"import urllib.request; urllib.request.urlopen('http://localhost:{site.http}/big/2000000').read()"
    done = run(empty, large, *granted(site), "--max-net", "1M", status=1)
    assert "the sandbox has moved 1048576 bytes, as many as it may; --max-net allows more" in done.stderr


def test_nothing_is_reached_without_a_grant_and_what_was_tried_is_written(empty: Wenv, site: servers.Site) -> None:
    code = f"import urllib.request; urllib.request.urlopen('http://localhost:{site.http}/')"
    done = run(empty, code, "--log-network", "log.jsonl", status=1)
    assert f"the sandbox may not reach localhost:{site.http}; --net localhost:{site.http} allows it" in done.stderr
    events = [json.loads(line) for line in (empty.folder / "log.jsonl").read_text().splitlines()]
    assert [(event["event"], event["host"], event["verdict"]) for event in events] == [("connect", "localhost", "refused")]
    assert "no network; --net HOST:PORT allows some" in run(empty, code, status=1).stderr


def test_sessions_are_granted_the_same(empty: Wenv, site: servers.Site) -> None:
    opened = library.open(empty.folder)
    code = f"import urllib.request; urllib.request.urlopen('http://localhost:{site.http}/x').read().decode()"
    for in_process in (True, False):
        tried: list[dict[str, object]] = []
        with opened.session(net=[f"localhost:{site.http}"], log_network=tried.append, in_process=in_process) as session:
            for _ in range(2):
                assert session.run(code, result=True).value == "/x"
                session.reset()
        assert {(event["host"], event["verdict"]) for event in tried} == {("localhost", "allowed")}
        with opened.session(in_process=in_process) as session, pytest.raises(library.api.CodeError, match="no network"):
            session.run(code)
    with pytest.raises(TypeError):
        opened.session(net="localhost:1")
    with pytest.raises(Exception, match="not a name"):
        opened.session(net=["127.1"])


def test_a_session_that_waits_is_stopped(empty: Wenv, site: servers.Site) -> None:
    opened = library.open(empty.folder)
    waiting = f"import socket; socket.create_connection(('localhost', {site.http})).recv(1)"
    with opened.session(net=[f"localhost:{site.http}"], timeout=1.0) as session:
        with pytest.raises(Exception, match="stopped after 1 s"):
            session.run(waiting)
        session.reset()
        assert session.run("1 + 1", result=True).value == 2


def test_contexts_are_made_without_a_network(empty: Wenv) -> None:
    code = """
import ssl, urllib.request
context = ssl.create_default_context()
assert (context.check_hostname, context.verify_mode, context.minimum_version.name) == (True, ssl.CERT_REQUIRED, "TLSv1_2")
assert context.options & ssl.OP_NO_SSLv3 and ssl.HAS_TLSv1_3 and ssl.OPENSSL_VERSION_INFO >= (3, 0)
context.load_verify_locations("authority.pem")
assert context.cert_store_stats()["x509_ca"] == 1 and len(context.get_ca_certs(binary_form=True)) == 1
for attempt in (
    lambda: context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="x"),
    lambda: context.load_verify_locations("nowhere.pem"),
    lambda: setattr(context, "keylog_filename", "keys"), lambda: context.set_servername_callback(print),
    lambda: urllib.request.urlopen("https://localhost/"),
):
    try:
        attempt()
    except (OSError, NotImplementedError) as error:
        print(type(error).__name__)
"""
    shown = run(empty, code).stdout.split()
    assert shown == ["PermissionError", "FileNotFoundError", "NotImplementedError", "NotImplementedError", "URLError"]


DETAILS = """
import importlib, os, socket, ssl, sys, time
PORT = PORTS[1]


def shown(work):
    try:
        return work()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


one, other = socket.socketpair()
begun = time.monotonic()
print(shown(lambda: one.recv(1, socket.MSG_DONTWAIT)), time.monotonic() - begun < 5)
other.sendall(b"abc", socket.MSG_NOSIGNAL)
print(one.recv(2, socket.MSG_PEEK), one.recv(3, socket.MSG_WAITALL))
print(shown(lambda: one.recv(1, 1 << 20)))
print(shown(lambda: one.send(b"x", 1 << 20)))
print(socket.inet_pton(socket.AF_INET6, "::1"), socket.inet_ntop(socket.AF_INET6, bytes(15) + b"\\x01"))
print(shown(lambda: socket.getaddrinfo("localhost", PORT, proto=socket.IPPROTO_UDP)))
try:
    socket.getaddrinfo("localhost", 70000)
except socket.gaierror as error:
    print("gaierror", error.strerror)
with socket.create_connection(("localhost", PORT)) as sock:
    print(sock.getpeername()[1] == PORT)
    sock.shutdown(socket.SHUT_RDWR)
context = ssl.create_default_context()
os.mkdir("/tmp/certificates")
os.mkdir("/tmp/certificates/more")
context.load_verify_locations(capath="/tmp/certificates")
print(shown(lambda: context.set_ciphers("no such")), shown(lambda: context.set_ecdh_curve("no such")))
context.set_ciphers("DEFAULT")
kept = [sys.modules.pop(name) for name in ("_ssl", "_socket")]
print([__import__(name) for name in ("_ssl", "_socket")] == kept, importlib.reload(ssl) is ssl)
"""


def test_details_are_as_natively(empty: Wenv, site: servers.Site) -> None:
    (empty.folder / "details.py").write_text(DETAILS.replace("PORTS", str((site.http, site.https))))
    lines = empty("run", "--net", f"localhost:{site.https}", "details.py").splitlines()
    assert lines == [
        "BlockingIOError: [Errno 6] Resource temporarily unavailable True",
        "b'ab' b'abc'",
        "OSError: [Errno 58] sockets here know no flags but MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL",
        "OSError: [Errno 58] sockets here know no flags but MSG_DONTWAIT, MSG_NOSIGNAL",
        f"{bytes(15) + bytes([1])!r} ::1",
        "PermissionError: [Errno 2] the sandbox has no datagram sockets",
        "gaierror Servname not supported for ai_socktype",
        "True",
        "SSLError: ('No cipher can be selected.',) ValueError: unknown elliptic curve name 'no such'",
        "True True",
    ]
