"""Uses files in every way that programs do, below a folder, and prints what came of it: run natively, and in a component.

python packed_files.py FOLDER

It is one file of more than 350 lines because it is packed as one, and what it prints is compared as one list.
"""
# mypy: ignore-errors

import csv
import errno
import fnmatch
import glob
import gzip
import io
import json
import os
import pathlib
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from typing import Any

root = sys.argv[1]
found: dict[str, Any] = {}


def note(name: str, function: Callable[[], Any]) -> None:
    """Remember a result, or what was raised."""
    try:
        found[name] = repr(function())
    except OSError as error:
        kind = errno.errorcode.get(error.errno or 0, "?")
        where = (
            os.path.relpath(os.fsdecode(error.filename), root)
            if error.filename and isinstance(error.filename, (str, bytes))
            else None
        )
        found[name] = f"{type(error).__name__} {kind} {where}"
    except Exception as error:
        found[name] = type(error).__name__


def at(*parts: str) -> str:
    return os.path.join(root, *parts)


def put(name: str, content: str | bytes = "") -> str:
    with open(at(name), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return at(name)


def get(name: str) -> bytes:
    with open(at(name), "rb") as file:
        return file.read()


os.makedirs(at("a/b/c"))
put("a/one.txt", "one\ntwo\r\nthree")
put("a/b/empty")
put("a/b/bytes", bytes(range(256)) * 300)

# -- open and its modes
for mode in (
    "r",
    "w",
    "a",
    "x",
    "r+",
    "w+",
    "a+",
    "x+",
    "rb",
    "wb",
    "ab",
    "xb",
    "rb+",
    "wb+",
    "ab+",
    "rt",
    "rw",
    "U",
    "",
    "q",
    "rr",
):

    def opened(mode: str = mode, name: str = "modes") -> Any:
        with open(at(name), mode) as file:
            said: list[Any] = [file.mode, file.readable(), file.writable(), file.seekable(), file.tell(), file.isatty()]
            if file.writable():
                said.append(file.write("text" if "b" not in mode else b"text"))
            if file.readable():
                file.seek(0)
                said.append(file.read())
            return said

    put("modes", "0123456789")
    note(f"open {mode} existing", opened)
    os.unlink(at("modes"))
    note(f"open {mode} missing", opened)
    if os.path.exists(at("modes")):
        os.unlink(at("modes"))
put("modes", "0123456789")
for keywords in (
    {"buffering": 0}, {"mode": "rb", "buffering": 0}, {"mode": "rb", "buffering": 3}, {"mode": "rb", "encoding": "ascii"},
    {"newline": ""}, {"newline": "\r\n"}, {"closefd": False}, {"errors": "ignore"}, {"buffering": 1},
):  # fmt: skip
    note(f"open with {keywords}", lambda keywords=keywords: type(open(at("a/one.txt"), **keywords)).__name__)
    note(f"read with {keywords}", lambda keywords=keywords: open(at("a/one.txt"), **keywords).read())
note("open folder", lambda: open(at("a")))
note("open folder for writing", lambda: open(at("a"), "w"))
note("open below a file", lambda: open(at("a/one.txt/x")))
note("open in no folder", lambda: open(at("no/x"), "w"))
note("open with slash", lambda: open(at("a/one.txt") + "/"))
note("open bytes", lambda: open(os.fsencode(at("a/one.txt"))).read())
note("open path", lambda: open(pathlib.Path(at("a/one.txt"))).read())
note("open nothing", lambda: open(""))
note("open null", lambda: open(at("a\0b")))
note("open list", lambda: open([]))  # type: ignore[call-overload]
note("open long", lambda: open(at("x" * 300), "w"))
note("opener", lambda: open(at("a/one.txt"), opener=lambda path, flags: os.open(path, flags)).read())
note("lines", lambda: list(open(at("a/one.txt"))))
note("name", lambda: os.path.relpath(open(at("a/one.txt")).name, root))


def positions() -> Any:
    with open(at("a/b/bytes"), "rb+") as file:
        said: list[Any] = [
            file.seek(10),
            file.read(3),
            file.tell(),
            file.seek(-5, 2),
            file.read(),
            file.seek(2, 1),
            file.read(),
        ]
        said += [file.seek(100_000), file.write(b"end"), file.flush(), os.fstat(file.fileno()).st_size]
        file.seek(76_795)
        said += [file.read(10), file.truncate(5), file.tell(), file.seek(0), file.read()]
        return said


note("positions", positions)
put("a/b/bytes", bytes(range(256)) * 300)
note("seek before", lambda: open(at("a/b/bytes"), "rb").seek(-1))
note("seek oddly", lambda: open(at("a/b/bytes"), "rb").seek(0, 7))


def both() -> Any:
    with open(at("two"), "w+") as one, open(at("two")) as other:
        one.write("hello")
        before = other.read()
        one.flush()
        return before, other.read()


note("two at once", both)


def unlinked() -> Any:
    with open(at("gone"), "w+") as file:
        file.write("still")
        os.unlink(at("gone"))
        file.seek(0)
        return file.read(), os.path.exists(at("gone")), os.fstat(file.fileno()).st_size


note("unlinked while open", unlinked)
note("closed", lambda: (lambda file: (file.close(), file.closed, file.read()))(open(at("modes"))))
note("write to a reader", lambda: open(at("modes")).write("x"))
note("raw write to a reader", lambda: open(at("modes"), "rb", 0).write(b"x"))
note("read a writer", lambda: open(at("scrap"), "w").read())
note("readinto", lambda: (lambda data: (open(at("modes"), "rb").readinto(data), data))(bytearray(4)))
note("detach", lambda: open(at("modes")).detach().raw.readall())
note("FileIO", lambda: io.FileIO(at("modes")).read(3))
note("FileIO mode", lambda: io.FileIO(at("modes"), "r+").mode)
note("FileIO is one", lambda: isinstance(open(at("modes"), "rb", 0), io.FileIO))
note("text is none", lambda: isinstance(open(at("modes")), io.FileIO))


# -- descriptors
def descriptors() -> Any:
    number = os.open(at("raw"), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    said: list[Any] = [os.write(number, b"abcdef"), os.lseek(number, 2, os.SEEK_SET), os.read(number, 2), os.read(number, 100)]
    said += [os.read(number, 1), os.pread(number, 3, 1), os.pwrite(number, b"XY", 4), os.lseek(number, 0, os.SEEK_CUR)]
    said += [os.ftruncate(number, 3), os.fstat(number).st_size, os.isatty(number), os.fsync(number)]
    with os.fdopen(number, "r+") as file:
        file.seek(0)
        said.append(file.read())
    note("closed twice", lambda: os.close(number))
    return said


note("descriptors", descriptors)
note("exclusive", lambda: os.open(at("raw"), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
note("no such descriptor", lambda: os.read(12345, 1))
note(
    "append", lambda: [(lambda n: (os.write(n, b"+"), os.close(n)))(os.open(at("raw"), os.O_WRONLY | os.O_APPEND)), get("raw")]
)
note("keep open", lambda: open(os.open(at("raw"), os.O_RDONLY), closefd=True).read())

# -- folders
note("listdir", lambda: sorted(os.listdir(at("a"))))
note("listdir bytes", lambda: sorted(os.listdir(os.fsencode(at("a")))))
note("listdir file", lambda: os.listdir(at("a/one.txt")))
note("listdir missing", lambda: os.listdir(at("no")))
note("scandir", lambda: sorted((e.name, e.is_dir(), e.is_file(), e.is_symlink(), e.stat().st_size if e.is_file() else 0)
                               for e in os.scandir(at("a"))))  # fmt: skip
note("scandir path", lambda: sorted(os.path.relpath(entry.path, root) for entry in os.scandir(at("a"))))
note("walk", lambda: sorted((os.path.relpath(f, root), sorted(d), sorted(n)) for f, d, n in os.walk(at("a"))))
note("walk upwards", lambda: [os.path.relpath(folder, root) for folder, _, _ in os.walk(at("a"), topdown=False)])
note("glob", lambda: sorted(os.path.relpath(path, root) for path in glob.glob(at("**/*"), recursive=True)))
note("glob hidden", lambda: glob.glob(at("[")))
note("mkdir existing", lambda: os.mkdir(at("a")))
note("mkdir nowhere", lambda: os.mkdir(at("no/no")))
note(
    "makedirs",
    lambda: (os.makedirs(at("m/n/o"), exist_ok=True), os.makedirs(at("m/n/o"), exist_ok=True), os.path.isdir(at("m/n/o"))),
)
note("rmdir full", lambda: os.rmdir(at("m")))
note("rmdir file", lambda: os.rmdir(at("a/one.txt")))
note("rmdir missing", lambda: os.rmdir(at("no")))
note("removedirs", lambda: (os.removedirs(at("m/n/o")), os.path.exists(at("m"))))
os.makedirs(at("keep"), exist_ok=True)
note("unlink missing", lambda: os.unlink(at("no")))
note("remove", lambda: (put("r") and None, os.remove(at("r")), os.path.exists(at("r"))))

# -- renaming
note("rename", lambda: (put("p", "P") and None, os.rename(at("p"), at("q")), get("q"), os.path.exists(at("p"))))
note("rename over", lambda: (put("p", "new") and None, os.replace(at("p"), at("q")), get("q")))
note("rename missing", lambda: os.rename(at("no"), at("q")))
note("rename into itself", lambda: os.rename(at("a"), at("a/b/x")))
note(
    "rename over a full folder",
    lambda: (os.mkdir(at("full")), put("full/x"), os.mkdir(at("f2")), os.rename(at("f2"), at("full"))),
)
note("rename over an empty folder", lambda: (os.mkdir(at("void")), os.rename(at("f2"), at("void")), os.path.exists(at("f2"))))
note("rename a folder over a file", lambda: os.rename(at("void"), at("q")))
note("rename a file over a folder", lambda: os.rename(at("q"), at("void")))
note("rename to itself", lambda: (os.rename(at("q"), at("q")), get("q")))
note("link", lambda: (os.link(at("q"), at("q2")), open(at("q2"), "a").write("!"), get("q")))
note("link existing", lambda: os.link(at("q"), at("q2")))

# -- what is said of files
note(
    "stat", lambda: [(os.stat(at(n)).st_size, os.path.isfile(at(n)), os.path.isdir(at(n))) for n in ("a/one.txt", "a/b/empty")]
)
note("stat missing", lambda: os.stat(at("no")))
note("stat below a file", lambda: os.stat(at("a/one.txt/x")))
note(
    "exists", lambda: [os.path.exists(at(name)) for name in ("a", "a/", "a/one.txt", "a/one.txt/", "no", "a/../a/one.txt", "")]
)
note("same", lambda: os.path.samefile(at("a"), at("a/b/..")))
note("not same", lambda: os.path.samefile(at("a"), at("a/b")))
note("utime", lambda: (os.utime(at("q"), (1, 1_000_000)), os.path.getmtime(at("q"))))
note("utime in nanoseconds", lambda: (os.utime(at("q"), ns=(1, 1_500_000_000)), os.stat(at("q")).st_mtime_ns))
note("access", lambda: [os.access(at(name), os.R_OK) for name in ("a", "q", "no")])
note("truncate", lambda: (os.truncate(at("q"), 2), get("q"), os.truncate(at("q"), 4), get("q")))
note("truncate folder", lambda: os.truncate(at("a"), 0))
note("readlink", lambda: os.readlink(at("q")))
note("islink", lambda: os.path.islink(at("q")))
note("chmod missing", lambda: os.chmod(at("no"), 0o600))

# -- working folder
os.chdir(at("a"))
note("getcwd", lambda: os.path.relpath(os.getcwd(), root))
note(
    "relative",
    lambda: (open("one.txt").read(), sorted(os.listdir("b")), os.path.exists("../q"), os.path.realpath("b") == at("a", "b")),
)
note("relative error", lambda: open("nothing.txt"))
note("listdir here", lambda: sorted(os.listdir()))
note("chdir missing", lambda: os.chdir("no"))
note("chdir file", lambda: os.chdir("one.txt"))
note("path here", lambda: sorted(str(path) for path in pathlib.Path().rglob("*")))
os.chdir(root)


# -- pathlib
def paths() -> Any:
    base = pathlib.Path(root) / "paths"
    (base / "x" / "y").mkdir(parents=True)
    file = base / "x" / "f.txt"
    said: list[Any] = [
        file.write_text("hé", encoding="utf-8"),
        file.read_bytes(),
        file.stat().st_size,
        file.exists(),
        file.is_file(),
    ]
    file.touch()
    said += [sorted(p.name for p in base.rglob("*")), sorted(p.name for p in base.glob("*/*.txt")), file.suffix]
    said += [file.rename(base / "g.txt").name, (base / "g.txt").unlink(), (base / "g.txt").unlink(missing_ok=True)]
    said += [[(str(f.relative_to(base)), sorted(d), sorted(n)) for f, d, n in os.walk(base) for f in [pathlib.Path(f)]]]
    return said


note("pathlib", paths)
note("pathlib missing", lambda: (pathlib.Path(root) / "no").read_text())
note("pathlib mkdir", lambda: (pathlib.Path(root) / "a").mkdir())
note("resolve", lambda: (pathlib.Path(root) / "a" / ".." / "a").resolve() == pathlib.Path(root) / "a")

# -- what the library does with files
note("copy", lambda: (shutil.copy(at("a/one.txt"), at("copy")), get("copy"))[1])
note("copy2", lambda: (shutil.copy2(at("a/one.txt"), at("copy2")), get("copy2"))[1])
note("copy itself", lambda: shutil.copyfile(at("a/one.txt"), at("a/one.txt")))
note("copytree", lambda: (shutil.copytree(at("a"), at("tree")), sorted(os.listdir(at("tree"))))[1])
note("copytree existing", lambda: shutil.copytree(at("a"), at("tree")))
note("move", lambda: (shutil.move(at("tree"), at("moved")), sorted(os.listdir(at("moved"))))[1])
note("move into", lambda: os.path.relpath(shutil.move(at("copy"), at("moved")), root))
note("rmtree", lambda: (shutil.rmtree(at("moved")), os.path.exists(at("moved"))))
note("rmtree missing", lambda: shutil.rmtree(at("moved")))


def archives() -> Any:
    said: list[Any] = []
    for form in ("zip", "tar", "gztar"):
        made = shutil.make_archive(at(f"archive-{form}"), form, at("a"))
        shutil.unpack_archive(made, at(f"out-{form}"))
        said.append(sorted(os.path.relpath(p, at(f"out-{form}")) for p in glob.glob(at(f"out-{form}/**"), recursive=True)))
    with tarfile.open(at("archive-gztar.tar.gz")) as archive, zipfile.ZipFile(at("archive-zip.zip")) as other:
        said += [len(archive.getnames()), other.read("one.txt"), zipfile.Path(other, "b/").joinpath("empty").exists()]
    return said


note("archives", archives)


def kept() -> Any:
    with gzip.open(at("z.gz"), "wt") as file:
        file.write("zipped")
    with open(at("t.csv"), "w", newline="") as file:
        csv.writer(file).writerows([[1, "a b"], [2, 'c"d']])
    with open(at("t.json"), "w") as file:
        json.dump({"x": [1]}, file)
    return gzip.open(at("z.gz"), "rt").read(), list(csv.reader(open(at("t.csv"), newline=""))), json.load(open(at("t.json")))


note("formats", kept)


def temporary() -> Any:
    tempfile.tempdir = root
    said: list[Any] = []
    with tempfile.TemporaryFile() as file:
        file.write(b"t")
        file.seek(0)
        said.append(file.read())
    with tempfile.NamedTemporaryFile(suffix=".x") as file:
        said += [os.path.exists(file.name), file.name.endswith(".x")]
    said.append(os.path.exists(file.name))
    with tempfile.TemporaryDirectory() as name:
        open(os.path.join(name, "f"), "w").close()
        said.append(os.listdir(name))
    said.append(os.path.exists(name))
    number, name = tempfile.mkstemp()
    said += [os.write(number, b"m"), os.close(number), os.unlink(name)]
    return said


note("tempfile", temporary)
note("fnmatch", lambda: fnmatch.filter(sorted(os.listdir(root)), "archive-*"))
note("all", lambda: sorted(os.listdir(root)))
print(json.dumps(found, indent=1))
