"""Times building packages from source, and numpy's work in the sandbox against native numpy; prints two tables.

    python benchmarks/native.py [--peer-python PATH] [--packages NAME…]

Building: whole `wenv build NAME` processes, from the source distribution to a wheel whose modules have been imported, one each,
in a store of its own in which the interpreter and the compiler are ready.  Computing: the best of several runs of each
operation, the same program in the sandbox and in a virtual environment with the same version of numpy; native BLAS uses one
thread.
`--peer-python` names a CPython from 3.12 on, which numpy 2.5 needs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
PROGRAM = HERE / "arrays.py"
PACKAGES = ("markupsafe", "regex", "numpy")


def wenv(*arguments: str, **variables: str) -> str:
    """Run wenv; returns its output.  Raises CalledProcessError."""
    command = [sys.executable, "-P", "-m", "wenv", *arguments]
    return subprocess.run(command, env={**os.environ, **variables}, check=True, capture_output=True, text=True).stdout


def times_of_building(packages: Sequence[str], cache: Path, wheels: Path) -> None:
    """Build each package and print how long it took."""
    store = {"WENV_CACHE_DIR": str(cache)}
    wenv("build", "msgpack", "-o", str(wheels), **store)  # makes the interpreter and the compiler ready
    print("| from source to a wheel that was tried | seconds | wheel, kB |\n| --- | ---: | ---: |")
    for name in packages:
        started = time.perf_counter()
        built = json.loads(wenv("build", "--json", name, "-o", str(wheels), **store))
        seconds = time.perf_counter() - started
        [wheel] = [each for each in built if Path(each["path"]).name.startswith(name)]
        print(f"| {Path(wheel['path']).name.partition('-cp')[0]} | {seconds:.0f} | {wheel['size'] / 1000:.0f} |", flush=True)


def arrays(python: str, cache: Path, wheels: Path, folder: Path) -> None:
    """Run the same operations in the sandbox and natively, and print the ratios."""
    environment = {"WENV_CACHE_DIR": str(cache)}
    wenv("create", "--path", str(folder / "sandbox"), "--find-links", str(wheels), "numpy", **environment)
    inside = json.loads(wenv("run", "--path", str(folder / "sandbox"), str(PROGRAM), **environment))
    native = folder / "native"
    subprocess.run([python, "-m", "venv", str(native)], check=True)
    interpreter = str(native / ("Scripts" if os.name == "nt" else "bin") / "python")
    subprocess.run([interpreter, "-m", "pip", "install", "-q", f"numpy=={inside['version']}"], check=True)
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    outside = json.loads(subprocess.run([interpreter, str(PROGRAM)], env=one_thread, check=True, capture_output=True).stdout)
    print(f"\n| numpy {inside['version']}, ms | sandbox | native | ratio |\n| --- | ---: | ---: | ---: |")
    for name, value in inside["milliseconds"].items():
        other = outside["milliseconds"][name]
        print(f"| {name} | {value:.2f} | {other:.2f} | {value / other:.1f} |")


def main() -> None:
    """Build, compute, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--packages", nargs="+", default=list(PACKAGES))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wenv-bench-") as folder:
        cache, wheels = Path(folder, "cache"), Path(folder, "wheels")
        times_of_building(options.packages, cache, wheels)
        if "numpy" in options.packages:
            arrays(options.peer_python, cache, wheels, Path(folder))


if __name__ == "__main__":
    main()
