"""The command `wenv`, where it is the native program: what it runs itself, what it hands over, and what it does not believe."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime
from tests.launcher.test_native_launcher import observations, start_file_of
from wenv.run import start_file

pytestmark = pytest.mark.skipif(not start_file.has_native_launcher(), reason="no compiler has built it")

empty = pytest.fixture(empty_of_each_runtime, params=RUNTIMES)


@pytest.fixture
def alone(empty: Wenv) -> Path:
    """The command in a folder of its own, where it has nobody to hand over to."""
    folder = empty.folder.parent / "alone"
    folder.mkdir()
    shutil.copy(start_file.LAUNCHER, folder / "wenv")
    return folder / "wenv"


def handed_over(alone: Path) -> str:
    """What it says when it cannot hand over."""
    return f"error: cannot start {alone.with_name('wenv-python')}: No such file or directory\n"


def call(program: Path, words: list[str], **more: object) -> "subprocess.CompletedProcess[str]":
    given = {"capture_output": True, "text": True, "input": "typed", **more}
    return subprocess.run([str(program), *words], **given)  # type: ignore[call-overload, no-any-return]


def test_it_runs_what_python_would_run(empty: Wenv, alone: Path) -> None:
    empty("run", "-c", "pass")  # which leaves a start file
    for name, (arguments, more) in observations(empty.folder).items():
        if name == "piped" or (name.startswith(("from_", "elsewhere")) and name != "from_below"):
            continue  # `wenv run` alone is handed over, and the others are not below the environment
        if arguments[:1] == ["-"]:  # the script may say itself what it needs: Python looks
            assert call(alone, ["run", *arguments], cwd=empty.folder, env=empty.environment).stderr == handed_over(alone)
            continue
        given: dict[str, Any] = {"cwd": empty.folder, "env": empty.environment, **more}
        native = call(alone, ["run", *arguments], **given)
        hosted = subprocess.run(
            [sys.executable, "-P", "-m", "wenv", "run", *arguments],
            capture_output=True,
            text=True,
            **{"input": "typed", **given},
        )
        assert (native.stdout, native.stderr, native.returncode) == (hosted.stdout, hosted.stderr, hosted.returncode), name
        assert native.returncode == 7, (name, native.stderr)


def test_names_and_python_as_a_word(wenv: Wenv, tmp_path: Path) -> None:
    wenv("create", "-n", "lab", "rich")
    folder = tmp_path / "alone"
    folder.mkdir()
    shutil.copy(start_file.LAUNCHER, folder / "wenv")
    given = {"cwd": tmp_path, "env": wenv.environment}
    assert call(folder / "wenv", ["run", "-n", "lab", "-c", "import rich; print(rich.__name__)"], **given).stdout == "rich\n"
    assert call(folder / "wenv", ["run", "--name", "lab", "python", "-c", "print(1)"], **given).stdout == "1\n"
    assert call(folder / "wenv", ["run", "-n", "lab", "python"], **{**given, "input": "print(2)"}).stdout == "2\n"
    shown = call(folder / "wenv", ["run", "-n", "lab", "markdown-it", "--version"], **given)
    assert (shown.returncode, shown.stdout.startswith("markdown-it")) == (0, True), shown.stderr
    for name in ("../lab", ".lab", "nowhere", ""):
        assert call(folder / "wenv", ["run", "-n", name, "-c", "1"], **given).returncode == 125


def test_an_environment_by_its_path(empty: Wenv, alone: Path, tmp_path: Path) -> None:
    empty("run", "-c", "pass")
    (tmp_path / "link").symlink_to(empty.folder)
    given = {"cwd": tmp_path, "env": empty.environment}
    for path in map(str, (empty.folder, empty.folder / ".wenv", tmp_path / "link", Path("link", ".wenv"))):
        assert call(alone, ["run", "--path", path, "-c", "print(1)"], **given).stdout == "1\n", path
    for path in ("nowhere", str(empty.folder / ".wenv" / "bin"), ""):
        assert call(alone, ["run", "--path", path, "-c", "print(1)"], **given).stderr == handed_over(alone), path


def test_all_else_is_handed_over(empty: Wenv, alone: Path) -> None:
    empty("run", "-c", "pass")
    for words in (
        [],
        ["--version"],
        ["list"],
        ["run"],
        ["run", "--help"],
        ["run", "--write", "-c", "1"],
        ["run", "--json", "-c", "1"],
        ["run", "-u", "-c", "1"],
        ["run", "nowhere.py"],
        ["--remove", "x", "0"],
    ):
        shown = call(alone, words, cwd=empty.folder, env=empty.environment)
        assert (shown.stdout, shown.stderr, shown.returncode) == ("", handed_over(alone), 125), words
    variables = {**empty.environment, "WENV_DATA_DIR": "relative"}
    assert call(alone, ["run", "-c", "1"], cwd=empty.folder, env=variables).stderr == handed_over(alone)


def test_a_script_of_somebody_else_is_not_believed(empty: Wenv, alone: Path, tmp_path: Path) -> None:
    """What a clone's bin/python names is a hint: its start file must be the user's own, and no program of its is run."""
    empty("run", "-c", "pass")
    given = {"cwd": empty.folder, "env": empty.environment}
    script = empty.folder / ".wenv" / "bin" / "python"
    lines, own = script.read_text().splitlines(keepends=True), start_file_of(empty)
    foreign, evil, ran = tmp_path / own.name, tmp_path / "evil", tmp_path / "ran"
    shutil.copy(own, foreign)
    evil.write_text(f"#!/bin/sh\ntouch {ran}\n")
    evil.chmod(0o755)
    for start in (foreign, own.parent / ".." / foreign.name, f"{own.parent}/../{own.parent.name}/x"):
        script.write_text(f"{lines[0]}#\t{evil}\t{start}\tpython\n")
        assert call(alone, ["run", "-c", "print(1)"], **given).stderr == handed_over(alone)
    script.write_text(f"{lines[0]}#\t{evil}\t{own}\tpython\n")
    assert call(alone, ["run", "-c", "print(1)"], **given).stdout == "1\n"
    assert "aborted" in call(alone, ["run", "-c", "import os; os.abort()"], **given).stderr
    real = script.rename(script.with_name("real"))
    script.symlink_to(real)
    assert call(alone, ["run", "-c", "print(1)"], **given).stderr == handed_over(alone)
    assert not ran.exists()


def test_an_environment_of_another_is_not_entered(empty: Wenv, alone: Path) -> None:
    empty("run", "-c", "pass")
    given = {"cwd": empty.folder, "env": empty.environment}
    if os.geteuid() == 0:
        os.chown(empty.folder / ".wenv" / "environment.json", 12345, -1)
        assert call(alone, ["run", "-c", "print(1)"], **given).stderr == handed_over(alone)
        os.chown(empty.folder / ".wenv" / "environment.json", 0, -1)
    (empty.folder / ".wenv").rename(empty.folder / "elsewhere")
    (empty.folder / ".wenv").symlink_to("elsewhere")
    assert call(alone, ["run", "-c", "print(1)"], **given).stderr == handed_over(alone)


def test_what_is_no_file_is_not_waited_for(empty: Wenv, alone: Path) -> None:
    empty("run", "-c", "pass")
    given = {"cwd": empty.folder, "env": empty.environment, "timeout": 60}
    script = empty.folder / ".wenv" / "bin" / "python"
    script.unlink()
    os.mkfifo(script)
    assert call(alone, ["run", "-c", "print(1)"], **given).stderr == handed_over(alone)


def test_it_is_called_by_a_link_of_another_name(empty: Wenv, alone: Path) -> None:
    empty("run", "-c", "pass")
    link = alone.with_name("w")
    link.symlink_to(alone)
    assert call(link, ["run", "-c", "print(1)"], cwd=empty.folder, env=empty.environment).stdout == "1\n"
    assert call(link, ["list"], cwd=empty.folder, env=empty.environment).stderr == handed_over(alone)


def test_a_signal_that_the_caller_blocks_does_not_end_it(empty: Wenv, alone: Path) -> None:
    empty("run", "-c", "pass")
    code = "import time; print('begun', flush=True); time.sleep(1); print('ended')"
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        process = subprocess.Popen(
            [alone, "run", "-c", code], cwd=empty.folder, env=empty.environment, stdout=subprocess.PIPE, text=True
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "ended\n"
    assert process.returncode == 0
