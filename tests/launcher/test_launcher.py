"""The short way to run a program: what it imports, when it is taken, and that it does what the long way does."""

import json
import marshal
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Wenv
from wenv.launcher import plan as plans
from wenv.launcher.private_folders import PrivateFolders

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the scripts in bin are started by their first line")

#: What a run may import beyond what every interpreter that starts with -IS has; ctypes brings struct and types.
MODULES = {
    *("wenv", "wenv.launcher", "wenv.launcher.start", "wenv.guest", "wenv.guest.command_line", "wenv.launcher.plan"),
    *(
        "wenv.launcher.guest_paths",
        "wenv.launcher.request",
        "wenv.launcher.preopens",
        "wenv.launcher.program",
        "wenv.launcher.stacks",
        "wenv.launcher.traps",
        "wenv.version",
        "wenv.launcher.c_api",
        "wenv.launcher.private_folders",
        "wenv.launcher.limits",
    ),
    *("os", "os.path", "stat", "_stat", "posixpath", "genericpath", "_collections_abc"),
    *("ctypes", "_ctypes", "ctypes._endian", "struct", "_struct", "types", "_types", "ctypes.util", "ctypes.macholib"),
    *("_thread", "_signal", "_sha2", "_sha256", "marshal", "resource", "time"),
}


@pytest.fixture
def python(empty: Wenv) -> Path:
    """The interpreter of an empty environment."""
    return empty.folder / ".wenv" / "bin" / "python"


def run(
    python: Path, *arguments: str | bytes, options: tuple[str, ...] = (), **more: object
) -> "subprocess.CompletedProcess[str]":
    """Run it with Python on the host, as its second line says, with further options for the interpreter."""
    first, second, *_ = python.read_text().splitlines()
    interpreter = second.split("\t")[1] if second.startswith("#\t") else first.removeprefix("#!").split()[0]
    command = [interpreter, *options, "-IS", str(python), *arguments]
    given = {"cwd": python.parents[2], "capture_output": True, "text": True, **more}
    return subprocess.run(command, **given)  # type: ignore[call-overload, no-any-return]


def imported(python: Path, *arguments: str) -> set[str]:
    """What the host imports for a run."""
    report = run(python, *arguments, options=("-X", "importtime")).stderr
    everything = {line.rpartition("|")[2].strip() for line in report.splitlines() if line.startswith("import time")}
    bare = subprocess.run([sys.executable, "-X", "importtime", "-IS", "-c", "pass"], capture_output=True, text=True).stderr
    return everything - {line.rpartition("|")[2].strip() for line in bare.splitlines()}


def test_a_run_imports_next_to_nothing(python: Path) -> None:
    assert imported(python, "-c", "pass") <= MODULES


def test_it_is_the_scripts_that_take_it(python: Path) -> None:
    result = subprocess.run(
        [str(python), "-c", "import sys; print(sys.argv[1:]); sys.exit(7)", "a b"], capture_output=True, text=True
    )
    assert (result.stdout, result.stderr, result.returncode) == ("['a b']\n", "", 7)
    link = python.parents[2] / "elsewhere"
    link.symlink_to(python)
    assert subprocess.run([str(link), "-c", "print(1)"], capture_output=True, text=True).stdout == "1\n"


def test_programs_of_every_form(python: Path) -> None:
    folder = python.parents[2]
    (folder / "sub").mkdir()
    (folder / "sub" / "script.py").write_text("import sys; print(__file__, sys.argv, sys.path[0])")
    assert run(python, "sub/script.py", "x").stdout == f"{folder}/sub/script.py ['sub/script.py', 'x'] {folder}/sub\n"
    assert run(python, "-", input="print('from stdin')").stdout == "from stdin\n"
    assert run(python, input="print('piped')").stdout == "piped\n"
    assert run(python, "-m", "json.tool", input="[1]").stdout == "[\n    1\n]\n"
    assert run(python, "-W", "error", "-c", "import warnings; warnings.warn('x')").returncode == 1
    assert re.fullmatch(r"Python 3\.14\.\d+\n", run(python, "-V").stdout)
    assert "no such file" in run(python, "nowhere.py").stderr
    assert run(python, "nowhere.py").returncode == 125


def test_a_named_environment_takes_it_too(wenv: Wenv) -> None:
    wenv("create", "-n", "named")
    options = ("-n", "named", "--write", "--env", "A=1")
    command = [sys.executable, "-P", "-X", "importtime", "-m", "wenv", "run", *options, "-c", "pass"]
    report = subprocess.run(command, cwd=wenv.folder, env=wenv.environment, capture_output=True, text=True).stderr
    assert "wenv.launcher.start" in report
    assert "typer" not in report
    assert wenv.python("import os; print(os.environ['A'])", options=("-n", "named", "--env", "A=1")) == "1\n"
    for name in ("..", "no such", "nowhere"):
        assert "no environment" in wenv.result("run", "-n", name, "-c", "pass", status=125).stderr


def test_a_working_folder_that_is_gone(wenv: Wenv) -> None:
    wenv("create", "-n", "named")
    gone = wenv.folder / "gone"
    gone.mkdir()
    script = f"cd {gone} && rmdir {gone} && {sys.executable} -P -m wenv run -n named -c pass"
    result = subprocess.run(["sh", "-c", script], env=wenv.environment, capture_output=True, text=True)
    assert result.returncode == 125
    assert "Traceback" not in result.stderr


def test_text_that_is_not_plain_reaches_the_guest(python: Path) -> None:
    words = ['quote " \\ backslash', "newline\n", "ünïcödé 🐍", ""]
    assert json.loads(run(python, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))", *words).stdout) == words


def test_much_output_arrives(python: Path) -> None:
    assert len(run(python, "-c", "print('x' * 5_000_000)").stdout) == 5_000_001


@pytest.fixture
def limited(wenv: Wenv) -> Path:
    """The interpreter of an environment with limits."""
    wenv("create", "--memory", "64M", "--timeout", "1")
    return wenv.folder / ".wenv" / "bin" / "python"


def test_limits_and_traps_are_told_as_ever(limited: Path) -> None:
    assert imported(limited, "-c", "pass") <= MODULES
    result = run(limited, "-c", "while True: pass")
    assert (result.returncode, result.stderr) == (124, "error: stopped after 1 s, its time limit\n")
    result = run(limited, "-c", "import os; os.abort()")
    assert result.returncode == 134
    assert "most likely out of memory" in result.stderr
    assert run(limited, "-c", "import os; os._exit(9)").returncode == 9


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_leave_nothing_behind(python: Path, tmp_path: Path, number: int) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [str(python), "-u", "-c", "print('started')\nwhile True: pass"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    assert list(temporary.iterdir())
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == -number  # as native programs end
    assert not list(temporary.iterdir())


def test_a_plan_that_does_not_fit_is_made_anew(empty: Wenv, python: Path) -> None:
    plan = Path(plans.plan_file(str(Path(empty.environment["WENV_DATA_DIR"], "registered")), str(python.parents[1])))
    good = plan.read_bytes()
    for bad in (b"", b"nonsense", good[:100], good.replace(b"3.14", b"2.71")):
        plan.write_bytes(bad)
        assert run(python, "-c", "print(1)").stdout == "1\n"
    plan.unlink()
    assert run(python, "-c", "print(1)").stdout == "1\n"
    assert plan.read_bytes() == good
    manifest = python.parents[1] / "environment.json"
    manifest.write_text(manifest.read_text() + "\n")
    assert run(python, "-c", "print(1)").stdout == "1\n"
    assert plan.read_bytes() != good
    assert imported(python, "-c", "pass") <= MODULES


def test_another_version_of_wasmtime_is_left_to_its_own_package(empty: Wenv, python: Path) -> None:
    plan = Path(plans.plan_file(str(Path(empty.environment["WENV_DATA_DIR"], "registered")), str(python.parents[1])))
    for field, value in (
        ("library", ""),
        ("library", __file__),
        ("library_stamp", [1, 2, 3]),
    ):
        changed = {**marshal.loads(plan.read_bytes()[64:]), field: value}
        plan.write_bytes(plans.text_of(changed))  # type: ignore[arg-type]
        assert run(python, "-c", "print(1)").stdout == "1\n"


def test_a_project_that_was_moved_is_at_home_again_after_one_run(empty: Wenv, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.move(empty.folder, moved)
    python = moved / ".wenv" / "bin" / "python"
    assert run(python, "-c", "import os; print(os.getcwd())").stdout == f"{moved}\n"
    assert imported(python, "-c", "pass") <= MODULES


def test_a_component_that_cannot_be_loaded_is_replaced(empty: Wenv, python: Path) -> None:
    plan = plans.read(str(Path(empty.environment["WENV_DATA_DIR"], "registered")), str(python.parents[1]))
    assert plan is not None
    own = {**empty.environment, "WENV_CACHE_DIR": str(empty.folder.parent / "other-store")}
    shutil.copytree(
        empty.environment["WENV_CACHE_DIR"], own["WENV_CACHE_DIR"], symlinks=True, ignore=_all_but(plan["component"])
    )
    assert run(python, "-c", "print(1)", env=own).stdout == "1\n"
    component = plan["component"].replace(empty.environment["WENV_CACHE_DIR"], own["WENV_CACHE_DIR"])
    Path(component).chmod(0o644)
    Path(component).write_bytes(b"damaged")
    assert run(python, "-c", "print(1)", env=own).stdout == "1\n"


def _all_but(component: str) -> Callable[[str, list[str]], list[str]]:
    """Copy only what the runtime needs: of the compiled components only the one that is meant."""
    kept = Path(component).parent.name

    def ignored(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(folder).name == "compiled" and name != kept]

    return ignored


def test_a_policy_that_was_not_granted_is_named_in_every_run(empty: Wenv, python: Path) -> None:
    manifest = python.parents[1] / "environment.json"
    data = json.loads(manifest.read_text())
    data["policy"]["write"] = True
    manifest.write_text(json.dumps(data))
    for _ in range(2):
        result = run(python, "-c", "open('x', 'w')")
        assert "ignored: the policy" in result.stderr
        assert "read-only" in result.stderr


def test_every_file_of_the_guest_makes_plans_stale() -> None:
    folder = Path(plans.GUEST)
    sources = {path for path in folder.rglob("*.py") if "native" not in path.relative_to(folder).parts}
    assert sources <= set(map(Path, plans.guest_files()))
    for path in sources:
        assert f"/{path.relative_to(folder).as_posix()}'" in plans.identity().replace(os.sep, "/")


def test_folders_that_cannot_all_be_made_are_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(OSError), PrivateFolders(["/shared/" + "x" * 300]):  # noqa: PT011 - the system's own words
        pass
    assert list(tmp_path.iterdir()) == []
