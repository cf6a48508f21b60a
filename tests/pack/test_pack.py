"""Packed components, run by the wasmtime executable alone: no Python, no variables, no folder but the one it starts in."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.pack.machine import EXAMPLES, Machine, machine, pack
from wenv.pack.pack import RECURSION_LIMIT
from wenv.pack.used import imported_names

pytestmark = pytest.mark.skipif(find_spec("wasmtime_cli") is None, reason="no wheel of wasmtime's executable for this platform")


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


@pytest.mark.long
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
    assert made["size"] < 31_000_000
    assert made["modules"] == ["flask"]
    assert {part["name"].rpartition("-")[0] or part["name"] for part in made["parts"]} >= {"flask", "jinja2", "program"}
    run = machine(tmp_path, builds.folder / made["path"])
    assert "<p>Hello Ada &lt;Lovelace&gt;!</p>" in run("Ada <Lovelace>")


def certifi_version(wenv: Wenv) -> str:
    return next(str(package["version"]) for package in wenv.json("info")["packages"] if package["name"] == "certifi")


@pytest.mark.long
def test_extension_modules(builds: Wenv, tmp_path: Path) -> None:
    builds.result("create", "--runtime", "default", "regex", "msgpack", "numpy", timeout=1800)
    run = machine(tmp_path, pack(builds, "--entry", str(EXAMPLES / "extensions.py")))
    assert run().splitlines() == [
        "numpy: 2.5 5.0", "msgpack: [0.0, 0.25, 0.5, 0.75, 1.0]", "regex: ['Ada', 'Lovelace', 'Émilie', 'Châtelet']",
    ]  # fmt: skip


@pytest.mark.long
def test_an_extension_module_a_module_and_a_console_script(builds: Wenv, tmp_path: Path) -> None:
    builds("create", "markupsafe", "pygments")
    run = machine(tmp_path, pack(builds, "-o", "python.wasm"))
    assert run("-c", "import markupsafe._speedups as s; print(s._escape_inner('<'))") == "&lt;\n"
    run = machine(tmp_path, pack(builds, "-m", "pygments"))
    assert "</span>" in run("-l", "python", "-f", "html", stdin="def f(): pass")
    run = machine(tmp_path, pack(builds, "--entry", "pygmentize"))
    assert run("-V").startswith("Pygments version")
    assert run("--no-such-option", status=1) == ""


@pytest.mark.long
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


@pytest.mark.long
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
