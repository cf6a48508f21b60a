"""Secrets: what a program is given in place of one, who gets it, and what becomes of it on its way back."""

import itertools
import json
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

import wenv as library
from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime
from tests.helpers import servers
from wenv.guest.command_line import CommandLine
from wenv.launcher.program import Program
from wenv.network.grants import Grant, Grants
from wenv.network.secrets import Incoming, Named, Outgoing, Secret, Vault
from wenv.policy.policy import Policy
from wenv.run.run import sandbox
from wenv_resolver.progress import Silent

empty = pytest.fixture(empty_of_each_runtime, params=RUNTIMES)
VALUE = "sk-0123456789abcdefghij"


def secret(value: str = VALUE) -> Secret:
    return Secret.made("KEY", value, [Grant.parse("good.test:443")])


def splits(data: bytes) -> Iterator[list[bytes]]:
    """Every way to cut data in two, and some in three."""
    for cut in range(len(data) + 1):
        yield [data[:cut], data[cut:]]
    for first, second in itertools.combinations(range(0, len(data) + 1, 3), 2):
        yield [data[:first], data[first:second], data[second:]]
    yield [data[index : index + 1] for index in range(len(data))]


def test_a_placeholder_becomes_the_value_however_it_is_written() -> None:
    one = secret()
    text = (
        b"Authorization: Bearer " + one.placeholder + b"\r\nX: ~" + one.placeholder + b"~ " + one.placeholder[:-1] + b"~~\r\n"
    )
    wanted = text.replace(one.placeholder, one.value)
    assert len(wanted) == len(text)
    for parts in splits(text):
        outgoing = Outgoing([one])
        sent = b"".join(map(outgoing.feed, parts)) + outgoing.flush()
        assert sent == wanted, parts
    assert not Outgoing([one]).feed(b"~")
    assert Outgoing([one]).feed(b"no mark") == b"no mark"


def test_a_value_that_comes_back_is_taken_out_however_it_comes() -> None:
    one = secret("aabaabaabaabaabaabaabX-1")
    text = b"key=" + one.value + b"&again=" + one.value + one.value + b" aabaab" + one.value
    for parts in splits(text):
        incoming = Incoming([one])
        came = b"".join(map(incoming.feed, parts)) + incoming.flush()
        assert one.value not in came, parts
        assert len(came) == len(text)
        for number in range(len(one.value) - 4):  # nor most of it
            assert one.value[number : number + 20] not in came or number + 20 > len(one.value), parts


def test_an_answer_is_not_waited_for_because_of_its_last_bytes() -> None:
    one = secret()
    incoming = Incoming([one])
    assert incoming.feed(b"ends with " + one.value[:3]) == b"ends with " + one.value[:3]
    assert incoming.feed(one.value[3:]) == one.placeholder[3:]
    assert incoming.feed(b"more " + one.value[:10]) == b"more "
    assert incoming.flush() == one.placeholder[:10]


@pytest.mark.parametrize(
    "text", ["KEY", "KEY@", "@good.test", "1KEY@good.test", "KEY@all", "KEY@*.test", "KEY@10.0.0.1", "KEY@10.0.0.0/8",
     "KEY=x@good.test"]
)  # fmt: skip
def test_what_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Named.parse(text)


def test_values_come_from_variables_and_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(VALUE + "\n")
    grants = Grants((Grant.parse("good.test"),))
    named = [Named.parse("A@good.test:443"), Named.parse(f"B=file:{tmp_path / 'key'}@good.test")]
    vault = Vault.of(named, grants, {"A": VALUE})
    assert [each.value for each in vault.held] == [VALUE.encode()] * 2
    placeholders = vault.placeholders
    assert {len(text) for text in placeholders.values()} == {len(VALUE)}
    assert placeholders["A"] != placeholders["B"]
    assert VALUE not in repr(vault.held)
    assert vault.for_host("good.test", 443) is not None
    assert vault.for_host("other.test", 443) is None
    assert vault.for_host("www.good.test", 443) is None
    assert vault.for_host(None, 443) is None
    for words, text, environ in (
        ("at least 16", "A@good.test", {"A": "short"}), ("not set", "A@good.test", {}),
        ("may not reach", "A@other.test", {"A": VALUE}),
        ("nowhere", "A=file:nowhere@good.test", {}), ("keyring", "A=keyring:service/user@good.test", {}),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            Vault.of([Named.parse(text)], grants, environ)


class Echo(servers.Pages):
    """Keeps what it was sent, and repeats it: cut in two for ``/cut``."""

    seen: list[bytes] = []  # noqa: RUF012 - of all instances

    def do_POST(self) -> None:  # noqa: N802 - the name that the library calls
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).seen.append(str(self.headers).encode() + body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = len(body) // 2 if self.path == "/cut" else len(body)
        for part in (body[:half], body[half:]):
            self.wfile.write(part)
            self.wfile.flush()


@contextmanager
def echo(authority: trustme.CA, *names: str) -> Iterator[tuple[int, int]]:
    """Ports of a server without and with TLS, whose certificate is for these names."""
    Echo.seen.clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    plain, secure = (servers.Quiet(("127.0.0.1", 0), Echo) for _ in range(2))
    secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
    with servers.running(plain), servers.running(secure):
        yield plain.server_port, secure.server_port


POST = """
import asyncio, http.client, os, ssl, urllib.request
key, PLAIN, SECURE = os.environ["KEY"], *PORTS
assert len(key) == 23
context = ssl.create_default_context()


def post(body, scheme="https", path="/", context=context):
    port = SECURE if scheme == "https" else PLAIN
    request = urllib.request.Request(f"{scheme}://localhost:{port}{path}", data=body, headers={"X-Key": key})
    more = {"context": context} if scheme == "https" else {}
    return urllib.request.urlopen(request, **more).read()


print(post(key.encode()) == key.encode(), post(key.encode(), path="/cut") == key.encode())
kept = http.client.HTTPSConnection("localhost", SECURE, context=context)
kept.putrequest("POST", "/")
kept.putheader("Content-Length", str(len(key)))
kept.endheaders()
for letter in key:
    kept.send(letter.encode())
print(kept.getresponse().read() == key.encode())


async def buffers():
    reader, writer = await asyncio.open_connection("localhost", SECURE, ssl=context)
    writer.write(f"POST / HTTP/1.0\\r\\nContent-Length: {len(key)}\\r\\n\\r\\n{key[:9]}".encode())
    await writer.drain()
    writer.write(key[9:].encode())
    return (await reader.read()).endswith(key.encode())


print(asyncio.run(buffers()))
print(post(key.encode(), "http") == key.encode())
"""


def run(wenv: Wenv, code: str, ports: tuple[int, int], authority: trustme.CA, *more: str, status: int = 0) -> str:
    authority.cert_pem.write_to_path(wenv.folder / "authority.pem")
    wenv.environment["KEY"] = VALUE
    (wenv.folder / "program.py").write_text(code.replace("PORTS", str(ports)))
    net = [word for port in ports for word in ("--net", f"localhost:{port}")]
    done = wenv.result("run", *net, "--ca", "authority.pem", *more, "program.py", status=status)
    assert VALUE not in done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_host_gets_it_and_nobody_else(empty: Wenv, tmp_path: Path) -> None:
    authority = trustme.CA()
    with echo(authority, "localhost") as ports:
        shown = run(empty, POST, ports, authority, "--secret", "KEY@localhost", "--log-network", "log.jsonl")
        assert shown.splitlines() == ["True True", "True", "True", "True"]
        assert [VALUE.encode() in each for each in Echo.seen] == [True, True, True, True, False]
        assert [each.count(VALUE.encode()) for each in Echo.seen[:2]] == [2, 2]
        written = [path for path in tmp_path.rglob("*") if path.is_file() and VALUE.encode() in path.read_bytes()]
        assert written == []
    with echo(authority, "localhost") as ports:  # by asyncio it could go to the other port
        shown = run(empty, POST, ports, authority, "--secret", f"KEY@localhost:{ports[1]}")
        assert "KEY is not sent by asyncio: it is for one port, and others of localhost may be reached" in shown
        assert [VALUE.encode() in each for each in Echo.seen] == [True, True, True, False, False]
    with echo(authority, "localhost") as ports:  # for another port
        run(empty, POST, ports, authority, "--secret", f"KEY@localhost:{ports[0]}")
        assert not any(VALUE.encode() in each for each in Echo.seen[:4])


ORDERS = """
import os, socket, ssl
key, SECURE = os.environ["KEY"], PORTS[1]
context = ssl.create_default_context()


def post(sock):
    sock.sendall(f"POST / HTTP/1.0\\r\\nContent-Length: {len(key)}\\r\\n\\r\\n{key}".encode())
    while sock.recv(1000):
        pass


with context.wrap_socket(socket.socket(), server_hostname="localhost") as sock:  # as the documents of `ssl` have it
    sock.connect(("localhost", SECURE))
    post(sock)
socket.getaddrinfo("localhost", SECURE)
for name in ("api.localhost", "localhost"):  # the last name that was asked for is not the one that is meant
    with context.wrap_socket(socket.create_connection(("127.0.0.1", SECURE)), server_hostname=name) as sock:
        post(sock)
    socket.getaddrinfo("api.localhost", SECURE)
"""


def test_the_name_in_the_handshake_decides(empty: Wenv) -> None:
    """Several names may lead to one address, and TLS may be asked for before there is a connection."""
    authority = trustme.CA()
    with echo(authority, "localhost", "api.localhost") as ports:
        more = ("--net", f"api.localhost:{ports[1]}", "--secret", f"KEY@localhost:{ports[1]}")
        assert run(empty, ORDERS, ports, authority, *more) == ""
        assert [VALUE.encode() in each for each in Echo.seen] == [True, False, True]


UNTRUSTED = """
import os, ssl, urllib.request
key, PLAIN, SECURE = os.environ["KEY"], *PORTS
contexts = [ssl._create_unverified_context(), ssl.create_default_context(cafile="own.pem"), ssl.create_default_context()]
contexts[1].check_hostname = False
for context in contexts:
    try:
        request = urllib.request.Request(f"https://localhost:{SECURE}/", data=key.encode(), headers={"X-Key": key})
        print(urllib.request.urlopen(request, context=context).read())
    except OSError as error:
        print(type(error).__name__, "CERTIFICATE_VERIFY_FAILED" in str(error))
"""


def test_an_authority_of_the_programs_own_does_not_count(empty: Wenv) -> None:
    """Else it would be its own man in the middle."""
    users, own = trustme.CA(), trustme.CA()
    own.cert_pem.write_to_path(empty.folder / "own.pem")
    for authority, names in ((own, ["localhost"]), (users, ["other.test"])):
        with echo(authority, *names) as ports:
            shown = run(empty, UNTRUSTED, ports, users, "--secret", f"KEY@localhost:{ports[1]}")
            assert shown.splitlines() == ["URLError True"] * 3
            assert Echo.seen == []


def test_it_does_not_come_out_by_what_is_printed(empty: Wenv) -> None:
    authority = trustme.CA()
    reverse = "import os, ssl, urllib.request\nPLAIN, SECURE = PORTS\n"
    reverse += "value = urllib.request.urlopen(f'https://localhost:{SECURE}/turned').read().decode()[::-1]\n"
    reverse += "print('learnt', len(value), value, flush=True)\nprint(value[:11], end='', flush=True)\nprint(value[11:])\n"
    reverse += "raise ValueError(value)"

    class Turned(servers.Pages):
        def do_GET(self) -> None:  # noqa: N802 - the same
            self.send_response(200)
            self._end(VALUE[::-1].encode())

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = servers.Quiet(("127.0.0.1", 0), Turned)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with servers.running(server):
        ports = server.server_port, server.server_port
        named = f"KEY@localhost:{server.server_port}"
        shown = run(empty, reverse, ports, authority, "--secret", named, status=1)
        assert "learnt 23 ~" in shown
        told = json.loads(run(empty, reverse, ports, authority, "--secret", named, "--json", status=1).splitlines()[0])
        assert "learnt 23 ~" in told["stdout"]
        for in_process in (True, False):
            with library.open(empty.folder).session(
                net=[f"localhost:{ports[1]}"], secrets={"KEY": (VALUE, f"localhost:{ports[1]}")}, in_process=in_process,
                authority=(empty.folder / "authority.pem").read_text(),
            ) as session:  # fmt: skip
                for _ in range(2):
                    code = reverse.replace("PORTS", str(ports)).rpartition("\n")[0]
                    output = session.run(code + "\nos.environ['KEY']", result=True)
                    assert VALUE not in output.stdout
                    assert output.stdout.startswith(f"learnt 23 {output.value}\n")
                    session.reset()


def test_names_are_kept_and_values_are_not(empty: Wenv) -> None:
    empty.environment["KEY"] = VALUE
    kind = empty.json("info", "--json")["runtime"]["kind"]
    empty("create", "--clear", "--runtime", kind, "--net", "localhost:1", "--secret", "KEY@localhost:1")
    manifest = (empty.folder / ".wenv" / "environment.json").read_text()
    assert "KEY@localhost:1" in manifest
    assert VALUE not in manifest
    assert re.fullmatch(r"~[A-Za-z0-9]{22}\n", empty.python("import os; print(os.environ['KEY'])"))
    assert "secret" in empty("run", "--explain")
    del empty.environment["KEY"]
    assert "KEY is not set here" in empty.result("run", "-c", "1", status=125).stderr
    empty.environment["KEY"] = VALUE
    refused = empty.result("run", "--secret", "OTHER@example.org", "-c", "1", status=None)
    assert refused.returncode
    assert "OTHER is not set here" in refused.stderr


def test_each_run_has_its_own(empty: Wenv, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in one process, for callers that give nothing else of the host's."""
    ready = library.open(empty.folder)._ready
    policy = Policy(net=("localhost:1",), secrets=("KEY@localhost:1",))
    for value in (VALUE, VALUE[::-1]):
        monkeypatch.setenv("KEY", value)
        with sandbox(ready, Program("code", "", CommandLine("code")), policy, Silent()) as prepared:
            assert prepared.broker is not None
            assert [each.value.decode() for each in prepared.broker.vault.held] == [value]
