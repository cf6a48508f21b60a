"""What a project asks for holds once it is granted; what runs on the host stays out of what a program may write to."""

import json
import os
import sys
from pathlib import Path

import pytest

import wenv
import wenv_cache
import wenv_resolver
from tests.conftest import Wenv

WRITES = "open('made', 'w').close()"


@pytest.mark.parametrize("name", ["wenv.toml", "pyproject.toml"])
def test_a_request_holds_once_it_is_granted(empty: Wenv, name: str) -> None:
    head = "" if name == "wenv.toml" else "[project]\nname = 'x'\n[tool.wenv]\n"
    (empty.folder / name).write_text(f"{head}write = true\nenv = ['ASKED']\nmemory = '256M'\ntimeout = 50\n")
    empty.environment["ASKED"] = "value"
    result = empty.result("run", "-c", WRITES, status=1)
    assert f"ignored: what {empty.folder / name} asks for" in result.stderr
    assert "wenv grant" in result.stderr
    assert "not granted" in empty("info")
    empty("grant")
    code = f"{WRITES}; import os; print(os.environ['ASKED'])"
    for _ in range(2):
        assert empty("run", "-c", code) == "value\n"
    assert (empty.folder / "made").exists()
    assert "granted" in empty("info")
    python = empty.folder / ".wenv" / "bin" / "python"
    if os.name == "posix":
        import subprocess

        done = subprocess.run([python, "-c", code], cwd=empty.folder, env=empty.environment, capture_output=True, text=True)
        assert done.stdout == "value\n"


def test_a_request_that_changes_has_to_be_granted_again(empty: Wenv) -> None:
    file = empty.folder / "wenv.toml"
    file.write_text("timeout = 50\n")
    empty("grant")
    assert "ignored" not in empty.result("run", "-c", "1").stderr
    file.write_text("timeout = 50\nwrite = true\n")
    assert "ignored" in empty.result("run", "-c", "1").stderr
    empty("run", "-c", WRITES, status=1)
    empty("grant")
    empty("run", "-c", WRITES)
    empty("grant", "--remove")
    assert "ignored" in empty.result("run", "-c", "1").stderr
    file.unlink()
    assert "ignored" not in empty.result("run", "-c", "1").stderr


def test_a_grant_holds_for_one_folder(empty: Wenv) -> None:
    (empty.folder / "wenv.toml").write_text("write = true\n")
    empty("grant")
    other = Wenv(empty.folder.parent / "other", empty.environment)
    other.folder.mkdir()
    other("create")
    (other.folder / "wenv.toml").write_text("write = true\n")
    other("run", "-c", WRITES, status=1)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("write = 5", "write"),
        ("secret = true", "secret"),
        ("mounts = ['/nowhere-at-all']", "nowhere-at-all"),
        ("mounts = 'x'", "mounts"),
        ("memory = 'lots'", "lots"),
        ("timeout = -1", "timeout"),
        ("env = ['A=B']\nenv = 1", "wenv.toml"),
        ("\x1b", "wenv.toml"),
    ],
)
def test_a_request_that_cannot_be_read_is_named(empty: Wenv, text: str, word: str) -> None:
    (empty.folder / "wenv.toml").write_text(text)
    result = empty.result("run", "-c", "1", status=125)
    assert word in result.stderr
    assert "\x1b" not in result.stderr


def test_explain_says_what_holds_and_where_it_comes_from(wenv: Wenv) -> None:
    wenv("create", "--timeout", "70", "--env", "HOME")
    (wenv.folder / "wenv.toml").write_text("timeout = 50\nmax-files = 10\nwrite = true\n")
    wenv("grant")
    shown = json.loads(wenv("run", "--explain", "--memory", "100M", "--json"))
    found = {part["name"]: (part["value"], part["source"]) for part in shown["parts"]}
    file = str(wenv.folder / "wenv.toml")
    assert found["memory"] == ("104857600", "options")
    assert found["time"] == ("70.0", "wenv create")
    assert found["env"] == ("HOME", "wenv create")
    assert found["files"] == ("10", file)
    assert found["write"] == ("yes", file)
    assert found["open_files"] == ("256", "default")
    assert shown["not_granted"] is None
    wenv("grant", "--remove")
    shown = json.loads(wenv("run", "--explain", "--json"))
    assert shown["not_granted"]["path"] == file
    assert "not granted" in wenv.result("run", "--explain").stderr


ATTACKS = """
import os
def attempt(work):
    try:
        work()
    except OSError:
        return False
    return True
def write(path):
    with open(path, "a") as file:
        file.write("changed")
os.symlink(".wenv", "link")
done = [attempt(work) for work in (
    lambda: write(".wenv/bin/python"), lambda: write(".wenv/bin/activate"), lambda: write(".wenv/environment.json"),
    lambda: os.unlink(".wenv/pylock.toml"), lambda: os.rename(".wenv", "moved"), lambda: write("link/bin/python"),
    lambda: write(".git/hooks/pre-commit"), lambda: write(".git/config"), lambda: os.rename(".git", "moved"),
    lambda: write("env/bin/python"), lambda: os.rename("env/bin", "env/moved"), lambda: os.rename("env", "moved"),
    lambda: os.mkdir(".git/hooks/new"), lambda: os.rename("mine", ".git/hooks/post-commit"),
)]
write("mine")
print(sum(done))
"""


def project(wenv: Wenv) -> None:
    """A repository with a virtual environment, beside the environment."""
    for folder in (".git/hooks", "env/bin"):
        (wenv.folder / folder).mkdir(parents=True)
    for file in (".git/config", "env/pyvenv.cfg", "env/bin/python", "mine"):
        (wenv.folder / file).write_text("own\n")


def contents(wenv: Wenv) -> dict[str, bytes]:
    found = (path for name in (".wenv", ".git", "env") for path in (wenv.folder / name).rglob("*"))
    return {str(path): path.read_bytes() for path in found if path.is_file()}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere what changed is said after the run")
@pytest.mark.parametrize("options", [("--write",), ("--write", "--timeout", "100"), ("--mount", ".:rw")], ids=" ".join)
def test_what_runs_on_the_host_stays_as_it_is(empty: Wenv, options: tuple[str, ...]) -> None:
    project(empty)
    before = contents(empty)
    assert empty("run", *options, "-c", ATTACKS) == "0\n"
    assert contents(empty) == before
    assert (empty.folder / "mine").read_text() == "own\nchanged"
    assert (
        empty("shell", *options, stdin="import os; print(os.path.exists('mine')); open('.wenv/x', 'w')", status=1) == "True\n"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere what changed is said after the run")
def test_what_is_named_can_be_changed(empty: Wenv) -> None:
    project(empty)
    code = "open('.git/config', 'w').write('theirs')"
    empty("run", "--write", "--mount", ".git:rw", "-c", code)
    assert (empty.folder / ".git" / "config").read_text() == "theirs"


def test_wenvs_own_installation_is_not_shared_for_writing(empty: Wenv) -> None:
    packages = [str(Path(str(package.__file__)).parent) for package in (wenv, wenv_cache, wenv_resolver)]
    for folder in (sys.prefix, str(Path(sys.prefix).parent), *packages):
        result = empty.result("run", "--mount", f"{folder}:/x:rw", "-c", "1", status=125)
        assert "cannot be shared for writing" in result.stderr
