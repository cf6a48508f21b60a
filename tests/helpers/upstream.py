"""Test suites of packages, from their source distributions."""

import subprocess
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree

PIP = ("-m", "pip", "--quiet")


def unpacked(pinned: str, downloads: Path, folder: Path) -> Path:
    """Download a source distribution to `downloads`, and unpack it in an empty folder; returns the project's folder."""
    command = [sys.executable, *PIP, "download", "--no-deps", "--no-binary", ":all:", "-d", str(downloads), pinned]
    subprocess.run(command, check=True)
    with tarfile.open(next(downloads.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.iterdir())


def native_python(folder: Path, *packages: str) -> Path:
    """A virtual environment with these packages; returns its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    subprocess.run([str(python), *PIP, "install", *packages], check=True)
    return python


def passed(report: Path) -> set[str]:
    """The tests that passed, as ``class::test``, from a JUnit report."""
    cases = ElementTree.parse(report).iter("testcase")
    bad = ("failure", "error", "skipped")
    return {f"{c.get('classname')}::{c.get('name')}" for c in cases if not any(c.find(tag) is not None for tag in bad)}
