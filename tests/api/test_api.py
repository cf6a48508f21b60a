"""``wenv.open``: sandboxes in this process."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import wenv as package
from tests.conftest import Wenv
from wenv.api import BusySessionError, ClosedSessionError, CodeError, OpenEnvironment
from wenv.errors import MountError, NoEnvironmentError, TimeLimitError, TrapError, WenvError


@pytest.fixture
def opened(empty: Wenv) -> OpenEnvironment:
    """An environment without packages."""
    return package.open(empty.folder)


def test_code_runs_and_functions_take_and_return_values(opened: OpenEnvironment) -> None:
    with opened.session() as session:
        output = session.run("import sys\ndef double(x): return 2 * x\nprint('out'); print('err', file=sys.stderr)")
        assert (output.stdout, output.stderr, output.status) == ("out\n", "err\n", None)
        assert session.call("double", 21) == 42
        assert session.call("double", x="ab") == "abab"
        assert session.call("json:dumps", {"a": [1, None, 2.5, "ü"]}, sort_keys=True) == '{"a": [1, null, 2.5, "\\u00fc"]}'
        assert session.call("collections:OrderedDict.fromkeys", ["b", "a"]) == {"b": None, "a": None}
        assert session.run("sys.exit(3)").status == 3


def test_errors_of_the_code(opened: OpenEnvironment) -> None:
    with opened.session() as session:
        with pytest.raises(CodeError, match="ZeroDivisionError: division by zero") as raised:
            session.run("def f():\n    print('before')\n    1 / 0\nf()")
        assert raised.value.kind == "ZeroDivisionError"
        assert raised.value.output.stdout == "before\n"
        assert '  File "<session>", line 3, in f\n    1 / 0' in raised.value.traceback
        assert "_wenv" not in raised.value.traceback
        with pytest.raises(CodeError, match="AttributeError"):
            session.call("nothing")
        with pytest.raises(TypeError):
            session.call("len", object())
        session.run("def g(): return object()")
        with pytest.raises(CodeError, match="not JSON serializable"):
            session.call("g")
        assert session.run("print(1)").stdout == "1\n"


def test_reset_leaves_nothing(opened: OpenEnvironment) -> None:
    with opened.session() as session:
        session.run(
            "import fractions, pathlib; x = 1; pathlib.Path('/tmp/a/b').mkdir(parents=True); pathlib.Path('/tmp/f').touch()"
        )
        session.run("open('/dev/null', 'w').write('full')")
        session.reset()
        assert session.run(
            "import os, sys; print('x' in globals(), 'fractions' in sys.modules, os.listdir('/tmp'))"
        ).stdout == ("False False []\n")
        assert session.run("print(open('/dev/null').read())").stdout == "\n"
        first = session.run("import random; print(random.random())").stdout
        session.reset()
        assert session.run("import random; print(random.random())").stdout != first


def test_a_session_sees_nothing_of_the_host(opened: OpenEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s")
    (tmp_path / "data.txt").write_text("data")
    with opened.session() as session:
        assert session.run("import os; print(sorted(os.environ), os.getcwd())").stdout == "['HOME', 'TMPDIR'] /tmp\n"
        assert session.run(f"print(os.path.exists({str(tmp_path / 'data.txt')!r}), os.listdir('/'))").stdout.startswith("False")
        assert session.run("print(repr(__import__('sys').stdin.read()))").stdout == "''\n"
    with opened.session(mounts=[f"{tmp_path}:/data"], variables={"A": "1"}) as session:
        assert session.run("import os; print(os.environ['A'], open('/data/data.txt').read())").stdout == "1 data\n"
        with pytest.raises(CodeError) as raised:
            session.run("open('/data/new', 'w')")
        assert "read-only" in raised.value.traceback
    with pytest.raises(MountError):
        opened.session(mounts=["/nowhere-at-all"])


def test_a_closed_session_stays_closed(opened: OpenEnvironment) -> None:
    session = opened.session()
    session.close()
    session.close()
    with pytest.raises(ClosedSessionError):
        session.run("pass")
    with pytest.raises(ClosedSessionError, match="was closed"):
        session.reset()


def test_reset_empties_folders_above_mounts(opened: OpenEnvironment, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    with opened.session(mounts=[f"{shared}:/tmp/a/b:rw"]) as session:
        session.run("open('/tmp/a/secret', 'w'); open('/tmp/null', 'w'); open('/tmp/a/b/kept', 'w')")
        session.run("import os; os.unlink('/dev/null'); os.mkdir('/dev/null')")
        session.reset()
        assert session.run("import os; print(sorted(os.listdir('/tmp')), os.listdir('/tmp/a'))").stdout == "['a'] ['b']\n"
        assert session.run("print(repr(open('/dev/null').read()))").stdout == "''\n"
    assert (shared / "kept").exists()


def test_private_folders_vanish(opened: OpenEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = set(tmp_path.iterdir())
    with opened.session() as session:
        session.run("open('/tmp/x', 'w').write('x')")
        assert set(tmp_path.iterdir()) - before
    assert set(tmp_path.iterdir()) == before


def test_limits_end_a_session_and_no_other(opened: OpenEnvironment) -> None:
    with opened.session() as other, opened.session(timeout=0.3, output=1000, memory=64 << 20) as session:
        counted = threading.Thread(target=lambda: other.run("total = sum(range(20_000_000))"))
        counted.start()
        with pytest.raises(TimeLimitError):
            session.run("while True: pass")
        with pytest.raises(ClosedSessionError):
            session.run("pass")
        session.reset()
        with pytest.raises(TimeLimitError):
            session.run("import time; time.sleep(5)")
        counted.join()
        assert other.run("print(total)").stdout == "199999990000000\n"
        session.reset()
        for count in (1001, 2000):
            with pytest.raises(TrapError, match="output limit"):
                session.run(f"import sys; sys.stdout.write('x' * {count})")
            session.reset()
        with pytest.raises((TrapError, CodeError), match=r"[Mm]emory"):
            session.run("x = bytearray(100 << 20)")
        session.reset()
        with pytest.raises(ClosedSessionError):
            session.run("import os; os._exit(3)")
        session.reset()
        assert session.run("print(1)").stdout == "1\n"


def test_many_at_once(opened: OpenEnvironment) -> None:
    def work(number: int) -> object:
        with opened.session() as session:
            session.run(f"kept = {number}\ndef f(x):\n    print('said', x)\n    return kept * x")
            return [session.call("f", factor) for factor in range(3)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(24))) == [[0, n, 2 * n] for n in range(24)]


def test_two_threads_in_one_session(opened: OpenEnvironment) -> None:
    session = opened.session()
    session.run("print(1)")
    ended: list[BaseException] = []

    def work() -> None:
        try:
            session.run("while True: pass")
        except WenvError as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while not session._lock.locked():
        pass
    for use in (lambda: session.run("pass"), session.reset):
        with pytest.raises(BusySessionError):
            use()
    session.close()
    thread.join(20)
    assert isinstance(ended[0], ClosedSessionError)


def test_limits_that_are_none(opened: OpenEnvironment) -> None:
    for limits in ({"timeout": -1}, {"timeout": float("nan")}, {"memory": -1}, {"output": 0}, {"variables": {"A=B": "c"}}):
        with pytest.raises(ValueError, match="not a"):
            opened.session(**limits)
    with pytest.raises(TypeError):
        opened.session(mounts="data:/data")


def test_no_environment(tmp_path: Path) -> None:
    with pytest.raises(NoEnvironmentError):
        package.open(tmp_path)
    with pytest.raises(NoEnvironmentError):
        package.open(name="nothing-of-this-name")


def test_modules_of_the_users_with_common_names_are_not_taken_for_ours(empty: Wenv) -> None:
    for name in ("cache", "resolver", "tests", "store", "errors", "files"):
        (empty.folder / f"{name}.py").write_text("raise SystemExit('a file of the user was imported')\n")
    program = "import wenv\nwith wenv.open('.wenv').session() as session: session.run('print(6 * 7)')\nprint('fine')\n"
    (empty.folder / "program.py").write_text(program)
    for command in (["program.py"], ["-m", "wenv", "list"]):
        result = subprocess.run(
            [sys.executable, *command], cwd=empty.folder, env=empty.environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        assert "fine" in result.stdout or "wenv" in command
