"""The network, sockets of every kind, and the libraries that use them.  The host listens, and counts what arrives."""
# mypy: ignore-errors

import asyncio
import logging
import logging.handlers
import os
import select
import socketserver
import sys
import xmlrpc.client
from collections.abc import Callable
from typing import Any

from tests.escape.programs.frame import WORK, RefusedError, attempt, change, content, leaks, read, table
from tests.escape.programs.given import GIVEN

TCP, UDP = int(GIVEN["tcp"]), int(GIVEN["udp"])
HERE = ("127.0.0.1", TCP)


def module(name: str) -> Any:
    """Import by a dotted name: what is missing is missed by the attempt, not by the program."""
    return __import__(name, fromlist=["_"])


def connected(from_module: str, address: Any = HERE, family: str = "AF_INET", kind: str = "SOCK_STREAM") -> str:
    """Connect, send, and say so."""
    sockets = module(from_module)
    made = sockets.socket(getattr(sockets, family), getattr(sockets, kind))
    made.settimeout(2)
    made.connect(address)
    made.send(b"PLANTED")
    made.close()
    return "connected"


def bound(from_module: str, family: str, kind: str, address: Any) -> str:
    """Wait for others to connect or send."""
    sockets = module(from_module)
    made = sockets.socket(getattr(sockets, family), getattr(sockets, kind))
    made.bind(address)
    if kind == "SOCK_STREAM":
        made.listen(1)
    made.close()
    return "bound"


def sent(from_module: str) -> object:
    sockets = module(from_module)
    return sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM).sendto(b"PLANTED", ("127.0.0.1", UDP))


def logged(handler: "Callable[[], logging.Handler]") -> str:
    """Send a record; `logging` reports errors instead of raising them, unless it is told."""
    made = handler()

    def fail(record: logging.LogRecord) -> None:
        raise RefusedError(sys.exc_info()[1])

    made.handleError = fail  # type: ignore[method-assign]
    made.emit(logging.LogRecord("x", 40, "x", 1, "PLANTED", None, None))
    if getattr(made, "sock", made) is None:
        raise RefusedError("it is kept for later")  # `SocketHandler` tries again when the next record comes
    return "sent"


def asked(url: str) -> bytes:
    data: bytes = module("urllib.request").urlopen(url, timeout=2).read()
    return data


for source in ("socket", "_socket"):
    table(
        f"network, by {source}",
        change,
        {
            "TCP": lambda source=source: connected(source),
            "TCP to any address": lambda source=source: connected(source, ("0.0.0.0", TCP)),
            "TCP, connect_ex": lambda source=source: accepted(source),
            "UDP": lambda source=source: sent(source),
            "UDP, connected": lambda source=source: connected(source, ("127.0.0.1", UDP), kind="SOCK_DGRAM"),
            "Unix socket": lambda source=source: connected(source, "door", "AF_UNIX"),
            "listen": lambda source=source: bound(source, "AF_INET", "SOCK_STREAM", ("127.0.0.1", 0)),
            "listen to everybody": lambda source=source: bound(source, "AF_INET", "SOCK_STREAM", ("0.0.0.0", 0)),
            "receive UDP": lambda source=source: bound(source, "AF_INET", "SOCK_DGRAM", ("127.0.0.1", 0)),
            "Unix socket in the shared folder": lambda source=source: bound(source, "AF_UNIX", "SOCK_STREAM", "planted_door"),
            "name lookup": lambda source=source: module(source).getaddrinfo("localhost", 80),
        },
    )
    table(
        f"network, by {source}",
        change,
        {
            "IPv6": lambda source=source: connected(source, ("::1", TCP), "AF_INET6"),
            "TCP to a name": lambda source=source: connected(source, ("localhost", TCP)),
            "raw": lambda source=source: connected(source, ("127.0.0.1", 0), kind="SOCK_RAW"),
            "abstract Unix socket": lambda source=source: connected(source, "\0dbus", "AF_UNIX"),
            "docker's Unix socket": lambda source=source: connected(source, "/var/run/docker.sock", "AF_UNIX"),
            "name of an address": lambda source=source: module(source).gethostbyaddr("127.0.0.1"),
            "the machine's name": lambda source=source: named(source),
            "interfaces": lambda source=source: module(source).if_nameindex(),
            "descriptors passed": lambda source=source: module(source).socket().recvmsg(1, 1000),
        },
        inside="not on every host",
    )


def accepted(from_module: str) -> int:
    """`connect_ex` returns a number in place of an error."""
    sockets = module(from_module)
    number: int = sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM).connect_ex(HERE)
    if number:
        raise RefusedError(number)
    return number


def named(from_module: str) -> str:
    """The sandbox has a name, which is not the host's."""
    name: str = module(from_module).gethostname()
    if name != GIVEN["host"]:
        raise RefusedError(name)
    return name


#: Families by Linux's numbers: netlink, packet, bluetooth, vsock, alg, xdp.
FAMILIES = {"netlink": 16, "packet": 17, "bluetooth": 31, "alg": 38, "vsock": 40, "xdp": 44}


def of_family(number: int, kind: int) -> str:
    made = module("_socket").socket(number, kind, 0)
    made.bind((0, 0))
    return "bound"


for family_name, family_number in FAMILIES.items():
    for kind_name, kind_number in {"stream": 1, "datagram": 2, "raw": 3, "sequenced": 5}.items():
        row = lambda number=family_number, kind=kind_number: of_family(number, kind)  # noqa: E731
        table("socket of a family", change, {f"{family_name}, {kind_name}": row}, inside="not on every host")


def of_descriptors(use: "Callable[[Any], object]") -> "list[object]":
    """Take each descriptor for a socket."""
    sockets, found = module("_socket"), []
    for descriptor in range(64):
        try:
            made = sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM, 0, descriptor)
            try:
                found.append(use(made))
            finally:
                made.detach()
        except OSError:
            continue
    if not found:
        raise RefusedError("no descriptor is a socket")
    return found


table(
    "descriptors as sockets",
    change,
    {
        "peer": lambda: of_descriptors(lambda made: made.getpeername()),
        "accept": lambda: of_descriptors(lambda made: made._accept()),
        "send": lambda: of_descriptors(lambda made: made.send(b"PLANTED")),
        "receive": lambda: of_descriptors(lambda made: made.recv(1)),
        "connect": lambda: of_descriptors(lambda made: made.connect(HERE)),
    },
    inside="the host has left none open",
)
WEB = f"http://127.0.0.1:{TCP}/"


async def exchange() -> str:
    _, writer = await asyncio.open_connection(*HERE)
    writer.close()
    return "connected"


async def datagram() -> str:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", UDP)
    )
    transport.sendto(b"PLANTED")
    transport.close()
    return "sent"


async def serving() -> str:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    server.close()
    return "listening"


async def unix_exchange() -> str:
    _, writer = await asyncio.open_unix_connection("door")
    writer.close()
    return "connected"


def server_of(kind: "Callable[..., Any]", handler: Any) -> str:
    kind(("127.0.0.1", 0), handler).server_close()
    return "listening"


def listened(config: Any) -> str:
    """A server in a thread."""
    thread = config.listen(0)
    thread.start()
    if not thread.ready.wait(2) or not thread.port:
        raise RefusedError("it does not listen")
    config.stopListening()
    return "listened"


table(
    "libraries and the network",
    change,
    {
        "urllib": lambda: asked(WEB),
        "http.client": lambda: module("http.client").HTTPConnection(*HERE, timeout=2).request("GET", "/"),
        "http.server": lambda: server_of(module("http.server").HTTPServer, module("http.server").SimpleHTTPRequestHandler),
        "socketserver, TCP": lambda: server_of(socketserver.TCPServer, socketserver.BaseRequestHandler),
        "socketserver, UDP": lambda: server_of(socketserver.UDPServer, socketserver.BaseRequestHandler),
        "xmlrpc.server": lambda: server_of(
            module("xmlrpc.server").SimpleXMLRPCServer, module("xmlrpc.server").SimpleXMLRPCRequestHandler
        ),
        "create_connection": lambda: module("socket").create_connection(HERE, 2),
        "create_server": lambda: module("socket").create_server(("127.0.0.1", 0)),
        "asyncio client": lambda: asyncio.run(exchange()),
        "asyncio server": lambda: asyncio.run(serving()),
        "asyncio datagram": lambda: asyncio.run(datagram()),
        "asyncio Unix client": lambda: asyncio.run(unix_exchange()),
        "logging, TCP": lambda: logged(lambda: logging.handlers.SocketHandler(*HERE)),
        "logging, UDP": lambda: logged(lambda: logging.handlers.DatagramHandler("127.0.0.1", UDP)),
        "logging, HTTP": lambda: logged(lambda: logging.handlers.HTTPHandler(f"127.0.0.1:{TCP}", "/")),
        "logging, syslog": lambda: logged(lambda: logging.handlers.SysLogHandler(("127.0.0.1", UDP))),
        "logging, syslog by a Unix socket": lambda: logged(lambda: logging.handlers.SysLogHandler("door")),
        "multiprocessing client": lambda: module("multiprocessing.connection").SocketClient(HERE),
        "multiprocessing listener": lambda: module("multiprocessing.connection").Listener(("127.0.0.1", 0)),
    },
)
table(
    "libraries and the network",
    change,
    {
        "https": lambda: asked(f"https://127.0.0.1:{TCP}/"),
        "ssl": lambda: module("ssl").create_default_context().wrap_socket(module("socket").create_connection(HERE, 2)),
        "ftp": lambda: module("ftplib").FTP("127.0.0.1", timeout=2),
        "ftp by urllib": lambda: asked("ftp://127.0.0.1/"),
        "smtp": lambda: module("smtplib").SMTP("127.0.0.1", TCP, timeout=2),
        "imap": lambda: module("imaplib").IMAP4("127.0.0.1", TCP, 2),
        "pop3": lambda: module("poplib").POP3("127.0.0.1", TCP, 2),
        "logging, mail": lambda: logged(lambda: logging.handlers.SMTPHandler(HERE, "a@b", ["c@d"], "x", timeout=2)),
        "logging, configuration server": lambda: listened(module("logging.config")),
        "xmlrpc": lambda: xmlrpc.client.ServerProxy(WEB).system.listMethods(),
        "a proxy": lambda: (
            module("urllib.request").build_opener(module("urllib.request").ProxyHandler({"http": WEB})).open("http://x.invalid")
        ),
        "a Unix socket opened as a file": lambda: os.open(WORK + "/door", os.O_RDWR),
        "remote debugger": lambda: module("pdb").attach(1),
    },
    inside="needs an answer that the host does not give",
)
table(
    "urllib",
    read,
    {"file://": lambda: asked("file:///etc/passwd"), "file://localhost": lambda: asked("file://localhost/etc/passwd")},
)
attempt("wait: for descriptors that are not the program's", inside="the host has left none open")(
    lambda: (
        "succeeded" if leaks([content(f"/dev/fd/{fd}") for fd in select.select(range(3, 10), [], [], 0)[0]]) else "harmless",
        "",
    )
)
