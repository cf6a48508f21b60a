"""The native launcher: that it is taken, does what Python on the host does, and hands over what it does not know."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime
from tests.helpers.wheel_builder import Wheel
from tests.launcher.test_launcher import run
from wenv.locations import registry_folder
from wenv.run import start_file

pytestmark = pytest.mark.skipif(not start_file.has_native_launcher(), reason="no compiler has built it")

NOWHERE = "/nonexistent/python"
empty = pytest.fixture(empty_of_each_runtime, params=RUNTIMES)
OBSERVE = """\
import json, os, sys
from pathlib import Path
seen = {
    "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path[:2], "file": globals().get("__file__"), "name": __name__,
    "cwd": os.getcwd(), "environment": sorted(os.environ.items()), "root": sorted(os.listdir("/")),
    "temporary": sorted(os.listdir("/tmp")), "terminal": [s.isatty() for s in (sys.stdin, sys.stdout, sys.stderr)],
    "size": tuple(__import__("shutil").get_terminal_size((7, 7))), "here": os.access(".", os.W_OK),
    "modes": [oct(os.stat(path).st_mode) for path in ("/", "/tmp", ".")], "input": sys.stdin.read(),
}
Path("/tmp/left").mkdir(); Path("/tmp/left/file").write_text("x")
print(json.dumps(seen))
print("to standard error", file=sys.stderr)
sys.exit(7)
"""


@pytest.fixture
def python(empty: Wenv) -> Path:
    """The interpreter of an empty environment, and beside it one that has nobody to hand over to: `alone`."""
    found = empty.folder / ".wenv" / "bin" / "python"
    lines = found.read_text().splitlines(keepends=True)
    assert lines[0] == f"#!{start_file.LAUNCHER}\n"
    fields = lines[1].split("\t")
    alone = found.with_name("alone")
    alone.write_text(lines[0] + "\t".join([fields[0], NOWHERE, *fields[2:]]))
    alone.chmod(0o755)
    return found


def direct(script: Path, *arguments: "str | bytes", **more: object) -> "subprocess.CompletedProcess[str]":
    """Run a script as the system does."""
    given = {"cwd": script.parents[2], "capture_output": True, "text": True, "input": "typed", **more}
    return subprocess.run([str(script), *arguments], **given)  # type: ignore[call-overload, no-any-return]


def start_file_of(environment: Wenv) -> Path:
    """Where the start file of an environment lies."""
    registry = Path(environment.environment["WENV_DATA_DIR"], "registered")
    assert registry.name == registry_folder().name
    return start_file.path_of(registry, str(environment.folder / ".wenv"))


def observations(folder: Path) -> dict[str, tuple[list[str], dict[str, object]]]:
    """Command lines to compare: name to arguments, and what else is given to the process."""
    (folder / "sub").mkdir()
    (folder / "sub" / "observe.py").write_text(OBSERVE)
    (folder / "package").mkdir()
    (folder / "package" / "__main__.py").write_text(OBSERVE)
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "observe.py").write_text(OBSERVE)
    plain = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    known = {name: value for name, value in os.environ.items() if name.startswith(("WENV_", "XDG_", "HOME"))}
    return {
        "code": (["-c", OBSERVE, "a", "-b", ""], {}),
        "text": (["-c", OBSERVE, 'quote " \\ backslash', "new\nline\t\x01", "ünïcödé 🐍", "\x7f"], {}),
        "module": (["-m", "package", "x"], {}),
        "script": (["sub/observe.py", "x"], {}),
        "dotted": (["./sub/observe.py"], {}),
        "whole": ([str(folder / "sub" / "observe.py")], {}),
        "folder": (["package", "x"], {}),
        "elsewhere": ([str(elsewhere / "observe.py")], {}),
        "from_below": (["observe.py"], {"cwd": folder / "sub"}),
        "from_the_root": (["-c", OBSERVE], {"cwd": "/"}),
        "from_temporary": (["-c", OBSERVE], {"cwd": folder.parent}),
        "from_devices": (["-c", OBSERVE], {"cwd": "/dev"}),
        "stdin": (["-", "x"], {"input": OBSERVE}),
        "piped": ([], {"input": OBSERVE}),
        "environment": (
            ["-c", OBSERVE],
            {"env": {**plain, **known, "LANG": "de", "LC_CTYPE": "C.UTF-8", "TZ": "", "SECRET": "x", "COLUMNS": "99"}},
        ),
    }


def test_it_does_what_python_on_the_host_does(python: Path) -> None:
    for name, (arguments, more) in observations(python.parents[2]).items():
        native = direct(python.with_name("alone"), *arguments, **more)
        hosted = run(python, *arguments, options=(), **{"input": "typed", **more})
        assert (native.stdout, native.stderr, native.returncode) == (hosted.stdout, hosted.stderr, hosted.returncode), name
        assert native.returncode == 7, (name, native.stderr)
        assert json.loads(native.stdout)["argv"], name


def test_what_it_does_not_know_is_handed_over(python: Path) -> None:
    folder = python.parents[2]
    (folder / "plain.py").write_text("print('ran')")
    (folder / "link.py").symlink_to("plain.py")
    handed: list[list[str | bytes]] = [
        ["-W", "error", "-c", "print('ran')"],
        ["-u", "plain.py"],
        ["link.py"],
        ["../" + folder.name + "/plain.py"],
        ["nowhere.py"],
        ["-V"],
        ["-c"],
        ["-c", "print('ran')", b"\xff"],
        ["--no-such-option"],
    ]
    for arguments in handed:
        alone = direct(python.with_name("alone"), *arguments)
        assert (alone.returncode, alone.stderr) == (125, f"error: cannot start {NOWHERE}: No such file or directory\n"), (
            arguments
        )
        native, hosted = direct(python, *arguments), run(python, *arguments, input="typed")
        assert (native.stdout, native.stderr, native.returncode) == (hosted.stdout, hosted.stderr, hosted.returncode), arguments


def test_an_environment_that_grants_anything_is_handed_over(wenv: Wenv) -> None:
    wenv("create", "--env", "GRANTED=1")
    result = direct(wenv.folder / ".wenv" / "bin" / "python", "-c", "import os; print(os.environ['GRANTED'])")
    assert (result.stdout, result.stderr) == ("1\n", "")


def test_a_terminal_is_passed_on(python: Path) -> None:
    parent, child = pty.openpty()
    environment = {**os.environ, "COLUMNS": "67", "LINES": "0"}
    subprocess.run(["stty", "rows", "31", "cols", "77"], stdin=child, check=True)
    code = "import os, sys; print(sys.stdout.isatty(), os.get_terminal_size())"
    said = []
    for command in ([str(python.with_name("alone"))], [sys.executable, "-IS", str(python)]):
        subprocess.run([*command, "-c", code], stdin=child, stdout=child, stderr=child, env=environment, check=True)
        said.append(os.read(parent, 4096))
    os.close(parent)
    os.close(child)
    assert said[0] == said[1]
    assert b"True" in said[0]
    assert b"67" in said[0]


def test_the_ends_of_programs(python: Path) -> None:
    alone = python.with_name("alone")
    for code, status in (
        ("raise SystemExit(300)", 44),
        ("import os; os._exit(9)", 9),
        ("1 / 0", 1),
        ("import os; os.abort()", 134),
        ("(lambda f: f(f))(lambda f: f(f))", 1),
    ):
        native, hosted = direct(python, "-c", code), run(python, "-c", code)
        assert (native.stdout, native.stderr, native.returncode) == (hosted.stdout, hosted.stderr, hosted.returncode), code
        assert native.returncode == status
    # the words for what stopped a guest are Python's
    assert NOWHERE not in direct(alone, "-c", "1 / 0").stderr
    assert "wasm trap" in direct(alone, "-c", "import os; os.abort()").stderr
    reader = subprocess.run(
        f"{alone} -c \"for i in range(100000): print('x' * 99)\" | head -1", shell=True, capture_output=True, text=True
    )
    assert reader.stdout == "x" * 99 + "\n"
    assert "BrokenPipeError" in reader.stderr


def test_closed_streams_are_not_somebody_elses(python: Path) -> None:
    code = "import os, sys; print('out'); print('err', file=sys.stderr)"
    for closing in ("<&-", "<&- 2>&-", ">&-"):
        native, hosted = (
            subprocess.run(["sh", "-c", f'exec "$@" {closing}', "sh", *command, "-c", code], capture_output=True, text=True)
            for command in ([str(python.with_name("alone"))], [sys.executable, "-IS", str(python)])
        )
        assert (native.stdout, native.stderr, native.returncode) == (hosted.stdout, hosted.stderr, hosted.returncode), closing


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_leave_nothing_behind(python: Path, tmp_path: Path, number: int) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    busy = "import itertools\nprint('started', flush=True)\nfor i in itertools.count(): open(f'/tmp/{i % 999}', 'w').close()"
    for code in (busy, "import time; print('started', flush=True); time.sleep(60)"):
        process = subprocess.Popen(
            [str(python.with_name("alone")), "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(temporary)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        process.send_signal(number)
        said = process.communicate(timeout=20)[1]
        assert (process.returncode, said) == (-number, b"interrupted\n" if number == signal.SIGINT else b"")
        assert not list(temporary.iterdir())


def test_an_ignored_signal_stays_ignored(python: Path) -> None:
    code = "print('started', flush=True)\nimport time\ntime.sleep(1)\nprint('ended')"
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", str(python.with_name("alone")), "-c", code], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[0] == b"ended\n"
    assert process.returncode == 0


def test_a_start_file_that_does_not_fit_is_made_anew(empty: Wenv, python: Path) -> None:
    file = start_file_of(empty)
    good = file.read_bytes()
    component = next(text[1:] for text in good.split(b"\0") if text.startswith(b"C"))
    for bad in (b"", b"nonsense", b"\0\0", good[:-1], good[:200] + b"\0", good.replace(component, b"/nowhere")):
        file.write_bytes(bad)
        assert direct(python.with_name("alone"), "-c", "print(1)").returncode == 125
        assert direct(python, "-c", "print(1)").stdout == "1\n"
        assert file.read_bytes() == good
    file.unlink()
    assert direct(python, "-c", "print(1)").stdout == "1\n"
    assert direct(python.with_name("alone"), "-c", "print(1)").stdout == "1\n"
    other = {**os.environ, "XDG_CACHE_HOME": "/somewhere/else"}  # another store: what is written here does not hold there
    assert direct(python.with_name("alone"), "-c", "print(1)", env=other).returncode == 125


def test_a_project_that_was_moved_is_at_home_again_after_one_run(empty: Wenv, python: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.move(empty.folder, moved)
    there = moved / ".wenv" / "bin" / "python"
    assert direct(there, "-c", "import os; print(os.getcwd())").stdout == f"{moved}\n"
    assert str(moved) in (there.parent / "activate").read_text()
    there.write_text(there.read_text().replace(there.read_text().split("\t")[1], NOWHERE))
    assert direct(there, "-c", "import os; print(os.getcwd())").stdout == f"{moved}\n"


def test_a_baked_environment_is_taken_as_it_was_baked(wenv: Wenv) -> None:
    looks = "import os\nLANGUAGE = os.environ.get('LANG')\n"
    wheel = Wheel("zzlooks", files={"zzlooks.py": looks}).write(wenv.folder)
    wenv("create", str(wheel))
    bare = wenv.environment
    bare.pop("LANG", None)
    wenv("bake")
    python = wenv.folder / ".wenv" / "bin" / "python"
    code = "import sys; early = 'zzlooks' in sys.modules; import zzlooks; print(early, zzlooks.LANGUAGE)"
    for _ in range(2):
        assert direct(python, "-c", code, env=bare).stdout == "True None\n"
        assert direct(python, "-c", code, env={**bare, "LANG": "de"}).stdout == "False de\n"
    records = start_file_of(wenv).read_bytes().split(b"\0")
    assert b"bLANG" in records
