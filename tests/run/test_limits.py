"""Limits hold for hostile programs in each way to start one: `wenv.errors.Exit` lists the statuses."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

import wenv as package
from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime
from wenv.api import CodeError, Session
from wenv.errors import DiskLimitError, Exit, GuestAnswerError, OutputLimitError, TimeLimitError, WenvError
from wenv.launcher.limits import DISK, FILES, OPEN_FILES

empty = pytest.fixture(params=RUNTIMES)(empty_of_each_runtime)
linux = pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell what a process has open")
posix = pytest.mark.skipif(os.name == "nt", reason="the native launcher is POSIX's")

MANY = "import os\ni = 0\nwhile True:\n    os.close(os.open(f'/tmp/{i}', os.O_CREAT | os.O_WRONLY)); i += 1"
LARGE = "for i in range(40):\n    with open(f'/tmp/{i}', 'wb') as f:\n        for _ in range(50): f.write(bytes(1 << 20))"
UNNAMED = (
    "import os\nfiles = []\nfor i in range(40):\n    files.append(open(f'/tmp/{i}', 'wb')); os.unlink(f'/tmp/{i}')"
    "\n    for _ in range(50): files[-1].write(bytes(1 << 20))"
)
DEEP = "import os\nos.chdir('/tmp')\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')\nwhile True: pass"
SPARSE = "open('/tmp/large', 'wb').truncate(1 << 42)"
OPEN = "files = [open('/tmp/x', 'w') for _ in range(5000)]"


@dataclass
class Ended:
    """How a program ended, and what was left of its private folders."""

    status: int
    stderr: str
    seconds: float
    left: list[str]


Way = Callable[..., Ended]


@pytest.fixture(params=["native", "run"])
def way(request: pytest.FixtureRequest, empty: Wenv, tmp_path: Path) -> Way:
    """Runs code by the native launcher, or by ``wenv run``."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    python = [str(empty.folder / ".wenv" / "bin" / "python")]
    command = python if request.param == "native" else [sys.executable, "-P", "-m", "wenv", "run"]

    def run(code: str, *options: str) -> Ended:
        if request.param == "native" and options:
            pytest.skip("the native launcher has the default limits")
        started = time.monotonic()
        environment = {**empty.environment, "TMPDIR": str(temporary)}
        done = subprocess.run(
            [*command, *options, "-c", code], cwd=empty.folder, env=environment, capture_output=True, text=True, timeout=300
        )
        seconds = time.monotonic() - started
        until = time.monotonic() + 60  # on a slow disk the deleting goes on for a while after the command's end
        while (left := [path.name for path in temporary.iterdir()]) and time.monotonic() < until:
            time.sleep(0.1)
        return Ended(done.returncode, done.stderr, seconds, left)

    return run


@posix
@pytest.mark.parametrize("code", [LARGE, UNNAMED], ids=["named", "unnamed"])
def test_the_disk_is_bounded_by_default(way: Way, code: str) -> None:
    ended = way(code)
    assert ended.status == Exit.DISK_LIMIT
    assert f"more than {DISK} bytes, its disk limit" in ended.stderr
    assert not ended.left


@posix
def test_a_file_does_not_grow_beyond_the_disk_limit(way: Way) -> None:
    ended = way(SPARSE)
    assert ended.status == Exit.DISK_LIMIT
    assert f"the disk limit of {DISK} bytes" in ended.stderr
    assert not ended.left


@pytest.mark.long
@posix
def test_the_number_of_files_is_bounded_by_default(way: Way) -> None:
    ended = way(MANY)
    assert ended.status == Exit.DISK_LIMIT
    assert f"more than {FILES} files" in ended.stderr
    assert not ended.left


@posix
def test_open_files_are_bounded_by_default(way: Way) -> None:
    ended = way(OPEN)
    assert ended.status == Exit.FILES_LIMIT
    assert f"it has {OPEN_FILES} files open, as many as it may" in ended.stderr
    assert not ended.left


@posix
def test_a_program_can_catch_that_no_more_files_can_be_opened(way: Way) -> None:
    code = f"files = []\ntry:\n    {OPEN.replace('[', 'files += [', 1).removeprefix('files = ')}\nexcept OSError: pass"
    code += "\nwhile True:\n    try: files.append(open('/tmp/x'))\n    except OSError: break\n"
    code += f"assert {OPEN_FILES} <= len(files) <= {OPEN_FILES} * 1.2, len(files)"
    assert way(code).status == 0


@posix
@pytest.mark.parametrize("code", [DEEP, "import time\nwhile True: time.sleep(100)", MANY], ids=["deep", "asleep", "many"])
def test_a_time_limit_covers_cleaning_up(way: Way, code: str) -> None:
    start = way("pass", "--timeout", "100").seconds
    ended = way(code, "--timeout", "3", "--max-files", "10000000")
    assert ended.status == Exit.TIME_LIMIT
    assert "3 s, its time limit" in ended.stderr
    assert ended.seconds - start < 3 * 1.2 + 3  # what the limit allows, and what a busy machine takes for itself
    assert not ended.left


REASONS = {
    Exit.DISK_LIMIT: "disk",
    Exit.FILES_LIMIT: "open_files",
    Exit.OUTPUT_LIMIT: "output",
    Exit.MEMORY_LIMIT: "memory",
}


def test_each_limit_can_be_chosen(empty: Wenv) -> None:
    for options, code, status in (
        (("--max-disk", "20M"), LARGE, Exit.DISK_LIMIT),
        (("--max-files", "500"), MANY, Exit.DISK_LIMIT),
        (("--max-open", "20"), OPEN, Exit.FILES_LIMIT),
        (("--max-output", "1000"), "print('x' * 2000)", Exit.OUTPUT_LIMIT),
        (("--memory", "128M"), "bytearray(1 << 30)", Exit.MEMORY_LIMIT),
    ):
        result = empty.result("run", *options, "-c", code, status=status)
        assert len(result.stdout) <= 1000
        shown = json.loads(empty("run", "--json", *options, "-c", code, status=status))
        reasons = {
            Exit.DISK_LIMIT: "disk",
            Exit.FILES_LIMIT: "open_files",
            Exit.OUTPUT_LIMIT: "output",
            Exit.MEMORY_LIMIT: "memory",
        }
        assert shown["reason"] == reasons[status]
        assert shown["output_cut"] == (status == Exit.OUTPUT_LIMIT)


def test_json_tells_a_programs_own_status_from_a_limit(empty: Wenv) -> None:
    for status in (0, 1, *range(116, 120), 124, 134):
        shown = json.loads(empty("run", "--json", "-c", f"import sys; print('out'); sys.exit({status})", status=status))
        assert (shown["status"], shown["reason"], shown["stdout"]) == (status, "exited", "out\n")
    shown = json.loads(empty("run", "--json", "--timeout", "1", "-c", "while True: pass", status=Exit.TIME_LIMIT))
    assert shown["reason"] == "time"
    assert 0.9 < shown["seconds"] < 10
    assert shown["peak_memory"] is None or shown["peak_memory"] > 1 << 20


def test_a_shell_ends_at_its_limits(empty: Wenv) -> None:
    for options, code, status in (
        (("--max-disk", "20M"), LARGE, Exit.DISK_LIMIT),
        (("--timeout", "1"), "while True: pass", Exit.TIME_LIMIT),
        (("--max-output", "1000"), "print('x' * 2000)", Exit.OUTPUT_LIMIT),
    ):
        empty("shell", *options, stdin=code, status=status)


SESSIONS = [{"in_process": True}, {"in_process": False}]


@pytest.mark.parametrize("where", SESSIONS, ids=["in process", "own process"])
def test_sessions_end_at_their_limits(empty: Wenv, where: dict[str, bool]) -> None:
    opened = package.open(empty.folder)
    attempts: list[tuple[dict[str, int], str, type[WenvError]]] = [
        ({"disk": 20 << 20}, LARGE, DiskLimitError),
        ({"files": 500}, MANY, DiskLimitError),
        ({"output": 1000}, "print('x' * 2000)", OutputLimitError),
        ({}, "while True: print('x' * 10000)", OutputLimitError),
        ({"memory": 128 << 20}, "bytearray(1 << 30)", CodeError),
    ]
    with opened.session(**where) as neighbour:  # type: ignore[arg-type]
        neighbour.run("x = 1")
        for limits, code, error in attempts:
            with opened.session(**limits, **where) as session, pytest.raises(error):  # type: ignore[arg-type]
                session.run(code)
        assert neighbour.run("print(x)").stdout == "1\n"


@linux
@pytest.mark.parametrize("where", SESSIONS, ids=["in process", "own process"])
@pytest.mark.parametrize("path", ["/tmp/x", "/python/os.py"])
def test_sessions_do_not_take_all_descriptors(empty: Wenv, where: dict[str, bool], path: str) -> None:
    code = f"open('/tmp/x', 'w')\nfiles = []\nwhile True: files.append(open({path!r}))"
    with package.open(empty.folder).session(**where) as session:  # type: ignore[arg-type]
        with pytest.raises((DiskLimitError, CodeError)):
            session.run(code)
        Path(__file__).read_bytes()  # this process can still open files


WAITS = [
    "import time; time.sleep(100)",
    "import select; select.select([], [], [], 100)",
    "import select; select.poll().poll(60_000)",
    "import asyncio; asyncio.run(asyncio.sleep(100))",
    "while True: pass",
    "try:\n    while True: pass\nexcept BaseException:\n    while True: pass",
]


def ends_in_time(session: Session, code: str) -> None:
    """Run code that reaches the session's time limit: its guest has ended soon afterwards."""
    with pytest.raises(TimeLimitError):
        session.run(code)
    until = time.monotonic() + 30
    while session.left_behind and time.monotonic() < until:
        time.sleep(0.01)
    assert session.left_behind == 0


@pytest.mark.parametrize("where", SESSIONS, ids=["in process", "own process"])
@pytest.mark.parametrize("code", WAITS)
def test_a_session_that_waits_or_computes_ends_in_time(empty: Wenv, where: dict[str, bool], code: str) -> None:
    with package.open(empty.folder).session(timeout=1, **where) as session:  # type: ignore[arg-type]
        session.run("pass")
        ends_in_time(session, code)


def test_json_tells_why_nothing_was_started(empty: Wenv) -> None:
    for arguments, words in (
        (("no-such-script.py",), "no such file"),
        (("--mount", "/no/such/folder", "-c", "1"), "/no/such/folder"),
        (("--from", "missing.wenv", "-c", "1"), "missing.wenv"),
        (("-n", "nowhere", "-c", "1"), "nowhere"),
    ):
        shown = json.loads(empty("run", "--json", *arguments, status=125))
        assert (shown["status"], shown["reason"], shown["stdout"]) == (125, "not_started", "")
        assert words in shown["message"]


def test_a_wait_is_still_a_builtin_function_to_other_code(empty: Wenv) -> None:
    code = "import copy, pickle, select, time\nclass A: nap, wait = time.sleep, select.select\nA().nap(0.001)\n"
    code += "assert A().wait([], [], [], 0.001) == ([], [], [])\nassert pickle.loads(pickle.dumps(time.sleep)) is time.sleep\n"
    code += "assert copy.deepcopy([select.select])[0] is select.select\nassert repr(time.sleep) == '<built-in function sleep>'"
    empty("run", "-c", code)
    with package.open(empty.folder).session() as session:
        session.run(code)


@pytest.mark.long
@pytest.mark.parametrize("wait", ["sleep(100)", "asyncio.run(asyncio.sleep(100))", "wait([], [], [], 100)"])
def test_what_is_baked_waits_no_longer_either(empty: Wenv, wheels: Path, wait: str) -> None:
    from tests.helpers.wheel_builder import Wheel

    code = f"import asyncio\nfrom select import select as wait\nfrom time import sleep\n\ndef stay(): {wait}\n"
    Wheel("waiting", files={"waiting.py": code}).write(wheels)
    empty("install", "waiting", "--no-index", "--find-links", str(wheels))
    assert empty.json("bake")["modules"] == ["waiting"]
    with package.open(empty.folder).session(timeout=1) as session:
        ends_in_time(session, "import waiting; waiting.stay()")


FORGED = [
    *("5", "null", "[]", "{}", '"x"', "[" * 100_000, "1" * 5000, "not json", "\\ud800", ""),
    *('{"value": 1}', '{"value": 1, "status": "x", "failure": null}', '{"value": 1, "status": null, "failure": 5}'),
    '{"value": 1, "status": null, "failure": {"kind": 1}}',
]


@pytest.mark.parametrize("where", SESSIONS, ids=["in process", "own process"])
def test_forged_replies_end_in_errors_of_ours(empty: Wenv, where: dict[str, bool]) -> None:
    with package.open(empty.folder).session(**where) as session:  # type: ignore[arg-type]
        session.run("import _wenv.entry.services as calls, _wenv.sessions.calls as living")
        for reply in FORGED:
            session.run(f"calls.SERVICES['session.call'] = lambda order: living.Written({reply!r})")
            with pytest.raises(GuestAnswerError if where["in_process"] else WenvError):
                session.call("anything")
        session.run("calls.SERVICES['session.call'] = lambda order: 1 / 0")
        with pytest.raises(WenvError):
            session.call("anything")
        with suppress(WenvError):  # a module's own answer goes through what is taken away here
            session.run("calls.call = None; del calls.SERVICES['session.call']")
        with pytest.raises(WenvError):
            session.call("anything")


def test_what_is_imported_to_be_baked_is_limited(empty: Wenv, wheels: Path) -> None:
    from tests.helpers.wheel_builder import Wheel

    Wheel("flooding", files={"flooding.py": "while True: print('x' * 100_000)\n"}).write(wheels)
    Wheel("filling", files={"filling.py": f"{LARGE}\n"}).write(wheels)
    Wheel("harmless").write(wheels)
    empty("install", "flooding", "filling", "harmless", "--no-index", "--find-links", str(wheels))
    shown = empty.json("bake")
    assert shown["modules"] == ["harmless"]
    assert "output limit" in shown["left_out"]["flooding"]
    assert "disk limit" in shown["left_out"]["filling"]


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("start", ["native", "run"])
def test_a_program_that_swaps_folders_for_links_deletes_nothing_outside(
    empty: Wenv, tmp_path: Path, name: str, start: str
) -> None:
    import signal

    foreign = tmp_path / "foreign"
    (foreign / "inner").mkdir(parents=True)
    for number in range(200):
        (foreign / "inner" / str(number)).write_text("precious")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    target = "../" * 20 + str(foreign).strip("/")
    code = (
        "import os\nos.makedirs('/tmp/a/inner')\n"
        "for i in range(2000): open(f'/tmp/a/inner/{i}', 'w').close()\n"
        f"os.symlink({target!r}, '/tmp/link')\nprint('ready', flush=True)\n"
        "while True:\n    os.rename('/tmp/a', '/tmp/b'); os.rename('/tmp/link', '/tmp/a')\n"
        "    os.rename('/tmp/a', '/tmp/link'); os.rename('/tmp/b', '/tmp/a')\n"
    )
    python = [str(empty.folder / ".wenv" / "bin" / "python")]
    command = python if start == "native" else [sys.executable, "-P", "-m", "wenv", "run"]
    process = subprocess.Popen(
        [*command, "-c", code], cwd=empty.folder, env={**empty.environment, "TMPDIR": str(temporary)}, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(getattr(signal, name))
    process.wait(60)
    assert process.returncode == -getattr(signal, name)
    assert len(list((foreign / "inner").iterdir())) == 200
    assert not list(temporary.iterdir())
