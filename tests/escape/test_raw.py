"""A C extension that calls WASI itself, with all rights, wild numbers and wild addresses."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.escape.test_inside import assert_nothing, needs
from tests.escape.ways import RAW_FILES, WAYS, Place, attempted, made_place, prepared
from tests.helpers.source_builder import extension
from wenv.environment.kinds import Kind

pytestmark = pytest.mark.long
SOURCE = Path(__file__).parent / "rawwasi" / "native.c"
#: At least so many are tried.
ATTEMPTS = 70


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path, headers: Path) -> Iterator[Place]:
    """An environment with the extension, built from its source."""
    folder = tmp_path_factory.mktemp("raw")
    sources = folder / "sources"
    sources.mkdir()
    extension("zzrawwasi", SOURCE.read_text("utf-8")).write(sources)
    variables = {"WENV_PYTHON_HEADERS": str(headers)}
    with made_place(
        folder / "place", prepared(shared_cache, Kind.DEFAULT), baked=False, source=(sources, "zzrawwasi"), variables=variables
    ) as place:
        yield replace(place, files=RAW_FILES)


@pytest.mark.parametrize("way", ["native", "run", "limited", "shell", "api", "remote"])
def test_no_raw_call_leaves_the_sandbox(raw: Place, way: str) -> None:
    needs(way)
    assert_nothing(attempted(raw, WAYS[way]), least=ATTEMPTS)


#: Code, and the statuses that the run may end with: 134 is a trap in words, 124 the time limit.
CASES: dict[str, tuple[str, set[int]]] = {
    "proc_exit 0": ("w.proc_exit(0)", {0}),
    "proc_exit 77": ("w.proc_exit(77)", {1, 77, 134}),
    "proc_exit -1": ("w.proc_exit(-1)", {1, 134, 255}),
    "read to a wild address": ("print(w.read_into(0, 0xFFFFFFF0, 0xFFFFFFFF))", {0, 134}),
    "write from a wild address": ("print(w.write_from(1, 0xFFFFFF00, 0x10000))", {0, 134}),
    "write of 4 GB": ("print(w.write_from(2, 0, 0xFFFFFFFF))", {0, 134}),
    "random bytes to a wild address": ("print(w.random_get(0xFFFFFF00, 0xFFFF))", {0, 134}),
    "random bytes, 3 GB": ("print(w.random_get(0, 0xC0000000))", {0, 134}),
    "poll of 1,000,000 clocks": ("print(w.poll_clocks(1000000))", {0, 1, 124, 134}),
    "poll of nothing": ("print(w.poll_clocks(0))", {0, 134}),
    "read beyond the memory": ("print(w.peek(0xFFFFFFFF))", {134}),
    "write over the own memory": ("w.poke(0, 16 << 20)", {0, 1, 134}),
    "call of a wild address": ("w.call_address(0x80000000)", {134}),
    "call of another function": ("w.call_address(1)", {0, 134}),
    "endless loop": ("w.loop()", {124}),
    "endless recursion": ("w.recurse(10_000_000)", {134}),
    "all memory": ("print(w.allocate_all())", {0}),
    "all memory at once": ("print(w.grow(65535))", {0}),
    "a petabyte for a file": ("import os; print(w.fd_allocate(os.open('/tmp/a', os.O_CREAT | os.O_RDWR), 0, 1 << 50))", {0}),
    "descriptors closed": ("[w.fd_close(fd) for fd in range(200)]; open('/etc/passwd')", {0, 1, 134}),
}


@pytest.mark.parametrize("case", CASES)
def test_wild_calls_end_in_words(raw: Place, case: str) -> None:
    code, statuses = CASES[case]
    before = raw.state()
    limits = ("--timeout", "4", "--memory", "256M")
    result = subprocess.run(
        [sys.executable, "-P", "-m", "wenv", "run", *limits, "-c", f"import zzrawwasi._native as w\n{code}"],
        cwd=raw.work,
        env=raw.wenv.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",  # memory is printed
        timeout=60,
    )
    assert result.returncode in statuses, (result.returncode, result.stdout[-300:], result.stderr[-1000:])
    assert "panicked" not in result.stderr[-300:]  # the text is in the memory that one of them prints
    assert "root:x" not in result.stdout
    assert raw.state() == before
    if case == "all memory":
        assert 64 < int(result.stdout) <= 256  # megabytes
    if case == "all memory at once":
        assert result.stdout == "-1\n"
