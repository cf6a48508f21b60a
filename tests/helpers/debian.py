"""Packages of Debian's unstable suite, from the machine's own mirror, unpacked into a folder: nothing is installed."""

import re
import subprocess
from pathlib import Path

SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))


def unpack(folder: Path, *packages: str, needed: tuple[str, ...] = ()) -> Path:
    """Unpack `packages` alone, and `needed` with all that they need; returns the folder that holds their files.

    Raises OSError, CalledProcessError or StopIteration where that cannot be done.
    """
    apt, archives = _apt(folder, "deb"), folder / "archives"
    if packages:
        subprocess.run([*apt, "download", *packages], check=True, capture_output=True, cwd=archives)
    if needed:
        command = [*apt, "install", "--yes", "--no-install-recommends", "--download-only", *needed]
        subprocess.run(command, check=True, capture_output=True)
    unpacked = folder / "unpacked"
    for package in sorted(archives.glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True, capture_output=True)
    return unpacked


def sources(folder: Path, *packages: str, suite: str = "sid") -> list[Path]:
    """The archives that source packages were made from, as their authors published them or without what is not free.

    Raises as `unpack` does.
    """
    apt, place = _apt(folder, "deb-src", suite), folder / "sources"
    place.mkdir(exist_ok=True)
    for package in packages:
        subprocess.run([*apt, "source", "--tar-only", "--only-source", package], check=True, capture_output=True, cwd=place)
    return sorted(path for path in place.iterdir() if ".orig.tar." in path.name and path.suffix != ".asc")


def _apt(folder: Path, kind: str, suite: str = "sid") -> list[str]:
    """apt-get with a configuration of its own, its lists up to date."""
    source = next(path for path in SOURCES if path.is_file())
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    text = source.read_text("utf-8").split("\n\n")[0]
    text = re.sub(r"^Types:.*", f"Types: {kind}", text, flags=re.MULTILINE)
    text = re.sub(r"^Suites:.*", f"Suites: {suite}", text, flags=re.MULTILINE)
    text = re.sub(r"^deb((?: \[[^]]*\])? \S+) \S+", rf"{kind}\1 {suite}", text, flags=re.MULTILINE)
    own, status = folder / (suite + source.suffix), folder / "status"
    own.write_text(text + "\n", "utf-8")
    status.touch()
    options = [
        f"Dir::Etc::sourcelist={own}",
        "Dir::Etc::sourceparts=/nonexistent",
        f"Dir::State::lists={folder / 'lists'}",
        f"Dir::State::status={status}",  # nothing counts as installed
        f"Dir::Cache={folder}",
        "APT::Sandbox::User=root",
        "Debug::NoLocking=1",
    ]
    apt = ["apt-get", *(argument for option in options for argument in ("-o", option))]
    subprocess.run([*apt, "update"], check=True, capture_output=True)
    return apt
