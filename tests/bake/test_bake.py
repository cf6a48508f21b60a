"""``wenv bake``: what is kept imported, what is not, and what is new in every run all the same."""

import json
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel

FIT = """
import importlib.metadata, logging, os, pathlib, random, sys, time, uuid

STAMP = time.perf_counter_ns()
OWN, FIXED, LATER = random.Random(), random.Random(42), random.Random()
LATER.seed(42)
OUT = sys.stdout
DATA = (pathlib.Path(__file__).parent / "data.txt").read_text()
VERSION = importlib.metadata.version("zzfit")
MODE = os.environ.get("ZZ_MODE", "default")
LANGUAGE = os.environ.get("LANG")

def say(text, file=sys.stdout):
    print(text, file=file)

def fail():
    raise ValueError("from the package")
"""
UNFIT = {
    "zzwhole": ("import os; ALL = dict(os.environ)", "reads all environment variables"),
    "zzsets": ("import os; os.environ['ZZ'] = '1'", "sets environment variables"),
    "zzthread": (
        "import threading\ntry: threading.Thread(target=print).start()\nexcept RuntimeError: pass",
        "starts threads",
    ),
    "zzopen": ("FILE = open(__file__)", "leaves files open"),
    "zzcwd": ("import os; HERE = os.getcwd()", "working directory"),
    "zzlist": ("import os; FILES = os.listdir('/tmp')", "lists /tmp"),
    "zzcolours": ("import sys; COLOUR = sys.stdout.isatty()", "writes to a terminal"),
    "zzmakes": ("import pathlib; pathlib.Path('/tmp/zz').mkdir(exist_ok=True)", "changes /tmp/zz"),
    "zzreplaces": ("import io, sys; sys.stdout = io.StringIO()", "replaces a standard stream"),
    "zzfails": ("1 / 0", "ZeroDivisionError"),
    "zzleaves": ("import os; os._exit(3)", "ends the program"),
    "zzaborts": ("import os; os.abort()", "ended the sandbox"),
}


@pytest.fixture
def offered(wenv: Wenv, wheels: Path) -> tuple[str, ...]:
    """Options under which the wheels of this file are found."""
    Wheel("zzfit", files={"zzfit/__init__.py": FIT, "zzfit/data.txt": "data"}).write(wheels)
    Wheel("zzother", files={"zzother.py": ""}).write(wheels)
    for name, (source, _) in UNFIT.items():
        Wheel(name, files={f"{name}.py": source}).write(wheels)
    return ("--no-index", "-f", str(wheels))


@pytest.fixture
def baked(wenv: Wenv, offered: tuple[str, ...]) -> Wenv:
    """An environment with a package that is baked; the component is made once for all tests."""
    wenv("create", *offered, "zzfit", "--bake")
    return wenv


def twice(wenv: Wenv, expression: str, setup: str = "import zzfit") -> tuple[str, str]:
    """What an expression gives in two runs."""
    code = f"{setup}\nprint({expression})"
    return wenv.python(code), wenv.python(code)


def test_the_import_happened_before_the_run(baked: Wenv) -> None:
    assert baked.python("import sys; print('zzfit' in sys.modules)") == "True\n"
    first, second = twice(baked, "zzfit.STAMP")
    assert first == second
    assert baked.python("import zzfit; print(zzfit.DATA, zzfit.VERSION)") == "data 1.0\n"
    info = baked.json("info")
    assert info["bake"]["modules"] == ["zzfit"]
    assert info["bake"]["size"] > 10_000_000
    assert "Baked        zzfit (" in baked("info")


@pytest.mark.parametrize(
    ("expression", "setup"),
    [
        ("random.random()", "import random"),
        ("uuid.uuid4()", "import uuid"),
        ("uuid.uuid1().node, uuid.uuid1().clock_seq", "import uuid"),
        ("tempfile.mktemp()", "import tempfile"),
        ("secrets.token_hex()", "import secrets"),
        ("zzfit.OWN.random()", "import zzfit"),
        ("random.SystemRandom().random()", "import random"),
    ],
)
def test_what_must_differ_between_runs_does(baked: Wenv, expression: str, setup: str) -> None:
    first, second = twice(baked, expression, setup)
    assert first != second


def test_a_generator_with_a_seed_of_its_own_keeps_it(baked: Wenv) -> None:
    for name in ("FIXED", "LATER"):
        first, second = twice(baked, f"zzfit.{name}.random()")
        assert first == second == "0.6394267984578837\n"


def test_times_environment_arguments_and_streams_are_the_runs(baked: Wenv) -> None:
    code = "import logging; print(logging.LogRecord('', 0, '', 0, '', (), None).relativeCreated)"
    assert 0 <= float(baked.python(code)) < 10_000
    out = baked(
        "run", "--env", "A=1", "-c", "import os, sys; print(os.environ['A'], sys.argv, sys.stdin.read())", "x", stdin="in"
    )
    assert out == "1 ['-c', 'x'] in\n"
    assert baked.python("import zzfit; zzfit.say('said'); print('kept', file=zzfit.OUT)") == "said\nkept\n"
    assert baked.python("import os; print(os.getcwd())").strip() == str(baked.folder)


def test_a_variable_that_a_module_looked_at_is_not_frozen(baked: Wenv) -> None:
    looked_at = baked.json("info")["bake"]["variables"]
    assert looked_at == {"LANG": baked.environment.get("LANG"), "ZZ_MODE": None}
    code = "import zzfit; print(zzfit.MODE)"
    assert baked.python(code) == "default\n"
    assert baked.python(code, options=("--env", "ZZ_MODE=other")) == "other\n"
    assert baked.python(code, options=("--env", "ZZ_MODE=other", "--max-output", "1M")) == "other\n"
    baked.environment["LANG"] = "de_DE.UTF-8"
    assert baked.python("import zzfit; print(zzfit.LANGUAGE)") == "de_DE.UTF-8\n"


def test_modules_that_were_baked_are_ordinary_modules(baked: Wenv) -> None:
    code = """
import importlib, importlib.resources, inspect, pkgutil, sys, traceback, zzfit
print(zzfit.__file__, zzfit.__spec__.origin == zzfit.__file__, zzfit.__path__)
print(inspect.getsource(zzfit.fail).splitlines()[1].strip())
print(importlib.resources.files("zzfit").joinpath("data.txt").read_text())
try:
    zzfit.fail()
except ValueError:
    print("raise ValueError" in traceback.format_exc())
stamp = zzfit.STAMP
print(importlib.reload(zzfit).STAMP != stamp)
"""
    base = "/python/layers/zzfit-1.0/site-packages/zzfit"
    expected = [f"{base}/__init__.py True ['{base}']", 'raise ValueError("from the package")', "data", "True", "True"]
    assert baked.python(code).splitlines() == expected


def test_the_programs_own_modules_come_first(baked: Wenv) -> None:
    (baked.folder / "zzfit").mkdir()
    (baked.folder / "zzfit" / "data.txt").write_text("no module")
    assert baked.python("import sys, zzfit; print('zzfit' in sys.modules, zzfit.VERSION)") == "True 1.0\n"
    (baked.folder / "zzfit.py").write_text("mine = True")
    assert baked.python("import zzfit; print(zzfit.mine)") == "True\n"
    (baked.folder / "zzfit.py").unlink()
    with zipfile.ZipFile(baked.folder / "app.pyz", "w") as archive:
        archive.writestr("zzfit.py", "mine = 'bundled'")
        archive.writestr("__main__.py", "import zzfit; print(zzfit.mine)")
    assert baked("run", "app.pyz") == "bundled\n"


def test_the_shell_starts_baked(baked: Wenv) -> None:
    assert baked("run", "-", stdin="import sys; print('zzfit' in sys.modules)") == "True\n"


def test_a_change_undoes_it_and_only_a_change(baked: Wenv, offered: tuple[str, ...]) -> None:
    code = "import sys; print('zzfit' in sys.modules)"
    baked("install")
    assert baked.python(code) == "True\n"
    said = baked.result("install", *offered, "zzother").stderr
    assert "no longer baked" in said
    assert baked.python(code) == "False\n"
    assert baked.json("info")["bake"] is None
    baked("uninstall", "zzother")
    baked("bake")
    assert baked.python(code) == "True\n"
    baked("bake", "--clear")
    assert baked.python(code) == "False\n"


def test_prune_keeps_what_is_baked(baked: Wenv) -> None:
    # in a store of its own nothing else is deleted
    assert json.loads(baked("cache", "prune", "--dry-run", "--json")) is not None
    assert baked.python("import sys; print('zzfit' in sys.modules)") == "True\n"


def test_what_depends_on_the_run_is_left_out_and_named(wenv: Wenv, offered: tuple[str, ...]) -> None:
    wenv("create", *offered, *UNFIT)
    result = wenv.result("bake", status=1)
    for name, (_, reason) in UNFIT.items():
        line = next(line for line in result.stderr.splitlines() if line.strip().startswith(f"- {name}:"))
        assert reason in line
    assert wenv.python("print(1)") == "1\n"


def test_what_is_not_there(wenv: Wenv, offered: tuple[str, ...]) -> None:
    wenv("create", *offered)
    assert "no package was asked for" in wenv.result("bake", status=1).stderr
    assert "ModuleNotFoundError" in wenv.result("bake", "--import", "zznowhere", status=1).stderr
    assert "not a module's name" in wenv.result("bake", "--import", "my-tool", status=2).stderr
    assert "exclude each other" in wenv.result("bake", "--clear", "--import", "json", status=2).stderr


def test_a_manifest_cannot_name_anything_but_modules(baked: Wenv) -> None:
    path = baked.folder / ".wenv" / "environment.json"
    data = json.loads(path.read_text())
    data["baked"]["modules"] = ["../../x"]
    path.write_text(json.dumps(data))
    assert "damaged" in baked.result("run", "-c", "pass", status=125).stderr


def test_a_module_that_looks_for_a_file_in_vain(wenv: Wenv, wheels: Path, tmp_path: Path) -> None:
    Wheel("zzvain", files={"zzvain.py": "import os; THERE = os.path.exists('/data/zzrc')"}).write(wheels)
    wenv("create", "--bake", "--no-index", "-f", str(wheels), "zzvain")
    show = "import sys; baked = 'zzvain' in sys.modules; import zzvain; print(baked, zzvain.THERE)"
    shared = tmp_path / "shared"
    shared.mkdir()
    assert wenv.python(show) == "True False\n"
    assert wenv.python(show, options=("--mount", f"{shared}:/data")) == "True False\n"
    (shared / "zzrc").touch()
    assert wenv.python(show, options=("--mount", f"{shared}:/data")) == "False True\n"
