"""``wenv run``: what CPython's own command line does, in a sandbox that sees only what it was given."""

import os
import subprocess
import sys
import time

import pytest

from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime

empty = pytest.fixture(empty_of_each_runtime, params=RUNTIMES)


def is_scientific(wenv: Wenv) -> bool:
    """Whether the folder's environment is of the scientific runtime."""
    return bool(wenv.json("info")["runtime"]["kind"] == "scientific")


def script(wenv: Wenv, text: str, name: str = "script.py") -> str:
    (wenv.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (wenv.folder / name).write_text(text)
    return name


SHOW = "import sys; print(sys.argv, sys.path[0], __name__, globals().get('__file__'))"


def test_a_script_is_run_as_python_runs_it(empty: Wenv) -> None:
    name = script(empty, SHOW, "inner/show.py")
    native = subprocess.run(
        [sys.executable, name, "a", "-b"], cwd=empty.folder, capture_output=True, text=True, check=True
    ).stdout
    assert empty("run", name, "a", "-b") == native
    assert empty("run", "python", name, "a", "-b") == native


def test_code_module_and_standard_input(empty: Wenv) -> None:
    script(empty, SHOW, "shown.py")
    script(empty, "from . import other; print(__name__, __package__, other.x)", "package/__main__.py")
    script(empty, "x = 5", "package/other.py")
    assert empty("run", "-c", SHOW, "x") == "['-c', 'x']  __main__ None\n"
    assert empty("run", "-m", "shown", "x") == (
        f"['{empty.folder}/shown.py', 'x'] {empty.folder} __main__ {empty.folder}/shown.py\n"
    )
    assert empty("run", "-m", "package") == "__main__ package 5\n"
    assert empty("run", "-", "x", stdin=SHOW) == "['-', 'x']  __main__ None\n"
    assert empty("run", stdin="print(6 * 7)") == "42\n"
    assert empty("shell", stdin="print(6 * 7)") == "42\n"
    script(empty, "print('folder main', __name__)", "folder/__main__.py")
    assert empty("run", "folder") == "folder main __main__\n"


def test_local_modules_come_before_the_environments(empty: Wenv) -> None:
    script(empty, "mine = True", "json.py")
    assert empty("run", script(empty, "import json; print(json.mine)")) == "True\n"
    assert empty("run", "-P", script(empty, "import json; print(hasattr(json, 'mine'))")) == "False\n"


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit(None)", 0, ""),
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit(256 + 3)", 3, ""),
        ("import sys; sys.exit(-1)", 255, ""),
        ("import sys; sys.exit('a message')", 1, "a message\n"),
        ("raise SystemExit(2)", 2, ""),
        ("import os; os._exit(9)", 9, ""),
        ("import os; os._exit(200)", 200, ""),
    ],
)
def test_exit_statuses(empty: Wenv, code: str, status: int, error: str) -> None:
    result = empty.result("run", "-c", code, status=status)
    assert result.stderr == error


def test_a_traceback_shows_the_users_frames_only(empty: Wenv) -> None:
    script(empty, "def fail():\n    raise ValueError('inner')\n", "helper.py")
    name = script(
        empty, "import helper\ntry:\n    helper.fail()\nexcept ValueError as e:\n    raise KeyError('outer') from e\n"
    )
    error = empty.result("run", name, status=1).stderr
    assert "_wenv" not in error
    assert error.count("Traceback (most recent call last)") == 2
    assert f'File "{empty.folder}/script.py", line 3, in <module>\n    helper.fail()' in error
    assert "The above exception was the direct cause" in error
    assert error.endswith("KeyError: 'outer'\n")


def test_errors_while_importing_show_no_import_machinery(empty: Wenv) -> None:
    script(empty, "1/0", "broken.py")
    error = empty.result("run", "-c", "import broken", status=1).stderr
    assert "importlib" not in error
    assert "_wenv" not in error
    assert "SyntaxError" in empty.result("run", script(empty, "def (:\n"), status=1).stderr
    assert "No module named nowhere" in empty.result("run", "-m", "nowhere", status=1).stderr


def test_what_happens_at_exit(empty: Wenv) -> None:
    code = """
import atexit, sys
file = open('/tmp/open', 'w')
file.write('never closed')
def last():
    print('exit function', end='')
atexit.register(last)
sys.stdout.write('before;')
"""
    assert empty.python(code) == "before;exit function"
    left = "f = open('left.txt', 'w'); f.write('text')\nkeep = [f]"
    empty("run", "--write", "-c", left)
    assert (empty.folder / "left.txt").read_text() == "text"


def test_streams(empty: Wenv) -> None:
    code = "import sys; print(sys.stdin.encoding, sys.stdout.encoding, sys.stderr.errors, 'é', input())"
    assert empty("run", "-c", code, stdin="ü\n") == "utf-8 utf-8 backslashreplace é ü\n"
    assert empty("run", "-c", "import sys; print(sys.stdin.read())", stdin="x" * 300_000) == "x" * 300_000 + "\n"
    assert empty("run", "-u", "-c", "import sys; print(sys.stdout.write_through)") == "True\n"


def test_a_closed_pipe(empty: Wenv) -> None:
    code = "for i in range(100_000): print(i)"
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "wenv", "run", "-c", code],
        cwd=empty.folder, env=empty.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    assert "BrokenPipeError" in process.stderr.read()
    assert process.wait() in (1, 120)


def test_warnings_options(empty: Wenv) -> None:
    code = "import warnings; warnings.warn('careful')"
    assert "UserWarning: careful" in empty.result("run", "-c", code).stderr
    assert empty.result("run", "-W", "ignore", "-c", code).stderr == ""
    assert "careful" in empty.result("run", "-W", "error", "-c", code, status=1).stderr
    assert empty.result("run", "--env", "PYTHONWARNINGS=ignore", "-c", code).stderr == ""
    assert "-O is not supported" in empty.result("run", "-O", "-c", code, status=125).stderr


def test_every_run_is_seeded_anew(empty: Wenv) -> None:
    code = (
        "import random, uuid, secrets, tempfile; print(random.random(), uuid.uuid4(), secrets.token_hex(), tempfile.mktemp())"
    )
    first, second = empty.python(code).split(), empty.python(code).split()
    assert len(first) == 4
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_time_is_utc_and_tz_is_passed_on(empty: Wenv) -> None:
    empty.environment["TZ"] = "Asia/Tokyo"
    code = "import os, time; print(os.environ['TZ'], time.localtime(0).tm_hour, abs(time.time() - float(input())) < 60)"
    assert empty("run", "-c", code, stdin=f"{time.time()}\n") == "Asia/Tokyo 0 True\n"


# -- the sandbox


# -- what the platform lacks


def test_asyncio_works_without_threads_or_sockets(empty: Wenv) -> None:
    code = """
import asyncio
async def slow(n):
    await asyncio.sleep(n / 100)
    return n
async def main():
    results = await asyncio.gather(*(slow(n) for n in (3, 1, 2)))
    queue = asyncio.Queue()
    await queue.put(await asyncio.to_thread(sum, [1, 2]))
    async with asyncio.timeout(5):
        print(results, await queue.get())
    try:
        await asyncio.to_thread(int, 'x')
    except ValueError:
        print('raised')
asyncio.run(main())
"""
    assert empty.python(code) == "[3, 1, 2] 3\nraised\n"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("x = ()\nfor _ in range(1_000_000): x = (x,)\nhash(x)", "call stack is exhausted"),
        ("import os; os.abort()", "the interpreter aborted"),
    ],
)
def test_a_trap_is_one_sentence(empty: Wenv, code: str, sentence: str) -> None:
    error = empty.result("run", "-c", code, status=134).stderr
    assert sentence in error
    assert len(error.splitlines()) == 1


def test_ordinary_recursion_is_a_python_error(empty: Wenv) -> None:
    for code in ("def f(): f()\nf()", "class A:\n  def __repr__(self): return repr(A())\nrepr(A())"):
        assert "RecursionError" in empty.result("run", "-c", code, status=1).stderr


def test_limits(empty: Wenv) -> None:
    started = time.monotonic()
    assert "time limit" in empty.result("run", "--timeout", "1", "-c", "while True: pass", status=124).stderr
    assert "time limit" in empty.result("run", "--timeout", "1", "-c", "import time; time.sleep(60)", status=124).stderr
    assert time.monotonic() - started < 50
    assert "MemoryError" in empty.result("run", "--memory", "64M", "-c", "x = 'x' * (100 << 20)", status=116).stderr
    result = empty.result("run", "--max-output", "1k", "-c", "while True: print('x' * 99)", status=117)
    assert len(result.stdout) == 1024
    assert "output limit" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
@pytest.mark.parametrize("code", ["while True: pass", "import time; time.sleep(60)"])
def test_ctrl_c_ends_a_run(empty: Wenv, code: str) -> None:
    import signal

    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "wenv", "run", "-u", "-c", f"print('started')\n{code}"],
        cwd=empty.folder, env=empty.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == -signal.SIGINT  # as native programs end: a shell stops its loop then


# -- what is meant


def test_unknown_programs_are_explained(empty: Wenv) -> None:
    assert "no such file" in empty.result("run", "missing.py", status=125).stderr
    assert "no console script called 'pytset'" in empty.result("run", "pytset", status=125).stderr
    assert "unknown option: --wrte" in empty.result("run", "--wrte", "x.py", status=125).stderr


def test_without_an_environment(wenv: Wenv) -> None:
    result = wenv.result("run", "-c", "1", status=125)
    assert "no environment in" in result.stderr
    assert "wenv create" in result.stderr


def test_an_environment_is_found_upwards(empty: Wenv) -> None:
    inner = empty.folder / "a" / "b"
    inner.mkdir(parents=True)
    deep = Wenv(inner, empty.environment)
    assert deep.python("import os; print(os.getcwd())") == f"{inner}\n"


def test_python_version(empty: Wenv) -> None:
    assert empty("run", "python", "--version").startswith("Python 3.15" if is_scientific(empty) else "Python 3.14")


def test_options_of_pythons_can_be_written_in_one_word(empty: Wenv) -> None:
    assert empty("run", "-cprint(3)") == "3\n"
    assert empty("run", "-uBcprint(3)") == "3\n"
    assert empty("run", "--env", "A=1", "-Wignore", "-c", "import warnings; warnings.warn('x'); print(4)") == "4\n"
    assert empty.result("run", "-mjson.tool", stdin="[]").stdout == "[]\n"


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_no_standard_input_and_the_root_folder(empty: Wenv) -> None:
    wenv = f"{sys.executable} -P -m wenv run --path {empty.folder}"
    result = subprocess.run(["sh", "-c", f"{wenv} <&-"], env=empty.environment, capture_output=True, text=True)
    assert "Traceback" not in result.stderr
    script = empty.folder / "script.py"
    script.write_text("import sys; print(sys.argv)")
    relative = str(script).lstrip("/")
    for command in (wenv, str(empty.folder / ".wenv" / "bin" / "python")):
        result = subprocess.run(
            ["sh", "-c", f"cd / && {command} {relative}"], env=empty.environment, capture_output=True, text=True
        )
        assert result.stdout == f"['{script}']\n", result.stderr


def test_pythonpath_is_where_modules_are_found(empty: Wenv) -> None:
    (empty.folder / "more").mkdir()
    (empty.folder / "more" / "json.py").write_text("name = 'own'\n")
    code = "import json, sys; print(json.name, sys.path[1].endswith('/more'))"
    assert empty("run", "--env", "PYTHONPATH=more:", "-c", code) == "own True\n"
