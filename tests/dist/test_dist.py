"""What is released: wheels and versions."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.long


def built_version(folder: Path) -> str:
    """The version of a wheel that is built from a source tree."""
    output = folder.parent / "output"
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(output), str(folder)]
    subprocess.run(command, check=True, env={**os.environ, "WENV_TARGET": "none any"})
    (wheel,) = output.glob("*.whl")
    found = re.fullmatch(r"wenv-(.+)-py3-none-any\.whl", wheel.name)
    assert found is not None
    wheel.unlink()
    return found[1]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A clone of this repository."""
    copy = tmp_path / "wenv"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
    return copy


def git(folder: Path, *words: str) -> None:
    name = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    subprocess.run(["git", "-C", str(folder), *name, *words], check=True, capture_output=True)


def test_the_version_is_the_last_tags(source: Path) -> None:
    for tag in subprocess.run(["git", "-C", str(source), "tag"], text=True, capture_output=True).stdout.split():
        git(source, "tag", "-d", tag)
    assert re.fullmatch(r"0\.\d+\.\d+\.dev\d+", built_version(source))
    git(source, "tag", "-a", "v9.8.7", "-m", "a release")
    assert built_version(source) == "9.8.7"


def test_the_version_without_git_is_the_fallback(source: Path) -> None:
    (source / ".git").rename(source.parent / "history")
    assert built_version(source) == "0.1.0"


def test_all_wheels_are_made_and_checked(source: Path, shared_cache: Path) -> None:
    pytest.importorskip("auditwheel", reason="`make dist` installs what it takes")
    result = subprocess.run(
        [sys.executable, "-m", "tests.dist.build"],
        cwd=source,
        text=True,
        capture_output=True,
        env={**os.environ, "WENV_CACHE_DIR": str(shared_cache)},
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("inspected") == 7
    assert "hello by the native launcher" in result.stdout
