"""The native launcher, built with the sanitizers of the compiler, does the same and breaks no rule of C."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Wenv
from tests.launcher.test_native_launcher import observations

SOURCES = Path(__file__).parents[2] / "wenv" / "launcher" / "native"
FLAGS = ("-std=c11", "-g", "-O1", "-pthread", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
#: wasmtime handles faults of memory itself, and ends the process without freeing what it has.
SETTINGS = {"ASAN_OPTIONS": "handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0:detect_leaks=0:use_sigaltstack=0"}

pytestmark = [pytest.mark.long, pytest.mark.skipif(sys.platform != "linux", reason="sanitizers as Linux has them")]


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The launcher with sanitizers."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a compiler")
    program = tmp_path_factory.mktemp("sanitized") / "start"
    command = [compiler, *FLAGS, *map(str, sorted(SOURCES.glob("*.c"))), "-o", str(program), "-ldl"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        pytest.skip(f"the compiler has no sanitizers: {result.stderr[-300:]}")
    return program


def test_it_does_the_same_and_breaks_no_rule(empty: Wenv, sanitized: Path) -> None:
    empty("run", "-c", "pass")
    script = empty.folder / ".wenv" / "bin" / "python"
    ends: dict[str, tuple[list[str], dict[str, object]]] = {
        "abort": (["-c", "import os; os.abort()"], {}),
        "exit": (["-c", "import os; os._exit(5)"], {}),
        "unknown": (["nowhere.py"], {}),
    }
    for name, (arguments, more) in {**observations(empty.folder), **ends}.items():
        given: dict[str, Any] = {
            "cwd": empty.folder,
            "capture_output": True,
            "text": True,
            "input": "typed",
            "env": empty.environment,
            **more,
        }
        plain = subprocess.run([str(script), *arguments], **given)
        given["env"] = {**given["env"], **SETTINGS}
        checked = subprocess.run([str(sanitized), str(script), *arguments], **given)
        assert "AddressSanitizer" not in checked.stderr, (name, checked.stderr)
        assert "runtime error" not in checked.stderr, (name, checked.stderr)
        assert (checked.stdout, checked.stderr, checked.returncode) == (plain.stdout, plain.stderr, plain.returncode), name


def test_the_command_does_not_either(empty: Wenv, sanitized: Path) -> None:
    empty("run", "-c", "pass")
    folder = sanitized.parent / "bin"
    folder.mkdir(exist_ok=True)
    command = shutil.copy(sanitized, folder / "wenv")
    given: dict[str, Any] = {
        "cwd": empty.folder,
        "capture_output": True,
        "text": True,
        "env": {**empty.environment, **SETTINGS},
    }
    for words in (["run", "-c", "print(1)"], ["run"], ["list"], [], ["run", "-n", "x" * 5000, "-c", "1"], ["run", "a" * 9000]):
        shown = subprocess.run([command, *words], **given)
        assert "Sanitizer" not in shown.stderr, shown.stderr
        assert "runtime error" not in shown.stderr, shown.stderr
    assert subprocess.run([command, "run", "-c", "print(1)"], **given).stdout == "1\n"
