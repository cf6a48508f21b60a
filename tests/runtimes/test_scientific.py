"""The scientific runtime: how it is chosen, what it holds, and that it does what the default one does.

tests/run/test_run.py and tests/run/test_shell.py run on both.
"""

import ctypes
import json
import re
import subprocess
import sys
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.conftest import Wenv, copy_runtime
from tests.runtimes.conftest import said
from wenv.launcher import memory_image
from wenv.runtimes import Runtime
from wenv.runtimes.scientific import table
from wenv.runtimes.wasm_exports import with_exports
from wenv_cache.store import Store
from wenv_resolver.progress import Silent

# -- what it is


def test_the_table_says_what_is_in_the_wheel(scientific: Runtime) -> None:
    found = {}
    for path in scientific.store.tree(scientific.standard_library(Silent())).glob("*.dist-info/METADATA"):
        message = Parser().parsestr(path.read_text("utf-8"), headersonly=True)
        found[canonicalize_name(message["Name"])] = message["Version"]
    assert found == table()["packages"]
    assert dict(scientific.target(Silent()).markers) == table()["markers"]
    assert scientific.target(Silent()).contained == found


def test_everything_that_it_holds_can_be_imported(lab: Wenv, scientific: Runtime) -> None:
    modules = [module for held in scientific.contents.packages.values() for module in held.modules]
    code = f"import importlib\nfor name in {modules}: print(importlib.import_module(name).__name__)"
    assert lab.python(code).split() == modules


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\0asm\1\0\0\0", b"MZ" + bytes(20), b"\0asm\1\0\0\0\0", b"\0asm\1\0\0\0\0\xff"),
        *(b"\0asm\1\0\0\0\1\5abc", b"\0asm\1\0\0\0\0\6\4name\1", b"\0asm\1\0\0\0\0\7\4name\1\5"),
    ],
)
def test_what_is_no_module_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what is said differs
        with_exports(data, ["nothing"])


def test_an_image_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path, target = tmp_path / "memory.image", bytearray(4 * memory_image.PAGE)
    address = (ctypes.c_ubyte * len(target)).from_buffer(target)
    page = b"x" * memory_image.PAGE
    path.write_bytes(memory_image.head_of(1, [(1, 2)]) + page + page)
    memory_image.restore(str(path), lambda units: ctypes.addressof(address), mapped=False)
    assert target == bytes(memory_image.PAGE) + page + page + bytes(memory_image.PAGE)
    path.write_bytes(memory_image.head_of(1, [(1, 2)]) + page)
    with pytest.raises(OSError, match="cut off"):
        memory_image.restore(str(path), lambda units: ctypes.addressof(address), mapped=False)
    for length in (0, 10, memory_image.PAGE, path.stat().st_size - 1):
        path.write_bytes(path.read_bytes()[:length])
        assert not memory_image.is_whole(str(path))


def test_an_image_that_was_damaged_is_made_again(lab: Wenv, scientific: Runtime, tmp_path: Path) -> None:
    own = Store(tmp_path / "own")
    copy_runtime(scientific, own)
    lab.environment["WENV_CACHE_DIR"] = str(own.root)
    lab("create", "--clear", "numpy")
    assert lab.python("print(1)") == "1\n"
    for image in own.root.glob("*/memories/*/memory.image"):
        data = image.read_bytes()
        image.unlink()
        image.write_bytes(data[: len(data) // 2])
    assert lab.python("import numpy; print(numpy.ones(2).sum())") == "2.0\n"
    assert all(memory_image.is_whole(str(image)) for image in own.root.glob("*/memories/*/memory.image"))


# -- how it is chosen


def test_environments_of_it_are_shared_copied_and_locked(lab: Wenv) -> None:
    lab("export", "-o", "lab.wenv")
    lab("import", "lab.wenv", "-n", "other")
    assert lab("run", "-n", "other", "-c", "import numpy; print(numpy.ones(3).sum())") == "3.0\n"
    assert lab("run", "--from", "lab.wenv", "-c", "import pandas; print(pandas.DataFrame().empty)") == "True\n"
    lab("copy", "third", "-n", "other")
    assert {e["runtime"] for e in lab.json("list")} == {"CPython 3.15 (scientific)"}
    assert {e["state"] for e in lab.json("list")} == {"fine"}
    assert "cannot be packed" in said(lab, "pack", "-m", "this", "-o", "x.wasm", status=1)
    lab("lock", "matplotlib", "-o", "pylock.science.toml")
    assert 'runtime = "scientific"' in (lab.folder / "pylock.science.toml").read_text()
    assert {row["how"] for row in lab.json("check", "numpy", "tabulate")} == {"in the runtime"}


# -- how it runs


def test_the_short_way_runs_it_without_importing_wasmtime(lab: Wenv) -> None:
    lab.python("pass")
    python = lab.folder / ".wenv" / "bin" / "python"
    first, second, *_ = python.read_text().splitlines()
    interpreter = second.split("\t")[1] if second.startswith("#\t") else first.removeprefix("#!").split()[0]
    code = "import sys, numpy; print(numpy.arange(3).sum(), sys.argv); sys.exit(9)"
    result = subprocess.run(
        [interpreter, "-X", "importtime", "-IS", str(python), "-c", code, "a"], capture_output=True, text=True, cwd=lab.folder
    )
    assert (result.stdout, result.returncode) == ("3 ['-c', 'a']\n", 9)
    assert "wenv.launcher.module" in result.stderr
    assert not re.search(r"\| +(wasmtime|json|typer)$", result.stderr, re.MULTILINE)
    assert subprocess.run([str(python), "-c", code, "a"], capture_output=True, text=True).stdout == result.stdout
    short_way = subprocess.run([str(python), "-c", "import _host; _host.call(b'x')"], capture_output=True, text=True)
    assert "ConnectionRefusedError" in short_way.stderr
    long_way = lab.result("run", "--max-output", "1M", "-c", "import _host; _host.call(b'x')", status=1)
    assert "ConnectionRefusedError" in long_way.stderr


SEEDED = """
import random, secrets, tempfile, uuid
import numpy as np, pandas as pd
print(random.random(), np.random.rand(), np.random.default_rng().random(), uuid.uuid4(), secrets.token_hex(4),
      tempfile.mktemp(), pd.Series(range(1000)).sample(3).tolist(), sep="\\n")
"""


def test_baked_it_starts_with_its_modules_in_memory(lab: Wenv) -> None:
    done = lab.json("bake")
    assert {"numpy", "pandas", "matplotlib"} <= set(done["modules"]), done
    loaded = "import sys; print(sorted({'numpy', 'pandas', 'matplotlib'} & set(sys.modules)))"
    assert lab.python(loaded) == "['matplotlib', 'numpy', 'pandas']\n"
    runs = [lab.python(SEEDED).splitlines() for _ in range(2)]
    assert all(one != other for one, other in zip(*runs, strict=True)), runs
    assert lab.python("import pandas as pd; print(pd.DataFrame({'a': [1, 2, 2]}).groupby('a').size().tolist())") == "[1, 2]\n"
    # what its modules looked for and did not find is there now
    (lab.folder / "matplotlibrc").write_text("lines.linewidth: 7\n")
    assert lab.python(loaded) == "[]\n"
    assert lab.python("import matplotlib; print(matplotlib.rcParams['lines.linewidth'])") == "7.0\n"
    directly = [str(lab.folder / ".wenv" / "bin" / "python"), "-c", loaded]
    assert subprocess.run(directly, cwd=lab.folder, capture_output=True, text=True).stdout == "[]\n"
    elsewhere = subprocess.run(directly, cwd=lab.folder.parent, capture_output=True, text=True)
    assert elsewhere.stdout == "['matplotlib', 'numpy', 'pandas']\n"
    (lab.folder / "matplotlibrc").unlink()
    assert lab.python(loaded, options=("--env", "MPLBACKEND=svg")) == "[]\n"
    assert lab.python(loaded) == "['matplotlib', 'numpy', 'pandas']\n"
    assert lab.python("import os; print(os.path.isdir(os.environ.get('MPLCONFIGDIR', '/tmp/.matplotlib')))") == "True\n"


def test_a_limit_that_is_too_low_for_what_was_baked(lab: Wenv) -> None:
    lab("bake")
    loaded = "import sys; print('pandas' in sys.modules)"
    assert lab.python(loaded) == "True\n"
    assert lab.python(loaded, options=("--memory", "60M")) == "False\n"
    assert "its memory limit is too low" in lab.result("run", "--memory", "1M", "-c", loaded, status=134).stderr


def test_a_missing_module_is_told_as_ever(lab: Wenv) -> None:
    error = lab.result("run", "-c", "import zz_nothing", status=1).stderr
    assert error.splitlines()[-1] == "ModuleNotFoundError: No module named 'zz_nothing'"
    assert lab.python("import sys; print(sys.flags.no_site, sys.flags.utf8_mode, len(sys.flags) > 10)") == "0 1 True\n"


# -- long


#: Wheels whose own tests are run, which modules of them, and how many must pass.
SUITES = {
    "numpy": (["numpy/lib/tests/test_function_base.py", "numpy/linalg/tests/test_linalg.py"], 1800),
    "pandas": (["pandas/tests/reshape/merge/test_merge.py"], 900),
    "scikit-learn": (["sklearn/metrics/tests/test_classification.py"], 240),
}


@pytest.mark.long
@pytest.mark.parametrize("name", SUITES)
def test_own_suites(wenv: Wenv, scientific: Runtime, tmp_path: Path, name: str) -> None:
    import zipfile

    modules, least = SUITES[name]
    pinned = f"{name}=={table()['packages'][name]}"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps", "--only-binary", ":all:"]
    target = ["--platform", "manylinux_2_28_x86_64", "--python-version", "3.13", "-d", str(tmp_path)]
    subprocess.run([*pip, *target, pinned], check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        for path in modules:
            (wenv.folder / Path(path).name).write_bytes(wheel.read(path))
        if name != "numpy":  # numpy's is for a build tree
            (wenv.folder / "conftest.py").write_bytes(wheel.read(f"{modules[0].partition('/')[0]}/conftest.py"))
    wenv("create", "--runtime", "scientific", name, "pytest", "hypothesis")
    said = wenv("run", "pytest", "-q", *(Path(path).name for path in modules), status=None, timeout=1200)
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|error)", said.splitlines()[-1])}
    print(pinned, said.splitlines()[-1])
    assert counts["passed"] >= least
    assert counts.keys() == {"passed"}, said[-4000:]


@pytest.mark.long
def test_many_packages_on_top_of_it(wenv: Wenv, scientific: Runtime) -> None:
    text = Path(__file__).with_name("popular.txt").read_text("utf-8")
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    chosen = {name: (module or name).replace("-", "_") for name, _, module in (line.partition(":") for line in lines)}
    wenv("create", "--runtime", "scientific", *chosen, timeout=900)
    code = f"import importlib\nfor module in {list(chosen.values())}: importlib.import_module(module)"
    assert wenv("run", "-c", code, timeout=600) == ""
    assert len(chosen) > 40


@pytest.mark.long
def test_sessions_in_a_program(lab: Wenv) -> None:
    import wenv as package
    from wenv.errors import TimeLimitError

    with package.open(lab.folder).session(timeout=20) as session:
        session.run("import numpy as np; x = np.arange(4)")
        session.run("def total(n): return int(x.sum()) + n")
        assert session.call("total", 4) == 10
        session.reset()
        assert json.loads(session.run("print('x' in globals())").stdout.lower()) is False
    with package.open(lab.folder).session(timeout=1) as session, pytest.raises(TimeLimitError):
        session.run("while True: pass")
