"""The standard library as a way to change files outside: what unpacks, copies, logs or compiles into a folder."""
# mypy: ignore-errors

import fileinput
import gzip
import io
import logging
import pathlib
import shelve
import shutil
import sqlite3
import tarfile
import tempfile
import zipfile
from typing import Any

from tests.escape.programs.frame import OUTSIDE, WORK, plant, table, temporary
from tests.escape.programs.libraries import OUT, attached
from tests.escape.programs.network import module


def unpacked(name: str, kind: bytes = tarfile.REGTYPE) -> str:
    """Unpack a member whose name leads out, with no filter."""
    path = temporary()
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.size = kind, 0
        archive.addfile(member, io.BytesIO(b""))
    with tarfile.open(path) as archive:
        archive.extractall(WORK, filter="fully_trusted")
    return "unpacked"


def unpacked_through_link() -> str:
    """A link first, then a file below it."""
    path, folder = temporary(), temporary()
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("way")
        link.type, link.linkname = tarfile.SYMTYPE, OUTSIDE
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("way/planted"), io.BytesIO(b""))
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="fully_trusted")
    return "unpacked"


def logged_to(handler: logging.Handler) -> str:
    handler.emit(logging.LogRecord("x", 40, "x", 1, "PLANTED", None, None))
    return "logged"


def database_written(path: str) -> str:
    try:
        with sqlite3.connect(path) as connection:
            connection.execute("create table planted (x)")
    except sqlite3.Error as error:
        raise OSError(str(error)) from None
    return "written"


def zipped(path: str) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "PLANTED")
    return "written"


def shelved(path: str) -> str:
    with shelve.open(path) as shelf:
        shelf["x"] = "PLANTED"
    return "written"


PLANTED = OUT + "planted"
table(
    "write by the library",
    plant,
    {
        "tar with ..": lambda: unpacked(PLANTED),
        "tar with a full path": lambda: unpacked(OUTSIDE + "/planted"),
        "tar with a folder": lambda: unpacked(PLANTED, tarfile.DIRTYPE),
        "tar through its own link": unpacked_through_link,
        "tar through the host's link": lambda: unpacked("folder_link/planted"),
        "zip": lambda: zipped(PLANTED),
        "gzip": lambda: gzip.open(PLANTED, "wb").write(b"PLANTED"),
        "archive made there": lambda: shutil.make_archive(PLANTED, "tar", root_dir=WORK + "/sub"),
        "archive unpacked there": lambda: shutil.unpack_archive(WORK + "/archive.tar", OUTSIDE),
        "shutil.copy": lambda: shutil.copy("plain.txt", PLANTED),
        "shutil.copytree": lambda: shutil.copytree("sub", PLANTED, symlinks=True),
        "shutil.copytree over": lambda: shutil.copytree("sub", OUTSIDE, symlinks=True, dirs_exist_ok=True),
        "shutil.rmtree": lambda: shutil.rmtree(OUTSIDE + "/empty"),
        "shutil.rmtree through a link": lambda: shutil.rmtree("folder_link/empty"),
        "temporary file there": lambda: tempfile.mkstemp(dir=OUTSIDE),
        "temporary folder there": lambda: tempfile.mkdtemp(dir="../outside"),
        "temporary file by a prefix": lambda: tempfile.mkstemp(prefix="../" * 30 + OUTSIDE.lstrip("/") + "/planted"),
        "pathlib.touch": lambda: pathlib.Path(PLANTED).touch(),
        "pathlib.mkdir": lambda: pathlib.Path(PLANTED).mkdir(),
        "pathlib.symlink_to": lambda: pathlib.Path(PLANTED).symlink_to("x"),
        "pathlib.rename": lambda: pathlib.Path(OUT + "spare.txt").rename(OUT + "planted"),
        "log file": lambda: logged_to(logging.FileHandler(PLANTED)),
        "rotating log file": lambda: logged_to(module("logging.handlers").RotatingFileHandler(PLANTED, maxBytes=1)),
        "database": lambda: database_written(PLANTED),
        "database, attached": lambda: attached(OUTSIDE + "/planted", "create table other.planted (x)"),
        "database, copied": lambda: vacuumed(OUTSIDE + "/planted"),
        "shelf": lambda: shelved(PLANTED),
        "fileinput in place": lambda: [print("PLANTED") for _ in fileinput.input([OUT + "spare.txt"], inplace=True)],
        "compiled module": lambda: module("py_compile").compile("module.py", cfile=OUTSIDE + "/planted.pyc", doraise=True),
        "profile": lambda: module("cProfile").Profile().dump_stats(PLANTED),
        "statistics of a profile": lambda: module("pstats").Stats(profiled()).dump_stats(PLANTED),
        "code from memory": lambda: module("marshal").dump(1, open(PLANTED, "wb")),
        "mailbox": lambda: module("mailbox").Maildir(PLANTED, create=True),
        "virtual environment": lambda: module("venv").EnvBuilder(symlinks=True).create_configuration(venv_context()),
    },
)


def profiled() -> Any:
    profile = module("cProfile").Profile()
    profile.runcall(int)
    return profile


def venv_context() -> Any:
    return module("types").SimpleNamespace(
        env_dir=OUTSIDE, cfg_path="", executable="x", python_dir="x", prompt=None, python_exe="x"
    )


def vacuumed(path: str) -> str:
    try:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.execute("create table planted (x)")
        connection.execute(f"vacuum into '{path}'")
    except sqlite3.Error as error:
        raise OSError(str(error)) from None
    return "written"
