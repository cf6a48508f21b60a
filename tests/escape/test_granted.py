"""Programs that are granted one server try to reach others, in each way of starting that grants anything: none succeeds."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import wenv as library
from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime
from tests.helpers import servers

empty = pytest.fixture(empty_of_each_runtime, params=RUNTIMES)
#: At least so many must have been tried.
ATTEMPTS = 70


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Site]:
    with servers.site(tmp_path_factory.mktemp("site")) as made:
        yield made


def command(wenv: Wenv, program: str, net: list[str]) -> str:
    (wenv.folder / "attempts.py").write_text(program)
    return wenv.result("run", *(word for host in net for word in ("--net", host)), "attempts.py").stdout


def session(wenv: Wenv, program: str, net: list[str], *, in_process: bool = True) -> str:
    opened = library.open(wenv.folder)
    with opened.session(net=net, mounts=[str(wenv.folder)], in_process=in_process, timeout=200) as made:
        return made.run(program).stdout


WAYS: dict[str, Callable[[Wenv, str, list[str]], str]] = {
    "run": command,
    "session": session,
    "process": lambda wenv, program, net: session(wenv, program, net, in_process=False),
    "shell": lambda wenv, program, net: wenv("shell", *(word for host in net for word in ("--net", host)), stdin=program),
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_else_is_reached(empty: Wenv, site: servers.Site, way: str) -> None:
    (empty.folder / "secret").write_bytes(b"secret")
    bound = servers.free_port()
    with servers.counting() as canary:
        given = (site.http, site.https, canary.port, bound, str(empty.folder), site.authority.read_text(), socket.gethostname())
        text = Path(__file__).with_name("granted.py").read_text("utf-8")
        net = [f"localhost:{site.http}", f"localhost:{site.https}"]
        shown = WAYS[way](empty, f"GIVEN = {given!r}\n{text}", net)
        rows = [json.loads(line) for line in shown.splitlines()]
        table = "\n".join(f"{row['outcome']:10} {row['name']}: {row['detail']}" for row in rows)
        assert not [row for row in rows if row["outcome"] == "succeeded"], table
        assert len(rows) >= ATTEMPTS, table
        assert canary.contacts == 0, table
    assert (empty.folder / "secret").read_bytes() == b"secret"
    with pytest.raises(OSError):  # noqa: PT011 - nobody listens there
        socket.create_connection(("127.0.0.1", bound), 1)


def test_the_attempts_succeed_where_they_are_granted(empty: Wenv, site: servers.Site) -> None:
    """Else a mistake in them would look like a refusal."""
    with servers.counting() as canary:
        given = (site.http, site.https, canary.port, servers.free_port(), str(empty.folder), "", "hostname.test")
        text = Path(__file__).with_name("granted.py").read_text("utf-8")
        shown = command(empty, f"GIVEN = {given!r}\n{text}", [f"localhost:{site.http}", f"localhost:{canary.port}"])
        succeeded = {row["name"] for row in map(json.loads, shown.splitlines()) if row["outcome"] == "succeeded"}
    for name in (
        "connect to 127.0.0.1", "connect to localhost", "connect without waiting", "asyncio", "asyncio, a given socket",
        "look an address up, and connect to it", "connect again after a refusal",
    ):  # fmt: skip
        assert name in succeeded, shown
    assert canary.contacts >= len(succeeded)
