"""Files in a packed program: what is read, what is written, databases, and what programs do with them."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.pack.machine import EXAMPLES, machine, pack

pytestmark = pytest.mark.skipif(find_spec("wasmtime_cli") is None, reason="no wheel of wasmtime's executable for this platform")


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


@pytest.mark.parametrize("options", [(), pytest.param(("--no-bake",), marks=pytest.mark.long), ("--slim",)], ids=" ".join)
def test_what_is_packed_is_read_and_never_changed(empty: Wenv, wheels: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
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
    has_tests = f"import importlib.util\nassert (importlib.util.find_spec('zz_data.tests') is None) is {'--slim' in options}\n"
    (empty.folder / "check.py").write_text(has_tests + READ_ONLY)
    assert machine(tmp_path, pack(empty, "--entry", "check.py", "-o", "check.wasm", *options))() == "all read\n"


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


@pytest.mark.long
def test_databases_in_memory(empty: Wenv, tmp_path: Path) -> None:
    run = machine(tmp_path, pack(empty, "-o", "python.wasm", "--slim"))
    assert run("-c", DATABASES) == "kept\n"


@pytest.mark.long
def test_modules_among_the_files(empty: Wenv, tmp_path: Path) -> None:
    (empty.folder / "zzapp").mkdir()
    (empty.folder / "zzapp" / "__init__.py").write_text("")
    (empty.folder / "zzapp" / "__main__.py").write_text("import json, zzapp; print('started', json.own)")
    (empty.folder / "json.py").write_text("own = True")
    assert machine(tmp_path, pack(empty, "-m", "zzapp", "zzapp", "json.py"))() == "started True\n"


@pytest.mark.long
def test_temporary_files(empty: Wenv, tmp_path: Path) -> None:
    run = machine(tmp_path, pack(empty, "--entry", str(EXAMPLES / "scratch.py")))
    assert run().splitlines() == [
        "archive: deep/2.txt True", "database: 2", "log: INFO written", "file: temporary True", "left: False []",
    ]  # fmt: skip
