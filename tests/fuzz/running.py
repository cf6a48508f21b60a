"""Runs a fuzzer for some seconds, in a process that is started again after whatever ends it, and counts."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import NAMES as PYTHON_NAMES

HERE = Path(__file__).parent
ROOT, CORPUS, SOURCE = HERE.parents[1], HERE / "corpus", HERE / "start_file.c"
NATIVE = "start_file"
NAMES = (*PYTHON_NAMES, NATIVE)
#: Seconds that one input may take, megabytes of a fuzzer, bytes of the longest input.
OPTIONS = ("-timeout=20", "-rss_limit_mb=2500", "-max_len=8192", "-print_final_stats=1")
#: start.c is a program that defines what it needs, and gives nothing back.
FLAGS = ("-g", "-O1", "-Wall", "-Wno-macro-redefined", "-Wno-unused", "-Wno-return-type", f"-I{ROOT / 'wenv/launcher/native'}")
SANITIZERS = "address,undefined"
SETTINGS = {"ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=16"}
#: Files that libFuzzer leaves of an input that ended the process.
ARTIFACTS = ("crash-*", "timeout-*", "oom-*", "finding-*.txt")


class MissingToolError(Exception):
    """Something that a fuzzer is built with or runs under is not there; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run; `findings` are one line each, with the file that holds the input."""

    name: str
    executions: int
    seconds: float
    findings: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.executions} executions in {self.seconds:.0f} s, {len(self.findings)} findings"]
        return "\n  ".join([*lines, *self.findings])


def built(folder: Path) -> Path:
    """The fuzzer of the start file, built with clang.  Raises MissingToolError."""
    clang = shutil.which("clang")
    if clang is None:
        raise MissingToolError("start_file needs clang: apt-get install clang libclang-rt-14-dev")
    program = folder / NATIVE
    sanitizers = (f"-fsanitize=fuzzer,{SANITIZERS}", "-fno-sanitize-recover=undefined")
    made = subprocess.run([clang, *FLAGS, *sanitizers, "-o", program, SOURCE], capture_output=True, text=True)
    if made.returncode and "libclang_rt" in made.stderr:
        raise MissingToolError("start_file needs clang's sanitizers: apt-get install libclang-rt-14-dev")
    if made.returncode:
        raise RuntimeError(f"start_file.c does not compile:\n{made.stderr}")
    return program


def command(name: str, folder: Path) -> list[str]:
    """What starts a fuzzer, up to libFuzzer's options; findings go to `folder`.  Raises MissingToolError."""
    if name == NATIVE:
        return [str(built(folder))]
    if importlib.util.find_spec("atheris") is None:
        raise MissingToolError(f"{name} needs atheris, which has wheels for CPython 3.11 to 3.13 on Linux: pip install atheris")
    return [sys.executable, "-m", "tests.fuzz.targets", name, str(folder)]


def fuzz(name: str, folder: Path, seconds: float) -> Outcome:
    """Run a fuzzer from the kept corpus; what it finds, its own corpus and its log go to `folder`.  Raises MissingToolError."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "corpus"
    fresh.mkdir(exist_ok=True)
    start = command(name, folder)
    begun, executions, rounds = time.monotonic(), 0, 0
    while (left := seconds - (time.monotonic() - begun)) >= 1 or not rounds:
        log = folder / f"log-{rounds}.txt"
        rounds += 1
        options = [*OPTIONS, f"-max_total_time={max(1, int(left))}", f"-artifact_prefix={folder}/", f"-seed={rounds}"]
        with log.open("wb") as file:
            ended = subprocess.run(
                [*start, *options, str(fresh), str(CORPUS / name)],
                cwd=ROOT,
                env={**os.environ, **SETTINGS},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        text = log.read_text("utf-8", "replace")
        done = executed(text)
        executions += done
        if ended.returncode and not done:
            raise MissingToolError(f"{name} does not start:\n{text[-2000:]}")
    return Outcome(name, executions, time.monotonic() - begun, findings(folder))


def executed(log: str) -> int:
    """How many inputs a log counts."""
    exact = re.findall(r"^stat::number_of_executed_units:\s*(\d+)", log, re.MULTILINE)
    return int((exact or re.findall(r"^#(\d+)\t", log, re.MULTILINE) or ["0"])[-1])


def findings(folder: Path) -> tuple[str, ...]:
    """A line for each finding in a folder."""
    paths: Sequence[Path] = sorted(path for pattern in ARTIFACTS for path in folder.glob(pattern))
    lines = {path: path.read_text().partition("\n")[0] + ": " if path.suffix == ".txt" else "" for path in paths}
    return tuple(f"{line}{path.with_suffix('')}" for path, line in lines.items())


def replayer(folder: Path) -> list[str] | None:
    """A program that reads inputs of the start file's fuzzer once, built by any compiler; None if there is none with
    sanitizers.  Raises RuntimeError if it does not compile."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    program = folder / "replay"
    given = [compiler, *FLAGS, f"-fsanitize={SANITIZERS}", "-fno-sanitize-recover=undefined", "-DREPLAY", "-o", str(program)]
    if subprocess.run([*given, "-xc", "-"], input=b"int main(void) { return 0; }", capture_output=True).returncode:
        return None
    made = subprocess.run([*given, SOURCE], capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(f"start_file.c does not compile:\n{made.stderr}")
    return [str(program)]
