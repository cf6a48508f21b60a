"""The standard library as a way to files outside: whatever opens, unpacks, copies, logs or maps them."""
# mypy: ignore-errors

import configparser
import fileinput
import glob
import gzip
import importlib.util
import io
import linecache
import mimetypes
import netrc
import os
import pathlib
import runpy
import shutil
import sqlite3
import sys
import tarfile
import tokenize
import zipfile
import zipimport
from typing import Any

from tests.escape.programs.frame import OUTSIDE, WORK, change, content, listing, read, table, temporary
from tests.escape.programs.network import module

FLAG_PATH, OUT = OUTSIDE + "/flag.txt", "../outside/"


def copied(copy: Any) -> bytes:
    """Copy a file into ``/tmp`` and read it there."""
    place = temporary()
    copy(OUT + "flag.txt", place)
    return content(place)


def archived_tar() -> bytes:
    path = temporary()
    with tarfile.open(path, "w") as archive:
        archive.add("folder_link/flag.txt", "x")
    return content(path)


def archived_zip() -> bytes:
    path = temporary()
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(OUT + "flag.txt", "x")
    return content(path)


def tar_of_links(target: str, name: str, *, hard: bool = False) -> bytes:
    """Unpack a link that leads out, then read through it."""
    path, folder = temporary(), temporary()
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = (tarfile.LNKTYPE if hard else tarfile.SYMTYPE), target
        archive.addfile(member)
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="fully_trusted")
    return content(f"{folder}/link{name}")


def mapped() -> bytes:
    with open(OUT + "flag.txt", "rb") as file:
        return bytes(module("mmap").mmap(file.fileno(), 0, access=1))


def queried(statement: str) -> object:
    """Ask a database; its errors are Python's here."""
    try:
        with sqlite3.connect(":memory:") as connection:
            return connection.execute(statement).fetchall()
    except sqlite3.Error as error:
        raise OSError(str(error)) from None


def database(path: str, *, uri: bool = False) -> object:
    try:
        return sqlite3.connect(path, uri=uri).execute("select * from marks").fetchall()
    except sqlite3.Error as error:
        raise OSError(str(error)) from None


def attached(path: str, statement: str) -> object:
    try:
        connection = sqlite3.connect(":memory:")
        connection.execute(f"attach '{path}' as other")
        found = connection.execute(statement).fetchall()
        connection.commit()
        return found
    except sqlite3.Error as error:
        raise OSError(str(error)) from None


def configured() -> object:
    parser = configparser.ConfigParser()
    parser.read(OUT + "settings.ini")
    return dict(parser["marks"])


def imported(path: str) -> object:
    spec = importlib.util.spec_from_file_location("planted", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return vars(made).get("mark")


def imported_by_path(folder: str) -> object:
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        return importlib.import_module("outside_module").mark
    finally:
        sys.path.remove(folder)
        sys.modules.pop("outside_module", None)


table(
    "read by the library",
    read,
    {
        "open": lambda: open(FLAG_PATH).read(),
        "open, bytes": lambda: open(FLAG_PATH.encode(), "rb", buffering=0).read(),
        "open with an opener": lambda: open("flag.txt", opener=lambda name, flags: os.open(OUT + name, flags)).read(),
        "io.FileIO": lambda: io.FileIO(OUT + "flag.txt").read(),
        "io.open_code": lambda: io.open_code(FLAG_PATH).read(),
        "_pyio": lambda: module("_pyio").open(OUT + "flag.txt").read(),
        "pathlib": lambda: pathlib.Path(OUT, "flag.txt").read_text(),
        "pathlib, resolved": lambda: pathlib.Path("relative_link").resolve().read_text(),
        "pathlib, parent": lambda: (pathlib.Path(WORK).parent / "outside" / "flag.txt").read_bytes(),
        "tokenize": lambda: tokenize.open(OUT + "flag.txt").read(),
        "linecache": lambda: linecache.getline(FLAG_PATH, 1),
        "fileinput": lambda: list(fileinput.input([OUT + "flag.txt"])),
        "gzip": lambda: gzip.open(OUT + "flag.gz").read(),
        "bz2": lambda: module("bz2").open(OUT + "flag.bz2").read(),
        "lzma": lambda: module("lzma").open(OUT + "flag.xz").read(),
        "shutil.copy": lambda: copied(shutil.copy),
        "shutil.copyfile": lambda: copied(shutil.copyfile),
        "shutil.copytree": lambda: (
            shutil.copytree(OUTSIDE, place := temporary(), symlinks=True),
            content(place + "/flag.txt"),
        )[1],
        "tar made of a link's file": archived_tar,
        "zip made of a file": archived_zip,
        "tar with a link out, unpacked": lambda: tar_of_links(FLAG_PATH, ""),
        "tar with a link to a folder, unpacked": lambda: tar_of_links(OUTSIDE, "/flag.txt"),
        "zip outside": lambda: zipfile.ZipFile(OUT + "flags.zip").read("flag.txt"),
        "tar outside": lambda: tarfile.open(OUT + "flags.tar").extractfile("flag.txt").read(),  # type: ignore[union-attr]
        "zipimport": lambda: zipimport.zipimporter(OUT + "flags.zip").get_data("flag.txt"),
        "mapped into memory": mapped,
        "database": lambda: database(OUT + "flags.db"),
        "database by its full path": lambda: database(OUTSIDE + "/flags.db"),
        "database by its address": lambda: database(f"file:{OUTSIDE}/flags.db?mode=ro&immutable=1", uri=True),
        "database by a link": lambda: database("folder_link/flags.db"),
        "database, attached": lambda: attached(OUTSIDE + "/flags.db", "select * from other.marks"),
        "configparser": configured,
        "import by a full path": lambda: imported(OUTSIDE + "/outside_module.py"),
        "import by a link": lambda: imported("folder_link/outside_module.py"),
        "import from sys.path": lambda: imported_by_path(OUTSIDE),
        "import from sys.path by ..": lambda: imported_by_path(OUT),
        "import from a zip": lambda: imported_by_path(OUTSIDE + "/flags.zip"),
        "a loader's data": lambda: module("importlib.machinery").SourceFileLoader("x", "y").get_data(FLAG_PATH),
        "runpy": lambda: runpy.run_path(OUT + "outside_module.py")["mark"],
        "exec of a file": lambda: exec(open(OUT + "outside_module.py").read(), found := {}) or found["mark"],
        "netrc": lambda: netrc.netrc(OUT + "netrc").hosts,
        "mimetypes": lambda: mimetypes.read_mime_types(OUT + "mime.types"),
        "secrets of a mailbox": lambda: str(module("mailbox").mbox(OUT + "mail").get(0)),
        "plist": lambda: module("plistlib").load(open(OUT + "flags.plist", "rb")),
        "toml": lambda: module("tomllib").load(open(OUT + "flags.toml", "rb")),
        "csv": lambda: list(module("csv").reader(open(OUT + "flag.txt"))),
        "xml": lambda: module("xml.dom.minidom").parse(OUT + "flags.xml").toxml(),
        "pickle": lambda: module("pickle").load(open(OUT + "flags.pickle", "rb")),
        "a help page": lambda: module("inspect").getsource(imported_module()),
    },
)


def imported_module() -> Any:
    made = module("types").ModuleType("outside_module")
    made.__file__ = OUTSIDE + "/outside_module.py"
    sys.modules["outside_module"] = made
    return made


table(
    "read by the library",
    change,
    {
        "tar with a hard link out": lambda: tar_of_links(FLAG_PATH, "", hard=True),
        "readfile of a database": lambda: queried("select readfile('/etc/passwd')"),
        "a database's extension": lambda: queried("select load_extension('/lib/x86_64-linux-gnu/libc.so.6')"),
        "a database's table of files": lambda: queried("select * from fsdir('/etc')"),
        "xml with an entity": lambda: entity_of_xml(),
    },
    inside="refused by the library itself",
)


def entity_of_xml() -> str:
    text = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
    found: str = module("xml.dom.minidom").parseString(text).documentElement.firstChild.data
    return found


table(
    "list by the library",
    listing,
    {
        "glob": lambda: [os.path.basename(path) for path in glob.glob("../*")],
        "glob of the root": lambda: [os.path.basename(path) for path in glob.glob("/*")],
        "glob through a link": lambda: [os.path.basename(path) for path in glob.glob("folder_link/*")],
        "glob, recursive": lambda: [os.path.basename(path) for path in glob.glob("folder_link/**", recursive=True)],
        "glob with a root": lambda: glob.glob("*", root_dir=".."),
        "glob with a descriptor": lambda: glob.glob("*", dir_fd=os.open("..", os.O_RDONLY)),
        "pathlib": lambda: [path.name for path in pathlib.Path("..").iterdir()],
        "pathlib's glob": lambda: [path.name for path in pathlib.Path("/").glob("*")],
        "pathlib's glob with ..": lambda: [path.name for path in pathlib.Path(".").glob("../*")],
        "filecmp": lambda: module("filecmp").dircmp("..", WORK).left_list,
        "pkgutil": lambda: [
            "flag.txt" for found in module("pkgutil").iter_modules([OUTSIDE]) if found.name == "outside_module"
        ],
        "importlib.resources": lambda: [
            p.name for p in module("importlib.readers").FileReader(loader_outside()).files().iterdir()
        ],
        "compileall": lambda: compiled_names(),
    },
)


def loader_outside() -> Any:
    return module("importlib.machinery").SourceFileLoader("x", OUTSIDE + "/outside_module.py")


def compiled_names() -> "list[str]":
    """The folders that `compileall` says it looks into."""
    said = io.StringIO()
    with module("contextlib").redirect_stdout(said):
        module("compileall").compile_dir(OUTSIDE, maxlevels=0, quiet=0, legacy=True)
    return ["flag.txt"] if "outside_module.py" in said.getvalue() else []
