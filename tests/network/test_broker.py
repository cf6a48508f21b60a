"""The broker by itself: orders as no guest of ours would send them, and the real sockets behind.

One file of more than 350 lines, as one small guest, at the top, sends the orders of all of it.
"""

import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import servers
from wenv.network.broker import Broker
from wenv.network.checks import Checks
from wenv.network.grants import Grant, Grants, Listening
from wenv.network.handles import CONNECTIONS, OBJECTS
from wenv.network.lane import Lane
from wenv.network.proxies import Proxies
from wenv.network.record import Record


class Guest:
    """What a guest's half does, in a few lines."""

    def __init__(
        self, *net: str, listen: tuple[str, ...] = (), lane: Lane | None = None, most: int | None = None, **more: Any
    ) -> None:
        self.grants = Grants(tuple(map(Grant.parse, net)), tuple(map(Listening.parse, listen)), most)
        self.events: list[dict[str, Any]] = []
        record = Record(self.events.append)
        checks = Checks(self.grants, record, proxies=Proxies(more.pop("proxies", {})), **more)
        self.broker = Broker(self.grants, record=record, lane=lane, checks=checks)
        self.broker.takes_bytes = lane is None

    def raw(self, order: bytes) -> tuple[str, Any, bytes]:
        """A sign, a value, and bytes."""
        answer = self.broker.ask(order)
        text, _, data = answer[1:].partition(b"\n")
        return answer[:1].decode(), json.loads(text), data[1:]

    def __call__(self, operation: str, handle: int = 0, *arguments: Any, payload: bytes | None = None) -> Any:
        """The value, or the bytes.  Raises AssertionError with the words of an error."""
        order = json.dumps([operation, handle, *arguments]).encode() + (b"" if payload is None else b"\n:" + payload)
        sign, value, data = self.raw(order)
        assert sign == "+", value
        return value if value is not None else data

    def refused(self, operation: str, handle: int = 0, *arguments: Any) -> Any:
        """What is said of an order that is not carried out."""
        sign, value, _ = self.raw(json.dumps([operation, handle, *arguments]).encode())
        assert sign == "-", value
        return value

    def connected(self, host: str, port: int) -> int:
        """A connected socket."""
        handle: int = self("socket", 0, "AF_INET", "SOCK_STREAM")
        self("connect", handle, host, port, 5)
        return handle


def wait_until(work: Callable[[], bool]) -> None:
    """Wait until it is so, at most ten seconds."""
    until = time.monotonic() + 10
    while not work():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def talker() -> Iterator[socket.socket]:
    """A listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


ORDERS: list[bytes] = [
    b"", b"[", b"null", b"1", b"{}", b"[]", b'["socket"]', b'["nothing", 0]', b'["__init__", 0]', b'["_connect", 0]',
    b'["ask", 0, "x"]', b'["close", "0"]', b'["close", null]', b'["close", 1e400]', b'["close", true]', b'[["connect"], 0]',
    b'["connect", 16777217]', b'["socket", 0, "AF_UNIX", "SOCK_STREAM"]', b'["socket", 0, "AF_INET", "SOCK_RAW"]',
    b'["socket", 0, {}, []]', b'["recv", 99, 10, [], null]', b'["resolve", 0, null, 80, "", "", false, false]',
    b'["resolve", 0, "x", "80", "", "", false, false]', b'["poll", 0, [[99, "r"]], 0]', b'["poll", 0, 7, 0]',
    b'["context", 0, 16, {"verify_mode": "x"}]', b'["context", 0, 99, {}]',
    b'["context", 0, 16, {"chains": [["x", null, null]]}]', b'["context", 0, 16, {"ciphers": "no such"}]',
    b'["context", 0, 16, {"ecdh_curve": "no such"}]', b'["context", 0, 16, {"alpn": [""]}]', b'["certificate", 1]',
    b'["handshake", 16777217, [1, false, null], 1]', b'["handshake", 0, 7, 1]',
    b'["context", 0, 16, {"authorities": ["-----BEGIN CERTIFICATE-----"]}]', b'["wrap", 16777217, 1, false, null]',
    b'["step", 1, "handshake", 0, 0, false]', b'["object", 0, 5, false, null]',
    b'["call", 0, "open", ["/etc/passwd"], {}]', b"\xff\xfe", b"[" * 100_000, b'["close", ' + b"9" * 5000 + b"]",
    b'["close", 0]\n@99', b'["send", 0, null]\n=***', b'["send", 0, null]\n@-1',
]  # fmt: skip


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order[:40].decode("latin-1"))
def test_an_order_that_makes_no_sense_is_answered_with_an_error(order: bytes) -> None:
    guest = Guest("127.0.0.1:1")
    if order == b'["close", 0]\n@99':
        guest.broker.takes_bytes = False
    sign, value, _ = guest.raw(order)
    assert (sign, isinstance(value, list)) == ("-", True) or order.startswith(b'["close", true]'), value


def test_sockets_are_known_by_the_broker_that_made_them(talker: socket.socket) -> None:
    one, other = Guest(f"127.0.0.1:{port_of(talker)}"), Guest("127.0.0.1:1")
    handle = one.connected("127.0.0.1", port_of(talker))
    assert other.refused("recv", handle, 1, [], 0)[1] == "EBADF"
    for guess in (0, 1, 2, 3, handle - 1, handle + 1, -handle, handle << 8):
        assert one.refused("send", guess, 0)[1] in ("EBADF", None)
    one.broker.close()
    assert one.refused("name", handle, "own")[1] == "EBADF"


def test_a_second_connection_of_a_socket_changes_nothing(talker: socket.socket, canary: servers.Counting) -> None:
    guest = Guest(f"127.0.0.1:{port_of(talker)}", "good.test:1")
    handle = guest.connected("127.0.0.1", port_of(talker))
    assert guest.refused("connect", handle, "127.0.0.1", canary.port, 5)[1] == "EISCONN"
    assert guest("name", handle, "peer") == ["127.0.0.1", port_of(talker)]


@pytest.mark.parametrize("port", [True, "80", 80.5, None, [80], -1, 65536, 1 << 40])
def test_a_port_is_a_number(port: Any, canary: servers.Counting) -> None:
    guest = Guest("127.0.0.1:80", "all")
    handle = guest("socket", 0, "AF_INET", "SOCK_STREAM")
    assert guest.refused("connect", handle, "127.0.0.1", port, 1)


def test_ten_thousand_sockets_are_not_had() -> None:
    guest = Guest("127.0.0.1:1")
    made = [guest.raw(b'["socket", 0, "AF_INET", "SOCK_STREAM"]') for _ in range(10_000)]
    assert [sign for sign, _, _ in made].count("+") == CONNECTIONS
    assert made[-1][1][1] == "EMFILE"
    guest.broker.close()
    assert guest("socket", 0, "AF_INET", "SOCK_STREAM")
    alike = {guest("context", 0, 16, {}) for _ in range(OBJECTS + 10)}
    assert len(alike) == 1  # programs make one for each request
    context = alike.pop()
    connections = [guest.raw(json.dumps(["object", 0, context, False, None]).encode()) for _ in range(OBJECTS + 10)]
    assert [sign for sign, _, _ in connections].count("+") == OBJECTS - 1
    guest("forget", connections[0][1])
    guest("forget", context)
    assert guest("object", 0, context, False, None)
    guest.broker.close()


def test_ten_thousand_connections_to_a_server_are_not_had(talker: socket.socket) -> None:
    port = servers.free_port()
    guest = Guest(listen=(str(port),))
    handle = guest("socket", 0, "AF_INET", "SOCK_STREAM")
    guest("bind", handle, "127.0.0.1", port)
    guest("listen", handle, 1 << 30)
    clients = []
    for _ in range(CONNECTIONS - 1):
        clients.append(socket.create_connection(("127.0.0.1", port), 5))
        guest("accept", handle, 5)
    clients.append(socket.create_connection(("127.0.0.1", port), 5))
    assert guest.refused("accept", handle, 5)[1] == "EMFILE"
    for client in clients:
        client.close()
    guest.broker.close()


def test_a_slow_server_is_waited_for_as_long_as_the_guest_says_and_the_run_lasts(talker: socket.socket) -> None:
    guest = Guest(f"127.0.0.1:{port_of(talker)}")
    handle = guest.connected("127.0.0.1", port_of(talker))
    begun = time.monotonic()
    assert guest.refused("recv", handle, 1, [], 0.2) == ["timeout", None, "timed out"]
    assert guest.refused("recv", handle, 1, [], 0)[1] == "EAGAIN"
    threading.Timer(0.3, lambda: setattr(guest.broker, "stopped", lambda: True)).start()
    assert guest.refused("recv", handle, 1, [], None)[1] == "EINTR"
    assert guest.refused("poll", 0, [[handle, "r"]], None)[1] == "EINTR"
    assert time.monotonic() - begun < 30
    guest.broker.close()


def test_an_endless_body_ends_at_the_limit(talker: socket.socket) -> None:
    guest = Guest(f"127.0.0.1:{port_of(talker)}", most=1_000_000)
    handle = guest.connected("127.0.0.1", port_of(talker))
    peer, _ = talker.accept()

    def pour() -> None:
        try:
            while True:
                peer.sendall(bytes(65536))
        except OSError:
            pass

    thread = threading.Thread(target=pour, daemon=True)
    thread.start()
    taken = 0
    while True:
        sign, value, data = guest.raw(json.dumps(["recv", handle, 1 << 30, [], 5]).encode())
        if sign == "-":
            break
        assert len(data) <= 1 << 18
        taken += len(data)
    assert value[2] == "the sandbox has moved 1000000 bytes, as many as it may; --max-net allows more"
    assert taken <= 1_000_000
    assert guest.refused("send", handle, 0)
    guest.broker.close()
    peer.close()
    thread.join(5)


def test_it_listens_where_it_is_granted_and_nowhere_else() -> None:
    port, other = servers.free_port(), servers.free_port()
    guest = Guest(listen=(str(port),))
    for host, wanted in (("127.0.0.1", other), ("0.0.0.0", other), ("10.0.0.1", port), ("x.test", port), ("\33]0;x\7", port)):
        handle = guest("socket", 0, "AF_INET", "SOCK_STREAM")
        words = guest.refused("bind", handle, host, wanted)[2]
        assert "may not listen" in words
        assert words.isprintable()
        assert "may not listen" in guest.refused("listen", handle, 1)[2]
    everywhere = guest("socket", 0, "AF_INET", "SOCK_STREAM")
    guest("bind", everywhere, "0.0.0.0", port)
    assert guest("name", everywhere, "own") == ["127.0.0.1", port]
    trying = guest("socket", 0, "AF_INET6", "SOCK_STREAM")
    guest("bind", trying, "::1", 0)  # as programs try whether there is IPv6
    assert "may not listen" in guest.refused("listen", trying, 1)[2]
    assert "may not reach" in guest.refused("connect", everywhere, "127.0.0.1", other, 1)[2]
    guest.broker.close()


@pytest.mark.parametrize(
    ("granted", "asked", "bound"),
    [
        ("[::1]:{port}", "::1", "::1"),
        ("[::1]:{port}", "127.0.0.1", None),
        ("127.0.0.2:{port}", "127.0.0.1", None),
        ("127.0.0.2:{port}", "0.0.0.0", "127.0.0.2"),
        ("127.0.0.2:{port}", "::1", None),
        ("0.0.0.0:{port}", "::", None),
        ("0.0.0.0:{port}", "127.0.0.1", "127.0.0.1"),
        ("{port}", "::1", "::1"),
        ("{port}", "::", "::1"),
        ("{port}", "localhost", "127.0.0.1"),
    ],
)
def test_it_listens_on_the_address_that_is_granted(granted: str, asked: str, bound: str | None) -> None:
    port = servers.free_port()
    guest = Guest(listen=(granted.format(port=port),))
    handle = guest("socket", 0, "AF_INET6" if ":" in asked else "AF_INET", "SOCK_STREAM")
    if bound is None:
        assert "may not listen" in guest.refused("bind", handle, asked, port)[2]
    else:
        guest("bind", handle, asked, port)
        assert guest("name", handle, "own")[:2] == [bound, port]
    guest.broker.close()


def test_a_port_that_the_system_picks_is_said() -> None:
    said: list[str] = []
    broker = Broker(Grants((), (Listening.parse("0"),)), say=said.append)
    handle = json.loads(broker.ask(b'["socket", 0, "AF_INET", "SOCK_STREAM"]')[1:])
    assert broker.ask(json.dumps(["bind", handle, "127.0.0.1", 8000]).encode()) == b"+null"
    name = json.loads(broker.ask(json.dumps(["name", handle, "own"]).encode())[1:])
    assert said == [f"listening on 127.0.0.1:{name[1]}"]
    broker.close()


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_files_that_the_guest_puts_in_place_of_the_lane_lead_nowhere(tmp_path: Path, talker: socket.socket) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * 100_000)
    folder = tmp_path / "private"
    folder.mkdir()
    guest = Guest(f"127.0.0.1:{port_of(talker)}", lane=Lane(str(folder)))
    for name in ("network-in", "network-out"):
        (folder / name).unlink()
        (folder / name).symlink_to(secret)
    handle = guest.connected("127.0.0.1", port_of(talker))
    peer, _ = talker.accept()
    sign, value, _ = guest.raw(json.dumps(["send", handle, 5]).encode() + b"\n@50000")
    assert (sign, value[2]) == ("-", "less was left than was said")
    peer.sendall(os.urandom(60_000))
    time.sleep(0.2)
    assert guest.raw(json.dumps(["recv", handle, 60_000, [], 5]).encode())[0] == "+"
    assert secret.read_bytes() == b"s" * 100_000
    peer.close()
    guest.broker.close()


def test_a_lane_is_not_opened_where_something_lies_already(tmp_path: Path) -> None:
    (tmp_path / "network-out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        Lane(str(tmp_path))
    assert not (tmp_path / "elsewhere").exists()


def test_tls_asks_for_the_granted_server_only(site: servers.Site) -> None:
    def resolver(*_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", site.https))]

    guest = Guest(f"good.test:{site.https}", f"127.0.0.1:{site.https}", resolver=resolver)
    authority = site.authority.read_text()
    context = guest(
        "context", 0, int(ssl.PROTOCOL_TLS_CLIENT), {"check_hostname": True, "verify_mode": 2, "authorities": [authority]}
    )
    handle = guest.connected("good.test", site.https)
    assert "may not speak to other.test" in guest.refused("wrap", handle, context, False, "other.test")[2]
    guest("wrap", handle, context, False, "good.test")
    facts = guest("handshake", handle, None, 5)
    assert facts["version"].startswith("TLSv1.")
    guest("write", handle, 5, payload=b"GET /x HTTP/1.0\r\n\r\n")
    assert b"/x" in guest("read", handle, 10_000, 5)
    assert guest.refused("wrap", handle, context, False, "good.test")
    assert [event["verdict"] for event in guest.events] == ["allowed", "refused"]
    guest.broker.close()
    closed = guest.events[-1]
    assert (closed["event"], closed["host"], closed["sent"] > 0, closed["received"] > 0) == ("close", "good.test", True, True)


def test_tls_is_not_begun_before_there_is_a_connection(site: servers.Site) -> None:
    """Nobody would know yet whose name and secrets count."""
    guest = Guest(f"127.0.0.1:{site.https}")
    context = guest("context", 0, int(ssl.PROTOCOL_TLS_CLIENT), {"check_hostname": False, "verify_mode": 0})
    handle = guest("socket", 0, "AF_INET", "SOCK_STREAM")
    assert guest.refused("wrap", handle, context, False, "x.test")[1] == "ENOTCONN"
    assert guest.refused("handshake", handle, [context, True, None], 1)[1] == "ENOTCONN"
    one, _ = guest("pair")
    guest("wrap", one, context, False, "x.test")
    assert guest.refused("connect", one, "127.0.0.1", site.https, 1)[1] == "EISCONN"
    guest.broker.close()


def test_what_is_looked_at_counts_once(talker: socket.socket) -> None:
    guest = Guest(f"127.0.0.1:{port_of(talker)}", most=1000)
    handle = guest.connected("127.0.0.1", port_of(talker))
    peer, _ = talker.accept()
    peer.sendall(bytes(900))
    wait_until(lambda: len(guest("recv", handle, 900, ["MSG_PEEK"], 5)) == 900)
    assert len(guest("recv", handle, 900, [], 5)) == 900
    again = guest.connected("127.0.0.1", port_of(talker))
    other, _ = talker.accept()
    other.sendall(bytes(900))
    wait_until(lambda: "--max-net" in str(guest.raw(json.dumps(["recv", again, 900, ["MSG_PEEK"], 5]).encode())[1]))
    peer.close()
    other.close()
    guest.broker.close()


def test_a_certificate_that_is_not_vouched_for_is_refused(site: servers.Site) -> None:
    guest = Guest(f"127.0.0.1:{site.https}")
    context = guest(
        "context", 0, int(ssl.PROTOCOL_TLS_CLIENT), {"check_hostname": True, "verify_mode": 2, "default_certs": True}
    )
    handle = guest.connected("127.0.0.1", site.https)
    guest("wrap", handle, context, False, "localhost")
    kind, number, words, reason, *_ = guest.refused("handshake", handle, None, 5)
    assert (kind, reason) == ("SSLCertVerificationError", "CERTIFICATE_VERIFY_FAILED"), (number, words)
    guest.broker.close()


def test_a_proxy_that_does_not_answer_is_a_connection_that_failed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"http://127.0.0.1:{gone.getsockname()[1]}"
    guest = Guest("good.test:80", proxies={"https": address})
    handle = guest("socket", 0, "AF_INET", "SOCK_STREAM")
    for _ in range(2):  # it may be tried again
        kind, name, words = guest.refused("connect", handle, "good.test", 80, 5)
        assert (kind, name) == ("OSError", "ECONNREFUSED")
        assert "the host's proxy: " in words
    assert [(event["host"], event["verdict"]) for event in guest.events] == [("good.test", "failed")] * 2
    guest.broker.close()


def test_connections_go_through_the_hosts_proxy_by_name(site: servers.Site) -> None:
    with servers.proxy({"good.test": "127.0.0.1"}) as proxy:
        address = f"http://user:pass%20word@127.0.0.1:{proxy.server_port}"
        guest = Guest(f"good.test:{site.http}", "gone.test:80", "other.test:80", proxies={"https": address, "no": "other.test"})
        handle = guest.connected("good.test", site.http)
        guest("send", handle, 5, payload=b"GET /through HTTP/1.0\r\n\r\n")
        answer = b""
        while data := guest("recv", handle, 10_000, [], 5):
            answer += data
        assert b"/through" in answer
        assert proxy.asked == [(f"good.test:{site.http}", "Basic dXNlcjpwYXNzIHdvcmQ=")]
        refused = guest("socket", 0, "AF_INET", "SOCK_STREAM")
        assert "the host's proxy: HTTP/1.0 403" in guest.refused("connect", refused, "gone.test", 80, 5)[2]
        direct = guest("socket", 0, "AF_INET", "SOCK_STREAM")
        assert guest.refused("connect", direct, "other.test", 80, 5)[0] == "gaierror"
        guest.broker.close()
