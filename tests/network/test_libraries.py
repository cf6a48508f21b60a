"""Libraries that nobody here wrote, each with a request that is allowed and one that is refused, over TLS and not."""

import json
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.conftest import RUNTIMES, Wenv
from tests.helpers import servers

PROGRAM = Path(__file__).with_name("libraries.py")
#: Ports: of one without TLS and of one with it, each granted and not; None for a kind that a library has not.
Ports = tuple[tuple[int, int] | None, tuple[int, int] | None]


def check(wenv: Wenv, site: servers.Site, ports: Mapping[str, Ports], *options: str) -> None:
    """Run the program with all of these, and compare what it says."""
    (wenv.folder / "authority.pem").write_bytes(site.authority.read_bytes())
    given = {"authority": "authority.pem", **ports}
    granted = {pair[0] for pairs in ports.values() for pair in pairs if pair is not None}
    net = [word for port in sorted(granted) for word in ("--net", f"localhost:{port}")]
    shutil.copy(PROGRAM, wenv.folder / "program.py")
    done = wenv.result("run", *net, *options, "program.py", json.dumps(given), *ports, timeout=600)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for name, pairs in ports.items():
        for secure, pair in enumerate(pairs):
            if pair is not None:
                allowed, refused = (next(row[3] for row in rows if row[:3] == [name, bool(secure), port]) for port in pair)
                assert allowed == "/path", (name, secure, allowed)
                assert f"the sandbox may not reach localhost:{pair[1]}" in refused, (name, secure, refused)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_clients_of_the_web(wenv: Wenv, site: servers.Site, canary: servers.Counting, runtime: str) -> None:
    wenv("create", "--runtime", runtime, "requests", "urllib3", "httpx", "aiohttp", timeout=900)
    names = ("urllib", "http_client", "requests", "urllib3", "httpx", "httpx_async", "aiohttp", "streams")
    check(wenv, site, dict.fromkeys(names, ((site.http, canary.port), (site.https, canary.port))))


@pytest.mark.parametrize("more", [(), pytest.param(("nltk",), marks=pytest.mark.long)], ids=["", "nltk"])
def test_what_needs_tls_is_imported_without_a_grant(wenv: Wenv, more: tuple[str, ...]) -> None:
    wenv("create", "boto3", "pyjwt", "aiohttp", "httpx", *more, timeout=900)
    names = ", ".join(("boto3", "jwt", "aiohttp", "httpx", "ssl", *more))
    assert wenv.python(f"import {names}; print('fine')") == "fine\n"


#: Servers of Python's that run on the host, in an environment of their own.
OTHERS = ("moto[server]>=5,<6", "aiosmtpd>=1.4,<2", "pyftpdlib>=2,<3", "websockets>=15")
ECHO = """
import asyncio, ssl, sys, websockets
async def echo(talker):
    async for message in talker:
        await talker.send(message)
async def main():
    context = None
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2])
    async with websockets.serve(echo, "127.0.0.1", int(sys.argv[1]), ssl=context):
        await asyncio.Future()
asyncio.run(main())
"""
FILES = """
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
authorizer = DummyAuthorizer()
authorizer.add_anonymous(sys.argv[2])
FTPHandler.authorizer, FTPHandler.passive_ports = authorizer, [int(sys.argv[3])]
FTPServer(("127.0.0.1", int(sys.argv[1])), FTPHandler).serve_forever()
"""


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of the environment for these servers."""
    folder = tmp_path_factory.mktemp("others")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", *OTHERS], check=True)
    return python


@contextmanager
def started(port: int, *command: str | Path, **more: object) -> Iterator[None]:
    """A server, until it listens."""
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)  # type: ignore[call-overload]
    try:
        until = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), 1):
                    break
            except OSError:
                assert time.monotonic() < until, command
                assert running.poll() is None, command
                time.sleep(0.1)
        yield
    finally:
        running.terminate()
        running.wait(20)


@pytest.mark.long
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_clients_of_other_servers(
    wenv: Wenv, site: servers.Site, canary: servers.Counting, others: Path, tmp_path: Path, runtime: str
) -> None:
    wenv("create", "--runtime", runtime, "websockets", "boto3", timeout=900)
    (tmp_path / "file").write_text("/path")
    own = tmp_path / "own.pem"
    site.certificates.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(own)
    talk, secure, store, mail, files, passive = (servers.free_port() for _ in range(6))
    scripts = others.parent
    with ExitStack() as stack:
        for port, *command in (
            (talk, others, "-c", ECHO, str(talk)),
            (secure, others, "-c", ECHO, str(secure), own),
            (store, scripts / "moto_server", "-p", str(store)),
            (mail, others, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{mail}"),
            (files, others, "-c", FILES, str(files), tmp_path, str(passive)),
        ):
            stack.enter_context(started(port, *map(str, command)))
        ports: dict[str, Ports] = {
            "websockets": ((talk, canary.port), (secure, canary.port)),
            "boto3": ((store, canary.port), None),
            "smtplib": ((mail, canary.port), None),
            "ftplib": ((files, canary.port), None),
        }
        check(wenv, site, ports, "--net", f"localhost:{passive}")


def postgres(name: str) -> Path | None:
    """A program of PostgreSQL's, wherever Debian has put it."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return found[-1] if found else None


@contextmanager
def databases(folder: Path, sql: int, maria: int, redis: int) -> Iterator[None]:
    """PostgreSQL, MariaDB and redis, which refuse to run as the superuser."""
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    as_user: dict[str, object] = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid}
    for name in ("postgres", "maria"):
        (folder / name).mkdir()
        if user is not None:
            os.chown(folder / name, user.pw_uid, user.pw_gid)
    for above in (folder, *folder.parents):
        if str(above).startswith("/tmp/"):
            above.chmod(above.stat().st_mode | 0o055)
    quiet: dict[str, object] = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "check": True,
        "cwd": "/",
        **as_user,
    }
    initdb, server = postgres("initdb"), postgres("postgres")
    assert initdb is not None
    assert server is not None
    subprocess.run([initdb, "-D", folder / "postgres", "-U", "someone", "-A", "trust"], **quiet)  # type: ignore[call-overload]
    options = [f"--datadir={folder / 'maria'}", "--no-defaults"]
    subprocess.run(["mariadb-install-db", "--no-defaults", options[0], "--auth-root-authentication-method=normal"], **quiet)  # type: ignore[call-overload]
    first = folder / "maria" / "first.sql"
    first.write_text("CREATE USER someone@'%' IDENTIFIED BY '';\nCREATE USER someone@localhost IDENTIFIED BY '';\n")
    commands: list[tuple[int, list[object]]] = [
        (sql, [server, "-D", folder / "postgres", "-p", sql, "-h", "127.0.0.1", "-k", folder / "postgres"]),
        (maria, ["mariadbd", "--no-defaults", options[0], f"--port={maria}", "--bind-address=127.0.0.1",
                 f"--socket={folder / 'maria' / 'socket'}", f"--init-file={first}"]),
        (redis, ["redis-server", "--port", redis, "--save", "", "--bind", "127.0.0.1"]),
    ]  # fmt: skip
    with ExitStack() as stack:
        for port, command in commands:
            stack.enter_context(started(port, *map(str, command), cwd="/", **as_user))
        yield


DATABASES = pytest.mark.skipif(
    postgres("postgres") is None or not shutil.which("mariadbd") or not shutil.which("redis-server"),
    reason="wants Debian's packages postgresql, mariadb-server and redis-server",
)


@pytest.mark.long
@DATABASES
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_clients_of_databases(wenv: Wenv, site: servers.Site, canary: servers.Counting, tmp_path: Path, runtime: str) -> None:
    wenv("create", "--runtime", runtime, "pg8000", "sqlalchemy", "pymysql", "redis", timeout=900)
    sql, maria, redis = (servers.free_port() for _ in range(3))
    with databases(tmp_path, sql, maria, redis):
        ports: dict[str, Ports] = {
            "pg8000": ((sql, canary.port), None),
            "sqlalchemy": ((sql, canary.port), None),
            "pymysql": ((maria, canary.port), None),
            "redis": ((redis, canary.port), None),
            "redis_async": ((redis, canary.port), None),
        }
        check(wenv, site, ports)


@pytest.mark.long
@DATABASES
def test_asyncpg_which_is_built(wenv: Wenv, site: servers.Site, canary: servers.Counting, tmp_path: Path) -> None:
    wenv("create", "asyncpg", timeout=900)
    sql, maria, redis = (servers.free_port() for _ in range(3))
    with databases(tmp_path, sql, maria, redis):
        check(wenv, site, {"asyncpg": ((sql, canary.port), None)})


APPLICATION = """
from flask import Flask
app = Flask(__name__)


@app.get("/path")
def path():
    return "/path"
"""
ASYNC = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"/path"})
"""
SERVERS: dict[str, tuple[str, list[str]]] = {
    "flask": (APPLICATION, ["flask", "--app", "application", "run", "-p", "PORT"]),
    "uvicorn": (ASYNC, ["uvicorn", "application:app", "--port", "PORT"]),
    "uvicorn over TLS": (
        ASYNC, ["uvicorn", "application:app", "--port", "PORT", "--ssl-certfile", "own.pem", "--ssl-keyfile", "own.pem"]
    ),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_servers_of_libraries(wenv: Wenv, site: servers.Site, runtime: str) -> None:
    wenv("create", "--runtime", runtime, "flask", "uvicorn", timeout=900)
    site.certificates.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(wenv.folder / "own.pem")
    trusting = ssl.create_default_context(cafile=str(site.authority))
    for name, (text, words) in SERVERS.items():
        (wenv.folder / "application.py").write_text(text)
        port = servers.free_port()
        command = [word.replace("PORT", str(port)) for word in words]
        wenv_run = [sys.executable, "-P", "-m", "wenv", "run", "--listen", str(port), *command]
        scheme, context = ("https", trusting) if "TLS" in name else ("http", None)
        with started(port, *wenv_run, cwd=wenv.folder, env=wenv.environment):
            for _ in range(3):
                with urllib.request.urlopen(f"{scheme}://localhost:{port}/path", context=context, timeout=30) as answer:
                    assert answer.read() == b"/path", name
