"""Files, clocks, signals and recursion, as programs know them: run natively and in the sandbox, on each runtime, and packed."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import RUNTIMES, Wenv
from tests.pack.machine import machine, pack

GROWING = Path(__file__).with_name("growing_files.py")
EVERYDAY = Path(__file__).parents[1] / "pack" / "packed_files.py"
SURFACE = Path(__file__).with_name("platform_surface.py")
#: What is different, and in which way; docs/concepts/differences.md says why.
DIFFERENCES = {
    "bits_that_are_copied": "nothing outside of the folder can be found as a program",
}
#: Of the scientific runtime, besides: its `open` is CPython's own.
SCIENTIFIC = {
    GROWING: {
        "what_open_makes": "CPython 3.15 says wb+ where others say rb+",
        "without_a_name": "an empty name is the working folder to open",
        "bits_of_new_files": "the umask does not hold for open",
    },
    EVERYDAY: {
        "open wb+ existing": "CPython 3.15 says wb+ where others say rb+",
        "open wb+ missing": "the same",
        "open nothing": "an empty name is the working folder to open",
    },
}
#: Of a packed program, whose files in memory have no bits of other kinds, and no links.
PACKED_DIFFERENCES = {
    **DIFFERENCES,
    "usual_bits": "no links",
}


def natively(program: Path, *arguments: str) -> dict[str, str]:
    """What a program finds out on the host."""
    said = subprocess.run([sys.executable, str(program), *arguments], check=True, capture_output=True, text=True, env={})
    found: dict[str, str] = json.loads(said.stdout)
    return found


def different(expected: dict[str, str], found: dict[str, str], but: dict[str, str]) -> dict[str, tuple[str, str]]:
    """What is not as expected, and not known to be different; what is known must be."""
    unlike = {name: (value, found[name]) for name, value in expected.items() if value != found[name]}
    assert set(but) <= set(unlike), f"as natively by now: {set(but) - set(unlike)}"
    return {name: values for name, values in unlike.items() if name not in but}


@pytest.mark.parametrize("runtime_name", RUNTIMES)
@pytest.mark.parametrize("program", [GROWING, EVERYDAY], ids=["growing", "everyday"])
def test_files_behave_as_they_do_natively(wenv: Wenv, tmp_path: Path, runtime_name: str, program: Path) -> None:
    wenv("create", "--runtime", runtime_name, timeout=900)
    expected = natively(program, str(tmp_path / "native"))
    found = json.loads(wenv("run", "--write", "--mount", str(program.parent), str(program), str(wenv.folder / "shared")))
    but = (DIFFERENCES if program == GROWING else {}) | (SCIENTIFIC[program] if runtime_name == "scientific" else {})
    assert different(expected, found, but) == {}
    found = json.loads(wenv("run", "--mount", str(program.parent), str(program), "/tmp/own"))
    assert different(expected, found, but) == {}


@pytest.mark.long
@pytest.mark.skipif(find_spec("wasmtime_cli") is None, reason="no wheel of wasmtime's executable for this platform")
def test_packed_files_grow_as_they_do_natively(empty: Wenv, tmp_path: Path) -> None:
    expected = natively(GROWING, str(tmp_path / "native"))
    found = json.loads(machine(tmp_path, pack(empty, "--entry", str(GROWING)))("/tmp/packed"))
    assert different(expected, found, PACKED_DIFFERENCES) == {}


EXPECTED = {
    "terminal_size": "OSError",
    "terminal_size_or_default": "7",
    "disk_usage": "OSError",
    "file_system": "OSError",
    "parent": "True",
    "timer": "OSError",
    "no_timer": "((0.0, 0.0), 0, (0.0, 0.0))",
    "signals": "(True, True)",
    "another_process": "ProcessLookupError",
    "work_is_not_sleep": "[True, True]",
    "locales": "([True, True, True, 'refused', 'refused', 'refused'], True)",
    "signal_handlers_of_a_loop": "'not implemented'",
    "linked_lists": "'dropped'",
    "recursion_in_c": "RecursionError",
    "deep_json": "RecursionError",
    "deep_text": "RecursionError",
}


@pytest.mark.parametrize("runtime_name", RUNTIMES)
def test_what_is_absent_raises_what_programs_expect(wenv: Wenv, runtime_name: str) -> None:
    for name in ("COLUMNS", "LINES"):
        wenv.environment.pop(name, None)
    wenv("create", "--runtime", runtime_name, timeout=900)
    script = wenv.folder / SURFACE.name
    script.write_text(SURFACE.read_text())
    assert json.loads(wenv("run", script.name)) == EXPECTED
    assert json.loads(wenv("run", "--timeout", "60", "--json", script.name).splitlines()[0])["stdout"] == json.dumps(
        EXPECTED, indent=1
    ) + "\n"  # fmt: skip


def test_a_folder_that_cannot_be_listed_is_named(wenv: Wenv) -> None:
    wenv("create")
    folder = wenv.folder / "names"
    folder.mkdir()
    (folder / "a").touch()
    try:
        Path(str(folder), "b\udce9").touch()
    except OSError:
        pytest.skip("the file system takes no such name")
    code = "import glob, os; print([names for _, _, names in os.walk('names')], glob.glob('names/*'), open('names/a').read())"
    result = wenv.result("run", "-c", code)
    assert result.stdout == "[] ['names/a'] \n"
    assert result.stderr == (
        "wenv: names cannot be listed, as a file name in it is not UTF-8; its other files can be opened by their names\n"
    )


@pytest.mark.parametrize(
    ("module", "words"),
    [("asyncio", "`wenv shell` is a prompt"), ("ensurepip", "`wenv install PACKAGE`"), ("venv", "`wenv create`")],
)
def test_programs_of_the_library_say_what_does_their_work(wenv: Wenv, module: str, words: str) -> None:
    wenv("create")
    result = wenv.result("run", "-m", module, status=1)
    assert result.stderr.startswith(f"python -m {module}: ")
    assert words in result.stderr


def test_what_is_not_there_cannot_be_removed(empty: Wenv) -> None:
    """WASI says of a read-only folder that nothing may be removed, before it looks whether it is there."""
    (empty.folder / "there").touch()
    code = """
import os, pathlib, shutil
for work in (os.unlink, os.remove, os.rmdir, lambda path: os.rename(path, "x"), lambda path: os.replace(path, "x"),
             lambda path: pathlib.Path(path).unlink(), shutil.rmtree):
    for path in ("nope", "/python/nope", "/tmp/nope", "there"):
        try:
            work(path)
        except OSError as error:
            assert isinstance(error, FileNotFoundError) != (path == "there"), (work, path, error)
            assert str(error.filename) == path
pathlib.Path("nope").unlink(missing_ok=True)
shutil.rmtree("nope", ignore_errors=True)
print(os.unlink in os.supports_dir_fd)
"""
    assert empty.python(code) == "True\n"


def test_the_configuration_is_whole(empty: Wenv) -> None:
    code = """
import shlex, sysconfig
assert all(not str(value).endswith("\\\\\\\\") for value in sysconfig.get_config_vars().values())
print(len(shlex.split(sysconfig.get_config_var("CONFIG_ARGS") or "")) >= 0)
"""
    assert empty.python(code) == "True\n"
