"""Measures the network of a sandbox beside that of a Python without one, in one run.  Prints a table.

    python benchmarks/network.py [--runs N] [--peer-python PATH]

A server on loopback, in a process of its own, speaks HTTPS with a certificate of an authority made for this.  Times are medians
of what the program itself measures, in milliseconds; rates are megabytes per second of CPU time of the process that runs the
program (the guest and the host's part of its sockets together), of a run without the download taken off.
`--peer-python` names a CPython from 3.12 on, with which pyeryx and its own network are measured as well.
"""

import argparse
import json
import math
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme
from peers import installed

#: Bytes of one download.
SIZE = 200 << 20
PROGRAM = """
import http.client, json, socket, ssl, statistics, sys, time
port, megabytes = int(sys.argv[1]), int(sys.argv[2])
context = ssl.create_default_context(cafile="authority.pem")


def median(work, count):
    found = []
    for _ in range(count):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return statistics.median(found) * 1000


def connect():
    with socket.create_connection(("localhost", port)) as sock, context.wrap_socket(sock, server_hostname="localhost"):
        pass


kept = http.client.HTTPSConnection("localhost", port, context=context)


def ask():
    kept.request("GET", "/small")
    kept.getresponse().read()


found = {"connect": median(connect, 200), "request": median(ask, 1000)}
if megabytes:
    kept.request("GET", "/large")
    answer, buffer = kept.getresponse(), bytearray(1 << 18)
    while answer.readinto(buffer):
        pass
print(json.dumps(found))
"""


class Pages(BaseHTTPRequestHandler):
    """Answers with a few bytes, or with `SIZE` of them."""

    protocol_version = "HTTP/1.1"
    # else each answer would wait for the other side to say that it has the first half
    disable_nagle_algorithm, wbufsize = True, 1 << 16

    def do_GET(self) -> None:
        size, part = (SIZE, bytes(1 << 20)) if self.path == "/large" else (13, b"some answer.\n")
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        for _ in range(size // len(part)):
            self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def serve(certificate: str) -> None:
    """Serve until standard input ends; says the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


def measured(command: list[str], folder: Path) -> tuple[dict[str, float], float]:
    """What a program says, and the seconds of CPU time that its process took."""
    running = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    said = running.stdout.read()
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0, command
    return json.loads(said), used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer-python")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "authority.pem")
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "own.pem")
        (folder / "program.py").write_text(PROGRAM)
        wenv = [sys.executable, "-P", "-m", "wenv"]
        for runtime in ("default", "scientific"):
            subprocess.run([*wenv, "create", "-q", "--path", str(folder / runtime), "--runtime", runtime], check=True)
        server = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(folder / "own.pem")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        ways = {"native": [sys.executable, "program.py"]}
        for runtime in ("default", "scientific"):
            run = [*wenv, "run", "--path", str(folder / runtime), "--net", f"localhost:{port}"]
            ways[runtime] = [*run, "program.py"]
        if options.peer_python:
            peer = installed("eryx", options.peer_python, "pyeryx") / "python"
            ways["pyeryx"] = [str(peer), str(Path(__file__).with_name("eryx_network.py"))]
        found: dict[str, dict[str, list[float]]] = {way: {"connect": [], "request": [], "rate": []} for way in ways}
        for _ in range(options.runs):
            for way, command in ways.items():
                _, without = measured([*command, port, "0"], folder)
                said, used = measured([*command, port, str(SIZE >> 20)], folder)
                seconds = used - without  # less than the rest varies by: not a figure
                rate = (SIZE >> 20) / seconds if seconds > without / 20 else math.nan
                for name, value in {**said, "rate": rate}.items():
                    found[way][name].append(value)
        server.terminate()
        server.wait()
    rows = {
        "connect": "connect and handshake, ms",
        "request": "request on a kept connection, ms",
        "rate": "download, MB per s of CPU",
    }
    print(f"| | {' | '.join(ways)} | default / native |\n| --- |{' ---: |' * (len(ways) + 1)}")
    for name, label in rows.items():
        values = [statistics.median(found[way][name]) for way in ways]
        print(f"| {label} | {' | '.join(f'{value:.2f}' for value in values)} | {values[1] / values[0]:.2f} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        main()
