"""Programs that a program starts: as CPython has them, counted against its limits, and ended with it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import wenv as library
from tests.children.inside import THINGS
from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime
from tests.helpers import servers
from wenv.errors import Exit

empty = pytest.fixture(empty_of_each_runtime, params=RUNTIMES)
pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs are started on POSIX systems only")
INSIDE = Path(__file__).with_name("inside.py")
#: Starts programs: `start` with the code of one.
START = """
import subprocess, sys, time
def start(code="import time; time.sleep(600)", **more):
    return subprocess.Popen([sys.executable, "-c", code], **more)
"""
Way = Callable[[Wenv, str], str]


def native(wenv: Wenv, program: str) -> str:
    """By the native launcher."""
    line = [str(wenv.folder / ".wenv" / "bin" / "python"), "-c", program]
    return subprocess.run(
        line, env=wenv.environment, cwd=wenv.folder, capture_output=True, text=True, check=True, timeout=300
    ).stdout


def session(wenv: Wenv, program: str, *, in_process: bool = True) -> str:
    with library.open(wenv.folder).session(in_process=in_process, timeout=200) as made:
        return made.run(program).stdout


WAYS: dict[str, Way] = {
    "native": native,
    "run": lambda wenv, program: wenv.python(program),
    "limited": lambda wenv, program: wenv.python(program, options=("--memory", "3G", "--max-output", "10M")),
    "told": lambda wenv, program: str(json.loads(wenv("run", "--json", "-c", program))["stdout"]),
    "session": session,
    "process": lambda wenv, program: session(wenv, program, in_process=False),
    "shell": lambda wenv, program: wenv("shell", stdin=program),
}


def as_told(text: str) -> dict[str, str]:
    return dict(json.loads(line) for line in text.splitlines() if line.startswith("["))


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    done = subprocess.run([sys.executable, INSIDE], capture_output=True, text=True, check=True, timeout=200)
    return as_told(done.stdout)


@pytest.mark.parametrize("way", ["native", "limited"])
def test_programs_are_started_as_cpython_starts_them(empty: Wenv, expected: dict[str, str], way: str) -> None:
    (empty.folder / "inside.py").write_text(INSIDE.read_text("utf-8"))
    found = as_told(WAYS[way](empty, "import inside; inside.main([])"))
    assert found == expected
    assert found.keys() == THINGS.keys()


@pytest.mark.parametrize("way", WAYS)
def test_the_output_of_programs_goes_where_their_parent_s_does(empty: Wenv, way: str) -> None:
    code = START + "assert start('print(1 + 1)').wait() == 0; print('and from me')"
    assert WAYS[way](empty, code).split("\n")[:2] == ["2", "and from me"]


def test_a_main_module_is_imported_by_programs_of_a_pool(empty: Wenv) -> None:
    (empty.folder / "script.py").write_text(
        "from concurrent.futures import ProcessPoolExecutor\nfrom multiprocessing import Process, Queue\n"
        "def double(n): return 2 * n\ndef put(queue): queue.put(double(21))\n"
        "if __name__ == '__main__':\n    with ProcessPoolExecutor(2) as pool: print(list(pool.map(double, range(4))))\n"
        "    queue = Queue(); process = Process(target=put, args=(queue,)); process.start(); print(queue.get()); process.join()"
    )
    assert empty("run", "script.py") == "[0, 2, 4, 6]\n42\n"


def test_scripts_of_packages_are_programs_and_others_are_not(empty: Wenv) -> None:
    empty("install", "pygments")
    code = START + (
        "print(subprocess.run(['pygmentize', '-V'], capture_output=True, text=True).stdout[:16])\n"
        "for other in ('git', '/bin/sh', '/usr/bin/id'):\n"
        "    try: subprocess.run([other])\n    except FileNotFoundError as error: print(error)\n"
    )
    first, *others = empty.python(code).splitlines()
    assert first == "Pygments version"
    assert [other.partition("] ")[2] for other in others] == [
        f"the sandbox has no programs but Python and the scripts of its packages: {name!r}"
        for name in ("git", "/bin/sh", "/usr/bin/id")
    ]


# -- what a program may


def test_programs_see_what_their_parent_sees(empty: Wenv, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "given").write_text("given")
    inner = (
        f"import os; print(open({str(shared / 'given')!r}).read(), open('/tmp/left').read(), os.environ['A'])\n"
        f"for path, mode in ({str(shared / 'new')!r}, 'w'), ('new', 'w'), ({str(tmp_path / 'other')!r}, 'r'):\n"
        "    try: open(path, mode)\n    except OSError as error: print(type(error).__name__)"
    )
    code = START + f"open('/tmp/left', 'w').write('left'); sys.exit(start({inner!r}).wait())"
    (tmp_path / "other").write_text("")
    given = ("--mount", f"{shared}:ro", "--env", "A=b")
    assert empty.python(code, options=given).splitlines() == [
        "given left b", "PermissionError", "PermissionError", "FileNotFoundError",
    ]  # fmt: skip
    inner = f"open({str(shared / 'new')!r}, 'w').write('by a program')"
    empty.python(START + f"sys.exit(start({inner!r}).wait())", options=("--mount", f"{shared}:rw"))
    assert (shared / "new").read_text() == "by a program"


def test_programs_reach_what_their_parent_reaches(empty: Wenv, tmp_path: Path) -> None:
    with servers.site(tmp_path) as site, servers.counting() as other:
        inner = (
            f"import socket\nfor port in ({site.http}, {other.port}):\n"
            "    try: socket.create_connection(('localhost', port), 5).close(); print('reached')\n"
            "    except PermissionError: print('refused')"
        )
        log = tmp_path / "log"
        options = ("--net", f"localhost:{site.http}", "--log-network", str(log))
        done = empty.result("run", *options, "-c", START + f"sys.exit(start({inner!r}).wait())")
        assert done.stdout == "reached\nrefused\n"
        assert f"refused: the sandbox may not reach localhost:{other.port}" in done.stderr
        assert {json.loads(line)["verdict"] for line in log.read_text().splitlines()} >= {"allowed", "refused"}
        assert other.contacts == 0


# -- limits


def test_no_more_programs_are_alive_than_may_be(empty: Wenv) -> None:
    code = START + (
        "started = []\ntry:\n    while True: started.append(start())\nexcept BlockingIOError as error: print(error)\n"
        "print(len(started)); started[0].kill(); started[0].wait(); start()"
    )
    said = empty.python(code, options=("--max-children", "3"))
    assert said.splitlines() == ["[Errno 6] 3 programs are alive, as many as may be (--max-children)", "3"]
    said = empty.python(code.partition("\nprint")[0], options=("--max-children", "0"))
    assert said == "[Errno 6] no program may be started (--max-children 0)\n"


#: A program that starts itself again and again.
BOMB = """
import subprocess, sys, time
while True:
    try: subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[1]])
    except OSError: time.sleep(.05)
"""


@pytest.mark.parametrize("way", ["native", "limited"])
def test_programs_that_start_programs_without_end_are_bounded_and_end(empty: Wenv, tmp_path: Path, way: str) -> None:
    """Each of them starts others; all count together, and none outlives the first one's time."""
    environment = {**empty.environment, "TMPDIR": str(tmp_path)}
    line = [sys.executable, "-P", "-m", "wenv", "run"] if way == "limited" else [str(empty.folder / ".wenv/bin/python")]
    options = ["--timeout", "6", "--max-children", "5"] if way == "limited" else []
    with subprocess.Popen([*line, *options, "-c", BOMB, BOMB], cwd=empty.folder, env=environment) as started:
        most, until = 0, time.monotonic() + 6
        while time.monotonic() < until:
            most = max(most, len(processes(tmp_path)))
            time.sleep(0.2)
        if way == "native":
            started.send_signal(signal.SIGTERM)
        assert started.wait(60) == (Exit.TIME_LIMIT if way == "limited" else -signal.SIGTERM)
    assert 3 <= most <= (5 if way == "limited" else 16) + 2  # and the first one, and what keeps them
    assert_gone(tmp_path)


def processes(temporary: Path) -> list[int]:
    """The processes that have a folder as theirs for temporary files."""
    wanted = f"TMPDIR={temporary}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def assert_gone(temporary: Path) -> None:
    """Within a while, nothing is left of a run: no process, no folder."""
    until = time.monotonic() + 30
    while (processes(temporary) or any(temporary.glob("wenv-run-*"))) and time.monotonic() < until:
        time.sleep(0.1)
    assert processes(temporary) == []
    assert list(temporary.glob("wenv-run-*")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes by their variables")
@pytest.mark.parametrize("how", ["ends", "is killed"])
@pytest.mark.parametrize("way", ["native", "limited"])
def test_programs_end_with_the_one_that_started_them(empty: Wenv, tmp_path: Path, way: str, how: str) -> None:
    environment = {**empty.environment, "TMPDIR": str(tmp_path)}
    line = [sys.executable, "-P", "-m", "wenv", "run", "--memory", "3G"]
    line = line if way == "limited" else [str(empty.folder / ".wenv/bin/python")]
    inner = START + "start(); print('ready', flush=True); time.sleep(600)"
    code = START + f"one = start({inner!r}, stdout=subprocess.PIPE); start(); one.stdout.readline(); print('all', flush=True)"
    code += "; time.sleep(600)" if how == "is killed" else ""
    with subprocess.Popen([*line, "-c", code], cwd=empty.folder, env=environment, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"all\n"
        if how == "is killed":
            assert len(processes(tmp_path)) == 5
            started.kill()
        started.wait(60)
    if how == "ends":
        assert_gone(tmp_path)
        return
    until = time.monotonic() + 30
    while processes(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert processes(tmp_path) == []
    assert len(list(tmp_path.glob("wenv-run-*"))) == 1  # the first one's own, as nobody was left to delete it


def test_what_programs_keep_counts_together(empty: Wenv) -> None:
    """Each stays below the limit; all of them do not."""
    inner = "import sys, time; open(f'/tmp/{sys.argv[1]}', 'wb').write(bytes(12 << 20)); time.sleep(60)"
    code = START + (
        f"all = [subprocess.Popen([sys.executable, '-c', {inner!r}, str(i)]) for i in range(3)]\n"
        "print([each.wait() for each in all])"
    )
    done = empty.result("run", "--max-disk", "30M", "-c", code, status=None)
    assert (
        done.returncode == Exit.DISK_LIMIT
        or done.stdout == f"[{Exit.DISK_LIMIT:d}, {Exit.DISK_LIMIT:d}, {Exit.DISK_LIMIT:d}]\n"
    )
    assert "disk limit" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="what a process has for itself alone is not told elsewhere")
def test_memory_counts_together(empty: Wenv) -> None:
    inner = "import time; kept = bytearray(b'x') * (150 << 20); time.sleep(60)"
    code = START + f"one = start({inner!r}); time.sleep(2); two = start({inner!r}); print(two.wait()); print(one.poll())"
    done = empty.result("run", "--memory", "250M", "-c", code)
    assert done.stdout == f"{Exit.MEMORY_LIMIT:d}\nNone\n"
    assert "all programs together take more than" in done.stderr


def test_output_counts_together(empty: Wenv) -> None:
    code = START + "print([start('print(\"x\" * 4000)').wait() for _ in range(3)])"
    done = empty.result("run", "--max-output", "10000", "-c", code, status=Exit.OUTPUT_LIMIT)
    assert len(done.stdout) == 10_000


def test_a_session_that_is_reset_has_no_programs(empty: Wenv) -> None:
    with library.open(empty.folder).session(children=2) as made:
        code = START + "one, two = start(), start()\ntry: start()\nexcept BlockingIOError as error: print(error)"
        assert "2 programs are alive" in made.run(code).stdout
        made.reset()
        assert "2 programs are alive" in made.run(code).stdout
