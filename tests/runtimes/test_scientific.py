"""The scientific runtime: how it is chosen, what it holds, and that it does what the default one does.

tests/run/test_run.py and tests/run/test_shell.py run on both.
"""

import base64
import ctypes
import json
import re
import struct
import subprocess
import sys
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.conftest import Wenv, copy_runtime
from tests.helpers.source_builder import extension
from tests.helpers.wheel_builder import Wheel
from wenv.environment.kinds import Kind
from wenv.launcher import memory_image
from wenv.runtimes import Runtime, runtime_of
from wenv.runtimes.choice import scientific_reasons
from wenv.runtimes.scientific import table
from wenv.runtimes.wasm_exports import with_exports
from wenv_cache.store import Store
from wenv_resolver.progress import Silent


@pytest.fixture(scope="session")
def scientific(shared_cache: Path) -> Runtime:
    """The runtime, prepared."""
    made = runtime_of(Store(shared_cache), Kind.SCIENTIFIC)
    with made.store.adding():
        made.prepare(Silent())
    return made


@pytest.fixture
def lab(wenv: Wenv, scientific: Runtime) -> Wenv:
    """An environment with nothing but what the runtime holds."""
    wenv("create", "numpy", "pandas", "matplotlib")
    return wenv


def said(wenv: Wenv, *arguments: str, status: int = 0) -> str:
    """What a command says to people."""
    return wenv.result(*arguments, status=status).stderr


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
    modules = [module for held in scientific.contained(Silent()).values() for module in held.modules]
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


@pytest.mark.parametrize(
    ("requirement", "reasons"),
    [
        ("numpy", ["numpy"]),
        ("NumPy>=2", ["numpy"]),
        ("scikit_learn", ["scikit-learn"]),
        ("numpy<2", []),
        ("pandas; sys_platform == 'win32'", []),
        ("numpy @ https://somewhere.invalid/numpy-1-py3-none-any.whl", []),
        ("rich", []),
        ("regex", []),  # it is in it, and the default runtime can have it too
        ("./a/path", []),
    ],
)
def test_what_speaks_for_it(requirement: str, reasons: list[str]) -> None:
    assert scientific_reasons([requirement]) == reasons


def test_it_is_chosen_by_itself_and_says_why(wenv: Wenv, wheels: Path) -> None:
    Wheel("zzneeds", "1.0", {"zzneeds.py": "import scipy"}, requires=["zzgone"]).write(wheels)
    Wheel("zzplots", "1.0", {"zzplots.py": "import matplotlib"}, requires=["matplotlib"]).write(wheels)
    local = ("--no-index", "--find-links", str(wheels))
    words = said(wenv, "create", *local, "zzplots", "matplotlib")
    assert "Runtime: scientific, which has matplotlib" in words
    assert "1 package and 1 of the runtime's on CPython 3.15 (scientific)" in words
    found = wenv.json("info")
    assert found["runtime"]["kind"] == "scientific"
    assert {"zzplots": "pure", "matplotlib": "in the runtime"}.items() <= {
        p["name"]: p["kind"] for p in found["packages"]
    }.items()
    lock = (wenv.folder / ".wenv" / "pylock.toml").read_text()
    assert 'runtime = "scientific"' in lock
    assert f'"matplotlib=={table()["packages"]["matplotlib"]}"' in lock
    (wenv.folder / "pylock.toml").write_text(re.sub('"numpy==[0-9.]*"', '"numpy==1.0"', lock))
    assert "a runtime with numpy==1.0" in said(wenv, "create", "--clear", "-r", "pylock.toml", status=1)
    (wenv.folder / "pylock.toml").write_text(lock)
    wenv("create", "--clear", "-r", "pylock.toml")
    assert wenv.json("info")["runtime"]["kind"] == "scientific"


def test_it_is_chosen_for_what_the_default_one_turns_out_not_to_have(wenv: Wenv, wheels: Path) -> None:
    Wheel("zzplots", "1.0", {"zzplots.py": "import lxml.etree"}, requires=["lxml"]).write(wheels)
    words = said(wenv, "create", "--find-links", str(wheels), "zzplots")
    assert "Runtime: scientific, which has lxml" in words
    assert wenv.python("import zzplots, lxml.etree; print(lxml.etree.fromstring('<a/>').tag)") == "a\n"
    error = said(wenv, "create", "--clear", "--runtime", "default", "--no-build", "-f", str(wheels), "zzplots", status=1)
    assert "the scientific runtime has lxml" in error


def test_it_is_not_chosen_for_what_somebody_brings(wenv: Wenv, wheels: Path) -> None:
    Wheel("numpy", "9.0", {"numpy.py": "mine = True"}, tag="cp314-cp314-wasi_0_0_0_wasm32").write(wheels)
    wenv("create", "--no-index", "--find-links", str(wheels), "numpy")
    assert wenv.json("info")["runtime"]["kind"] == "default"
    assert wenv.python("import numpy; print(numpy.mine)") == "True\n"


def test_versions_that_it_does_not_hold_are_refused_with_what_would_work(lab: Wenv, wheels: Path) -> None:
    held = table()["packages"]["numpy"]
    error = said(lab, "create", "--clear", "--runtime", "scientific", "numpy==1.26.4", "pandas", status=1)
    assert f"this runtime holds numpy {held}" in error
    assert "--runtime default" in error
    error = said(lab, "create", "--clear", "--no-build", "numpy==1.26.4", status=1)
    assert "Runtime: scientific" not in error
    assert f"the scientific runtime has numpy {held}" in error
    (lab.folder / "hashed.txt").write_text(f"numpy=={held} --hash=sha256:{'0' * 64}\n")
    assert "cannot be checked" in said(lab, "create", "--clear", "-r", "hashed.txt", status=1)
    error = said(lab, "install", "numpy<2", status=1)
    assert f"this runtime holds numpy {held}" in error
    extension("zzfast", "static int zero(void) { return 0; }").write(wheels)
    error = said(lab, "install", "--no-index", "--find-links", str(wheels), "zzfast", status=1)
    assert "this runtime takes no extension modules" in error
    assert "--runtime default" in error
    Wheel("zzwasm", "1.0", {"zzwasm.py": ""}, tag="cp315-cp315-wasi_0_0_0_wasm32").write(wheels)
    assert "zzwasm" in said(lab, "install", "--no-index", "--find-links", str(wheels), "zzwasm", status=1)
    assert lab.json("info")["runtime"]["kind"] == "scientific"
    assert said(lab, "install", "scipy").strip() == f"+ scipy {table()['packages']['scipy']}"
    assert "scipy" in {package["name"] for package in lab.json("info")["packages"] if package["requested"]}


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


PLOT = """
import matplotlib.pyplot as plt
plt.plot([1, 3, 2])
plt.figure(figsize=(2, 1))
plt.bar([1, 2], [3, 4])
plt.show()
plt.show()
print("after")
"""


def test_show_writes_pictures_where_the_host_says(lab: Wenv, tmp_path: Path) -> None:
    (lab.folder / "plot.py").write_text(PLOT)
    for number in (1, 3):
        result = lab.result("run", "plot.py")
        assert result.stdout == "after\n"
        paths = [Path(line.removeprefix("plot: ")) for line in result.stderr.splitlines() if line.startswith("plot: ")]
        assert [path.name for path in paths] == [f"plot-{n:03}.png" for n in (number, number + 1)]
        assert [struct.unpack(">2I", path.read_bytes()[16:24]) for path in paths] == [(640, 480), (200, 100)]
    lab("run", "--write", "-c", "import matplotlib.pyplot as plt; plt.plot([1]); plt.savefig('own.svg')")
    assert "<svg" in (lab.folder / "own.svg").read_text()


def pixels_of(sixels: str) -> list[list[tuple[int, int, int]]]:
    """The picture in a sequence of sixels, as rows of colours in percent."""
    size = re.match(r'"1;1;(\d+);(\d+)', sixels)
    assert size
    width, height = int(size[1]), int(size[2])
    palette: dict[int, tuple[int, int, int]] = {}
    picture = [[(0, 0, 0)] * width for _ in range(height)]
    x = top = colour = 0
    for match in re.finditer(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|(\$)|(-)", sixels[size.end() :]):
        number, red, green, blue, count, repeated, single, back, down = match.groups()
        if number and red:
            palette[int(number)] = (int(red), int(green), int(blue))
        elif number:
            colour = int(number)
        elif back:
            x = 0
        elif down:
            x, top = 0, top + 6
        else:
            end = x + int(count or 1)
            for row in (row for row in range(6) if (ord(repeated or single) - 63) >> row & 1):
                picture[top + row][x:end] = [palette[colour]] * (end - x)
            x = end
    return picture


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_show_draws_in_terminals_that_can(lab: Wenv) -> None:
    import pexpect

    code = (
        "import matplotlib.pyplot as plt; f = plt.figure(figsize=(1, 1)); f.patch.set_facecolor('#ff0000');"
        " f.text(0, 0, '\\u2588', color='#0000ff', size=40); plt.show()"
    )

    def shown(term: str) -> str:
        command = ["-P", "-m", "wenv", "run", "-c", code]
        environment = {**lab.environment, "TERM": term}
        environment.pop("TERM_PROGRAM", None)
        child = pexpect.spawn(sys.executable, command, cwd=str(lab.folder), env=environment, encoding="utf-8", timeout=60)
        child.expect(pexpect.EOF)
        return str(child.before)

    kitty = shown("xterm-kitty")
    data = "".join(re.findall(r"\x1b_G[^;]*;([^\x1b]*)\x1b\\", kitty))
    assert struct.unpack(">2I", base64.b64decode(data)[16:24]) == (100, 100)
    sixels = re.search(r"\x1bPq(.*?)\x1b\\", shown("foot"), re.DOTALL)
    assert sixels
    picture = pixels_of(re.sub(r"[\r\n]", "", sixels[1]))
    assert (picture[0][99], picture[95][8]) == ((100, 0, 0), (0, 0, 100))
    assert "\x1b_G" not in shown("xterm")


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
