"""SQLite's databases in folders that the host shares: nobody writes to one that somebody else may be writing to."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RUNTIMES, Wenv

WRITE = (
    "import sqlite3; c = sqlite3.connect('data.db', timeout=0.2); c.execute('insert into t values (2)'); c.commit();"
    " print('wrote')"
)
READ = "import sqlite3; print(sqlite3.connect('data.db').execute('select * from t').fetchall())"
READ_ONLY = "import sqlite3; print(sqlite3.connect('file:data.db?mode=ro', uri=True).execute('select * from t').fetchall())"


@pytest.fixture
def database(wenv: Wenv) -> Path:
    """A database with one row, in the folder of an environment."""
    wenv("create")
    path = wenv.folder / "data.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (a)")
        connection.execute("insert into t values (1)")
    connection.close()
    return path


def rows(path: Path) -> list[tuple[int]]:
    with sqlite3.connect(path) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        found = connection.execute("select a from t").fetchall()
    connection.close()
    return found


def test_a_shared_database_is_written_under_a_lock_only(wenv: Wenv, database: Path) -> None:
    result = wenv.result("run", "--write", "-c", WRITE, status=1)
    assert "data.db is shared with the host" in result.stderr
    assert "wenv run --sqlite FILE" in result.stderr
    assert wenv("run", "--write", "-c", READ_ONLY) == wenv("run", "-c", READ) == "[(1,)]\n"
    assert wenv("run", "--write", "--sqlite", "data.db", "-c", WRITE) == "wrote\n"
    assert rows(database) == [(1,), (2,)]
    assert sorted(path.name for path in wenv.folder.glob("data.db*")) == ["data.db"]


def test_neither_side_writes_while_the_other_holds_the_lock(wenv: Wenv, database: Path) -> None:
    with sqlite3.connect(database, isolation_level=None) as host:
        host.execute("begin immediate")
        host.execute("insert into t values (3)")
        result = wenv.result("run", "--write", "--sqlite", "data.db", "-c", WRITE, status=125)
        assert "data.db cannot be locked: another program uses it" in result.stderr
        assert "cannot be read" in wenv.result("run", "-c", READ, status=1).stderr  # its journal is there
        host.execute("commit")
    host.close()
    hold = f"{WRITE}; import sys; sys.stdout.flush(); sys.stdin.readline()"
    command = [sys.executable, "-P", "-m", "wenv", "run", "--write", "--sqlite", "data.db", "-c", hold]
    with subprocess.Popen(
        command, cwd=wenv.folder, env=wenv.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as guest:
        assert guest.stdout is not None
        assert guest.stdout.readline() == "wrote\n"
        host = sqlite3.connect(database, timeout=0.1)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            host.execute("select * from t").fetchall()
        result = wenv.result("run", "--write", "--sqlite", "data.db", "-c", WRITE, status=125)
        assert "another program uses it" in result.stderr
        guest.communicate("\n")
    assert host.execute("select * from t").fetchall() == [(1,), (3,), (2,)]
    host.close()


def test_a_writer_that_was_stopped_leaves_no_lock(wenv: Wenv, database: Path) -> None:
    stuck = (
        "import sqlite3, time; c = sqlite3.connect('data.db', isolation_level=None); c.execute('begin immediate');"
        " c.execute('insert into t values (9)'); time.sleep(60)"
    )
    wenv("run", "--write", "--sqlite", "data.db", "--timeout", "1", "-c", stuck, status=124)
    assert wenv("run", "--write", "--sqlite", "data.db", "-c", WRITE) == "wrote\n"
    assert rows(database) == [(1,), (2,)]
    assert not Path(f"{database}.lock").exists()


def test_new_databases_need_no_word(wenv: Wenv) -> None:
    wenv("create")
    code = (
        "import shelve, sqlite3\n"
        "for path in ('new.db', '/tmp/own.db'):\n"
        "    for number in (1, 2):\n"
        "        with sqlite3.connect(path) as c:\n"
        "            c.execute('create table if not exists t (a)')\n"
        "            c.execute('insert into t values (?)', (number,))\n"
        "with shelve.open('shelf') as shelf:\n"
        "    shelf['a'] = [1]\n"
        "with shelve.open('shelf') as shelf:\n"
        "    print(shelf['a'], sqlite3.connect('new.db').execute('select * from t').fetchall())\n"
    )
    assert wenv("run", "--write", "-c", code) == "[1] [(1,), (2,)]\n"
    assert rows(wenv.folder / "new.db") == [(1,), (2,)]


def test_databases_in_wal_mode_are_read_and_not_written(wenv: Wenv, database: Path) -> None:
    with sqlite3.connect(database) as connection:
        assert connection.execute("pragma journal_mode=wal").fetchone() == ("wal",)
    connection.close()
    assert wenv("run", "-c", READ) == wenv("run", "--write", "-c", READ_ONLY) == "[(1,)]\n"
    result = wenv.result("run", "--write", "--sqlite", "data.db", "-c", WRITE, status=1)
    assert "data.db is in WAL mode" in result.stderr
    with sqlite3.connect(database) as connection:
        connection.execute("insert into t values (5)")
        connection.commit()
        assert Path(f"{database}-wal").stat().st_size
        assert "data.db-wal says that a program outside" in wenv.result("run", "-c", READ, status=1).stderr
    connection.close()


def test_what_cannot_be_locked_is_said(wenv: Wenv, database: Path) -> None:
    result = wenv.result("run", "--sqlite", "data.db", "-c", "pass", status=125)
    assert "data.db is in no folder that the program may write to" in result.stderr
    outside = wenv.folder.parent / "outside.db"
    result = wenv.result("run", "--write", "--sqlite", str(outside), "-c", "pass", status=125)
    assert "outside.db is in no folder that the program may write to" in result.stderr
    assert not outside.exists()
    (wenv.folder / "link.db").symlink_to(outside)
    result = wenv.result("run", "--write", "--sqlite", "link.db", "-c", "pass", status=125)
    assert "link.db cannot be locked" in result.stderr
    assert not outside.exists()


EMPTY = """
import sqlite3
for path in ("/tmp/empty.db", "here.db"):
    first, second = sqlite3.connect(path), sqlite3.connect(path)
    second.execute("create table t (a)"); second.commit()
    print(first.execute("select name from sqlite_master").fetchall())
    first.execute("insert into t values (1)"); first.commit()
    print(second.execute("select * from t").fetchall())
"""


def test_a_connection_to_an_empty_database_sees_what_another_writes(wenv: Wenv) -> None:
    wenv("create")
    assert wenv("run", "--write", "-c", EMPTY) == "[('t',)]\n[(1,)]\n" * 2


SHARED = """
import gc, os, sqlite3
where = "file:name?mode=memory&cache=shared"
class Own(sqlite3.Connection): pass
first, second = sqlite3.connect(where, uri=True), sqlite3.connect(where, uri=True, factory=Own)
assert isinstance(second, Own) and type(second).__name__ == "Own"
first.execute("create table t (a)"); first.execute("insert into t values (1)"); first.commit()
print(second.execute("select * from t").fetchall(), first.execute("pragma integrity_check").fetchall())
other = sqlite3.connect("file:other?mode=memory&cache=shared", uri=True)
print(other.execute("select name from sqlite_master").fetchall())
first.close(); first.close()
print(second.execute("select * from t").fetchall())
del second; gc.collect()
print(sqlite3.connect(where, uri=True).execute("select name from sqlite_master").fetchall())
gc.collect()
alone = [sqlite3.connect("file:alone?mode=memory", uri=True) for _ in range(2)]
alone[0].execute("create table t (a)"); alone[0].commit()
print(alone[1].execute("select name from sqlite_master").fetchall())
del other; gc.collect()
print([name for name in os.listdir("/tmp") if "memory" in name])
"""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_databases_in_memory_are_shared_by_name(wenv: Wenv, tmp_path: Path, runtime: str) -> None:
    wenv("create", "--runtime", runtime, timeout=900)
    native = subprocess.run([sys.executable, "-c", SHARED], capture_output=True, text=True, cwd=tmp_path)
    assert wenv("run", "-c", SHARED) == native.stdout != ""
