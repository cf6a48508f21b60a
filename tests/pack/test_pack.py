"""Packed components, run by the wasmtime executable alone: no Python, no variables, no folder but the one it starts in."""

import json
import os
import shutil
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import Wenv
from wenv.pack.pack import RECURSION_LIMIT
from wenv.pack.used import imported_names

EXAMPLES = Path(__file__).parents[2] / "examples" / "packed"
pytestmark = pytest.mark.skipif(find_spec("wasmtime_cli") is None, reason="no wheel of wasmtime's executable for this platform")


class Machine:
    """A machine that has wasmtime and one packed file, and nothing else."""

    def __init__(self, folder: Path, packed: Path) -> None:
        self.folder, self.packed = folder, packed
        self.arguments: tuple[str, ...] = ()

    def result(self, *arguments: str, stdin: str | None = "", host: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
        """Run the packed file; `host` are options of wasmtime's."""
        command = [str(self.folder / "wasmtime"), "run", "--allow-precompiled", *host, self.packed.name, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env={}, input=stdin, text=True, capture_output=True, check=False, timeout=300
        )

    def __call__(self, *arguments: str, stdin: str = "", host: tuple[str, ...] = (), status: int = 0) -> str:
        """The same; returns what was printed."""
        result = self.result(*arguments, stdin=stdin, host=host)
        assert result.returncode == status, result.stdout + result.stderr[-3000:]
        return result.stdout


def wasmtime() -> Path:
    """The executable inside the wheel, which comes without the permission to run it."""
    spec = find_spec("wasmtime_cli")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("wasmtime")


def machine(tmp_path: Path, packed: Path) -> Machine:
    folder = tmp_path / f"machine-{packed.stem}"
    folder.mkdir()
    shutil.copyfile(wasmtime(), folder / "wasmtime")
    (folder / "wasmtime").chmod(stat.S_IRWXU)
    shutil.move(packed, folder / packed.name)
    return Machine(folder, folder / packed.name)


def pack(wenv: Wenv, *arguments: str) -> Path:
    """Pack, and compile for the executable, so that the test's runs need not."""
    executable = wenv.folder / "wasmtime"
    if not executable.exists():
        shutil.copyfile(wasmtime(), executable)
        executable.chmod(stat.S_IRWXU)
    made = wenv.json("pack", *arguments, "--precompile", str(executable))
    assert made["size"] == Path(wenv.folder / made["path"]).stat().st_size
    return Path(wenv.folder / made["precompiled"])


def test_a_python_of_its_own(empty: Wenv, tmp_path: Path) -> None:
    made = empty.json("pack", "-o", "python.wasm")
    run = machine(tmp_path, empty.folder / made["path"])  # not compiled: what a user without --precompile meets
    assert run("-c", "import sys; print(sys.argv, 6 * 7)", "a", "b") == "['-c', 'a', 'b'] 42\n"
    subprocess.run([run.folder / "wasmtime", "compile", run.packed, "-o", run.folder / "python.cwasm"], check=True)
    run = Machine(run.folder, run.folder / "python.cwasm")
    assert run(stdin="print('from', 'stdin')") == "from stdin\n"
    assert run("-", "x", stdin="import sys; print(sys.argv)") == "['-', 'x']\n"
    assert run("-m", "json.tool", stdin='{"a": [1]}') == '{\n    "a": [\n        1\n    ]\n}\n'
    assert run("--version").startswith("Python 3.14")
    assert "usage" in run("--help")
    assert "-Z" in run.result("-Z").stderr
    assert run.result("-Z").returncode == 1
    assert run("-c", "import sys; sys.exit(3)", status=1) == ""  # WASI's command interface knows 0 and 1

    (run.folder / "script.py").write_text("import sys, helper; print(sys.argv, helper.x, open('data.txt').read(), __file__)")
    (run.folder / "helper.py").write_text("x = 'helped'")
    (run.folder / "data.txt").write_text("data")
    granted = ("--dir", ".")
    assert run("script.py", "1", host=granted) == "['script.py', '1'] helped data /script.py\n"
    assert run("-c", "open('new.txt', 'w').write('n')", host=granted) == ""
    assert (run.folder / "new.txt").read_text() == "n"
    failed = run.result("script.py")
    assert failed.returncode == 1
    assert "FileNotFoundError" in failed.stderr

    variables = "import os; print(dict(os.environ)); print(os.getcwd(), sorted(os.listdir('/')))"
    assert run("-c", variables, host=("--env", "A=b")).splitlines() == [
        str({"HOME": "/tmp", "A": "b"}), "/ ['app', 'dev', 'python', 'tmp']",
    ]  # fmt: skip
    (run.folder / "temporary").mkdir()
    run("-c", "open('/tmp/kept', 'w').write('k')", host=("--dir", "temporary::/tmp"))
    assert (run.folder / "temporary" / "kept").read_text() == "k"
    assert "ValueError: no" in run.result("-c", "def f():\n  raise ValueError('no')\nf()").stderr
    assert "raise ValueError('no')" in run.result("-c", "def f():\n  raise ValueError('no')\nf()").stderr
    assert len({run("-c", "import random, uuid; print(random.random(), uuid.uuid4())") for _ in range(3)}) == 3
    assert run("-c", "import sys; f = open('/dev/null', 'w'); f.write('x'); print(f.seekable())") == "True\n"

    # recursion: CPython's answer, not a trap, on wasmtime's usual stack
    for shape in RECURSIONS:
        deep = run.result("-c", shape)
        assert deep.returncode == 1, shape
        assert "RecursionError" in deep.stderr, (shape, deep.stderr[:2000])
    more = ("-W", "max-wasm-stack=1900000")
    deeper = "import sys; sys.setrecursionlimit(1000); f = lambda n: n and f(n - 1); print(f(900))"
    assert run("-c", deeper, host=more) == "0\n"
    for shape in STILL_TRAPS:
        assert "wasm trap" in run.result("-c", shape).stderr, shape


_CHAIN = "class N:\n def __init__(self, c): self.c = c\n {}\nx = None\nfor _ in range(400): x = N(x)\n"
#: Ordinary endless or deep recursion, through Python and through C.
RECURSIONS = (
    "f = lambda: f()\nf()",
    _CHAIN.format("def __repr__(self): return repr(self.c)") + "repr(x)",
    _CHAIN.format("def __eq__(self, other): return self.c == other.c") + "x == x.c",
    _CHAIN.format("def __hash__(self): return hash(self.c)") + "hash(x)",
    "f = lambda n: sorted([n], key=lambda v: f(v))\nf(0)",
    "class A:\n def __getattr__(self, name): return getattr(self, name + 'x')\nA().y",
    "import functools\nf = functools.lru_cache(None)(lambda n: f(n + 1))\nf(0)",
    "class A:\n def __call__(self): return self()\nA()()",
    "import copy\n" + _CHAIN.format("pass") + "copy.deepcopy(x)",
    "f = lambda n: next(map(f, [n]))\nf(0)",
)
#: Recursion in C alone, which no limit of Python's counts: on wasmtime's usual stack these end the program.
STILL_TRAPS = (
    "compile('(' * 150 + ')' * 150, 'x', 'eval')",
    "import json; json.loads('[' * 5000 + ']' * 5000)",
    _CHAIN.replace("400", "5000").format("pass") + "del x",
)


def test_the_limit_is_what_the_help_says(wenv: Wenv) -> None:
    assert f"{RECURSION_LIMIT} nested calls" in " ".join(wenv("pack", "--help").split())


def test_files_behave_as_they_do_natively(empty: Wenv, tmp_path: Path) -> None:
    program = Path(__file__).with_name("packed_files.py")
    run = machine(tmp_path, pack(empty, "--entry", str(program)))
    native = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "native")], capture_output=True, text=True, check=True, env={}
    )
    expected, found = json.loads(native.stdout), json.loads(run("/tmp/packed"))
    assert len(found) > 150
    assert {name: (value, found[name]) for name, value in expected.items() if value != found[name]} == {}


READ_ONLY = """
import errno, glob, importlib.metadata, importlib.resources, inspect, json, linecache, os, pathlib, pkgutil, sqlite3, zipfile
import zz_data
folder = pathlib.Path(zz_data.__file__).parent
assert open(folder / "plain.txt").read() == "plain\\n"
assert (folder / "deep" / "er.bin").read_bytes() == bytes(range(256))
assert importlib.resources.files(zz_data).joinpath("plain.txt").read_text() == "plain\\n"
with importlib.resources.as_file(importlib.resources.files(zz_data) / "deep") as there:
    assert os.listdir(there) == ["er.bin"]
assert importlib.metadata.version("zz-data") == "1.0"
assert "zz_data/__init__.py" in [str(file) for file in importlib.metadata.files("zz-data")]
assert pkgutil.get_data("zz_data", "plain.txt") == b"plain\\n"
assert "marker" in inspect.getsource(zz_data.function)
assert linecache.getline(zz_data.__file__, 1) == "import os\\n"
assert [name for _, name, _ in pkgutil.iter_modules(zz_data.__path__)] == ["module"]
assert sorted(glob.glob(f"{folder}/**/*.bin", recursive=True)) == [f"{folder}/deep/er.bin"]
assert sorted(names[0] for _, _, names in os.walk(folder / "deep")) == ["er.bin"]
assert zipfile.ZipFile(folder / "some.zip").read("inside.txt") == b"zipped"
database = sqlite3.connect(folder / "some.db")
assert database.execute("select * from t").fetchall() == [(1,), (2,)]
for change in (
    lambda: open(folder / "plain.txt", "w"), lambda: os.unlink(folder / "plain.txt"), lambda: os.mkdir(folder / "x"),
    lambda: open(folder / "new", "x"), lambda: os.rename(folder / "plain.txt", "/tmp/x"), lambda: os.chmod(folder, 0o777),
):
    try:
        change()
    except OSError as error:
        assert error.errno == errno.EROFS, error
    else:
        raise AssertionError("changed")
try:
    database.execute("insert into t values (3)")
except sqlite3.OperationalError as error:
    assert "readonly" in str(error), error
else:
    raise AssertionError("changed")
import importlib, zz_data.module
assert importlib.reload(zz_data.module).value == 5
assert json.__file__ == "/python/json/__init__.py" and os.path.getsize(json.__file__) > 1000
print("all read")
"""


def test_what_is_packed_is_read_and_never_changed(empty: Wenv, wheels: Path, tmp_path: Path) -> None:
    import io
    import sqlite3
    import zipfile

    from tests.helpers.wheel_builder import Wheel

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("inside.txt", "zipped")
    with sqlite3.connect(tmp_path / "some.db") as database:
        database.execute("create table t (a)")
        database.executemany("insert into t values (?)", [(1,), (2,)])
    database.close()
    files: dict[str, str | bytes] = {
        "zz_data/__init__.py": "import os\ndef function():\n    return 'marker'\n",
        "zz_data/module.py": "value = 5\n",
        "zz_data/plain.txt": "plain\n",
        "zz_data/deep/er.bin": bytes(range(256)),
        "zz_data/some.zip": archive.getvalue(),
        "zz_data/some.db": (tmp_path / "some.db").read_bytes(),
        "zz_data/tests/test_it.py": "",
    }
    Wheel("zz_data", files=files).write(wheels)
    empty("install", "zz-data", "--no-index", "--find-links", str(wheels))
    (empty.folder / "check.py").write_text(READ_ONLY)
    for options in ((), ("--no-bake",), ("--slim",)):
        run = machine(
            tmp_path, pack(empty, "--entry", "check.py", "-o", f"check{len(options[:1])}{options[-1:]}.wasm", *options)
        )
        assert run() == "all read\n"
    tests = "import importlib.util as u; print(u.find_spec('zz_data.tests'))"
    assert machine(tmp_path, pack(empty, "-o", "slim.wasm", "--slim"))("-c", tests) == "None\n"


def test_examples(builds: Wenv, tmp_path: Path) -> None:
    builds("create", "certifi", "flask")
    run = machine(tmp_path, pack(builds, "--entry", str(EXAMPLES / "report.py"), str(EXAMPLES / "stopwords.txt")))
    assert run("--upper", stdin="the quick brown fox and the quick dog").splitlines() == [
        "QUICK: 2", "BROWN: 1", "DOG: 1", "FOX: 1",
        f"certifi {certifi_version(builds)} has more than 100 certificates: True",
    ]  # fmt: skip
    (run.folder / "text.txt").write_text("word word")
    assert run("text.txt", host=("--dir", ".")).startswith("word: 2\n")
    assert "usage: report" in run("--help")
    assert run.result("no.txt").returncode == 1

    templates = str(EXAMPLES / "templates")
    made = builds.json("pack", "--slim", "--entry", str(EXAMPLES / "page.py"), templates)
    assert made["size"] < 30_000_000
    assert made["modules"] == ["flask"]
    assert {part["name"].rpartition("-")[0] or part["name"] for part in made["parts"]} >= {"flask", "jinja2", "program"}
    run = machine(tmp_path, builds.folder / made["path"])
    assert "<p>Hello Ada &lt;Lovelace&gt;!</p>" in run("Ada <Lovelace>")


def certifi_version(wenv: Wenv) -> str:
    return next(str(package["version"]) for package in wenv.json("info")["packages"] if package["name"] == "certifi")


DATABASES = """
import shelve, sqlite3
a = sqlite3.connect("/tmp/two.db")
a.execute("create table t (x)"); a.commit()
b = sqlite3.connect("/tmp/two.db")
for connection, value in ((b, "b1"), (a, "a1"), (b, "b2")):
    connection.execute("insert into t values (?)", (value,)); connection.commit()
read = lambda: [row[0] for row in sqlite3.connect("file:/tmp/two.db?mode=ro", uri=True).execute("select x from t order by x")]
assert read() == ["a1", "b1", "b2"], read()
a.execute("insert into t values ('late')")
b.execute("insert into t values ('first')"); b.commit()
try:
    a.commit()
except sqlite3.OperationalError as error:
    assert "locked" in str(error)
else:
    raise AssertionError("lost")
a.rollback()
assert "late" not in read() and "first" in read()
c = sqlite3.connect("/tmp/two.db", isolation_level=None)
c.execute("insert into t values ('c')")
assert "c" in read()
c.executescript("begin; insert into t values ('d'); commit;")
c.execute("begin"); c.execute("insert into t values ('e')"); assert "e" not in read(); c.execute("commit")
assert {"d", "e"} <= set(read())
with a:
    a.executemany("insert into t values (?)", [("f",), ("g",)])
assert {"f", "g"} <= set(read())
with shelve.open("/tmp/shelf") as shelf:
    shelf["x"] = [1]
with shelve.open("/tmp/shelf") as shelf:
    assert shelf["x"] == [1]
for missing in ("/tmp/no/x.db", "/app/new.db"):
    try:
        sqlite3.connect(missing)
    except (sqlite3.OperationalError, FileNotFoundError):
        continue
    raise AssertionError(missing)
print("kept")
"""


def test_databases_in_memory(empty: Wenv, tmp_path: Path) -> None:
    run = machine(tmp_path, pack(empty, "-o", "python.wasm", "--slim"))
    assert run("-c", DATABASES) == "kept\n"


def test_modules_among_the_files(empty: Wenv, tmp_path: Path) -> None:
    (empty.folder / "zzapp").mkdir()
    (empty.folder / "zzapp" / "__init__.py").write_text("")
    (empty.folder / "zzapp" / "__main__.py").write_text("import json, zzapp; print('started', json.own)")
    (empty.folder / "json.py").write_text("own = True")
    assert machine(tmp_path, pack(empty, "-m", "zzapp", "zzapp", "json.py"))() == "started True\n"


def test_temporary_files(empty: Wenv, tmp_path: Path) -> None:
    run = machine(tmp_path, pack(empty, "--entry", str(EXAMPLES / "scratch.py")))
    assert run().splitlines() == [
        "archive: deep/2.txt True", "database: 2", "log: INFO written", "file: temporary True", "left: False []",
    ]  # fmt: skip


@pytest.mark.long
def test_extension_modules(builds: Wenv, tmp_path: Path) -> None:
    builds.result("create", "--runtime", "default", "regex", "msgpack", "numpy", timeout=1800)
    run = machine(tmp_path, pack(builds, "--entry", str(EXAMPLES / "extensions.py")))
    assert run().splitlines() == [
        "numpy: 2.5 5.0", "msgpack: [0.0, 0.25, 0.5, 0.75, 1.0]", "regex: ['Ada', 'Lovelace', 'Émilie', 'Châtelet']",
    ]  # fmt: skip


def test_an_extension_module_a_module_and_a_console_script(builds: Wenv, tmp_path: Path) -> None:
    builds("create", "markupsafe", "pygments")
    run = machine(tmp_path, pack(builds, "-o", "python.wasm"))
    assert run("-c", "import markupsafe._speedups as s; print(s._escape_inner('<'))") == "&lt;\n"
    run = machine(tmp_path, pack(builds, "-m", "pygments"))
    assert "</span>" in run("-l", "python", "-f", "html", stdin="def f(): pass")
    run = machine(tmp_path, pack(builds, "--entry", "pygmentize"))
    assert run("-V").startswith("Pygments version")
    assert run("--no-such-option", status=1) == ""


def test_a_prompt(empty: Wenv, tmp_path: Path) -> None:
    pexpect = pytest.importorskip("pexpect")
    run = machine(tmp_path, pack(empty, "-o", "python.wasm"))
    command = [str(run.folder / "wasmtime"), "run", "--allow-precompiled", str(run.packed)]
    child = pexpect.spawn(command[0], command[1:], env={"TERM": "dumb"}, encoding="utf-8", timeout=60)
    child.expect(r"Python 3\.14.*>>> ")
    child.sendline("x = 20")
    child.expect(">>> ")
    child.sendline("print(x + 22)")
    child.expect("42\r\n")
    child.expect(">>> ")
    child.sendline("exit()")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_mistakes(empty: Wenv) -> None:
    (empty.folder / "app.py").write_text("print(1)")
    (empty.folder / "wrong.py").write_text("print(")
    for arguments, words in (
        (("--entry", "no.py"), "no file and no console script"),
        (("--entry", "app.py", "-m", "json"), "exclude"),
        (("--entry", "app.py", "/etc/hostname"), "does not lie in"),
        (("--entry", "app.py", "nothing.txt"), "no such file"),
        (("--entry", "app.py", "-o", "."), "not a file's name"),
        (("--entry", "app.py", "-o", "x.cwasm"), "not a file's name"),
        (("--entry", "app.py", "-o", "app.py", "-f"), "one of the program's files"),
        (("--entry", "wrong.py"), "SyntaxError, line 1"),
        (("-m", "zz_nothing"), "no module called"),
        (("--precompile", "/no/wasmtime"), "/no/wasmtime"),
        (("--entry", "app.py", "-o", "wrong.py"), "exists"),
    ):
        result = empty.result("pack", *arguments, status=None)
        assert result.returncode in (1, 2), arguments
        assert words in result.stderr, result.stderr
    assert not list(empty.folder.glob("*.wasm"))


def test_imports_are_read_from_source() -> None:
    source = b"import os, sys as s\nfrom a.b import c\n  import inner\nfrom . import d\nfrom .e import f\nx = 'import no'\n"
    assert imported_names(source) == {"os", "sys", "a", "inner"}
    assert imported_names(source, outer=True) == {"os", "sys", "a"}


def test_in_node(empty: Wenv, tmp_path: Path, shared_cache: Path) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node is not installed")
    from filelock import FileLock

    tools = shared_cache.with_name("node-tools")
    tools.mkdir(parents=True, exist_ok=True)
    with FileLock(tools / "lock"):
        if not (tools / "node_modules" / ".bin" / "jco").exists():
            install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tools), "@bytecodealliance/jco"]
            if subprocess.run(install, check=False, cwd=tools).returncode:
                pytest.skip("npm cannot install @bytecodealliance/jco")
    (empty.folder / "app.py").write_text("import sys, json\nprint(json.dumps(sys.argv[1:]), open(__file__).read()[:10])")
    empty("pack", "--entry", "app.py")
    jco = str(tools / "node_modules" / ".bin" / "jco")
    output = tmp_path / "node"
    subprocess.run([jco, "transpile", str(empty.folder / "app.wasm"), "-o", str(output), "-q"], check=True)
    (output / "node_modules").symlink_to(tools / "node_modules")
    (output / "start.mjs").write_text(
        "import { _setArgs } from '@bytecodealliance/preview2-shim/cli';\n"
        "_setArgs(['app', ...process.argv.slice(2)]);\n"
        "(await import('./app.js')).run.run();\n"
    )
    (output / "package.json").write_text('{"type": "module"}')
    # Node 20 knows the constant expressions that componentize-py uses only by this name; later ones always do
    options = ["--experimental-wasm-extended-const"] if _node() < 22 else []
    result = subprocess.run(
        ["node", *options, "start.mjs", "a", "b"], cwd=output, capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert result.stdout == '["a", "b"] import sys\n', result.stderr[-2000:]


def _node() -> int:
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.removeprefix("v").partition(".")[0])
