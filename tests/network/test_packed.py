"""Packed files that were packed with a network, and those that were not, against a server on loopback."""

import json
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers import servers
from tests.pack.machine import machine

PROGRAM = """
import asyncio, json, socket, sys, urllib.request, urllib3

port = int(sys.argv[1])


def said(work):
    try:
        return work()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


async def talk():
    reader, writer = await asyncio.open_connection("localhost", port)
    writer.write(b"GET /talk HTTP/1.0\\r\\n\\r\\n")
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    own, _ = await asyncio.open_connection(*server.sockets[0].getsockname())
    return [(await reader.read()).decode()[-5:], (await own.read()).decode()]


print(json.dumps([
    said(lambda: urllib.request.urlopen(f"http://localhost:{port}/path").read().decode()),
    said(lambda: urllib3.request("GET", f"http://localhost:{port}/path", retries=False).data.decode()),
    said(lambda: asyncio.run(talk())),
    said(lambda: urllib3.request("GET", f"https://localhost:{port}/path", retries=False).data.decode()),
]))
"""
GRANTED = ("-S", "inherit-network", "-S", "allow-ip-name-lookup")


@pytest.mark.long
def test_a_packed_file_reaches_what_its_host_grants(wenv: Wenv, tmp_path: Path, site: servers.Site) -> None:
    wenv("create", "urllib3")
    (wenv.folder / "app.py").write_text(PROGRAM)
    wenv("pack", "--entry", "app.py", "--net", "-o", str(tmp_path / "open.wasm"))
    wenv("pack", "--entry", "app.py", "-o", str(tmp_path / "closed.wasm"))
    opened, closed = machine(tmp_path, tmp_path / "open.wasm"), machine(tmp_path, tmp_path / "closed.wasm")

    web, client, talked, tls = json.loads(opened(str(site.http), host=GRANTED))
    assert (web, client, talked) == ("/path", "/path", ["/talk", ""])
    assert "a packed file has no TLS; `wenv run --net` does it on the host" in tls
    for packed, host in ((opened, ()), (closed, GRANTED)):
        for answer in json.loads(packed(str(site.http), host=host)):
            assert "rror" in answer, answer  # gaierror, too
    assert (
        "`wenv pack --net` makes one that reaches what its host grants" in json.loads(closed(str(site.http), host=GRANTED))[0]
    )
