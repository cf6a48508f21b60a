"""Uses what WASI keeps no account of (files that grow, positions of appending files, permission bits), and prints what came of it.

python growing_files.py FOLDER
"""
# mypy: ignore-errors

import contextlib
import io
import json
import os
import pathlib
import shutil
import sys
import tarfile
import tempfile
import zipfile

root = sys.argv[1]
os.makedirs(root)
os.chdir(root)
os.umask(0o022)
found = {}


def case(function):
    """Remember what a case returns, or what it raised."""
    try:
        found[function.__name__] = repr(function())
    except Exception as error:
        found[function.__name__] = f"{type(error).__name__} {getattr(error, 'errno', None) and error.strerror}"


def put(name, content=""):
    pathlib.Path(name).write_text(content)
    return name


def bits(path, **keywords):
    return oct(os.stat(path, **keywords).st_mode & 0o7777)


# -- files that grow


@case
def a_reader_goes_on_from_the_end():
    said = []
    with open("grow", "w") as one, open("grow") as other, open("grow", "rb", buffering=0) as raw:
        for text in ("1", "22", "", "333\n"):
            one.write(text)
            one.flush()
            said += [other.read(), raw.read(), raw.read(5)]
    return said


@case
def lines_that_come_later():
    said = []
    with open("lines", "w", buffering=1) as one, open("lines") as other:
        for text in ("a\n", "b\nc\n", "half", "whole\n"):
            one.write(text)
            one.flush()
            said += [other.readline(), other.readline()]
    return said


@case
def descriptors_go_on_from_the_end():
    one, other = os.open("raw", os.O_RDWR | os.O_CREAT), os.open("raw", os.O_RDONLY)
    said = []
    for data in (b"12", b"", b"345"):
        os.write(one, data)
        said += [os.read(other, 9), os.read(other, 9), os.lseek(other, 0, os.SEEK_CUR)]
    os.close(one)
    os.close(other)
    return said


@case
def an_updater_reads_what_others_write():
    with open("both", "w+b", buffering=0) as one, open("both", "r+b", buffering=0) as other:
        said = [one.write(b"ab"), other.read(), other.write(b"cd"), one.read(), other.read()]
        said += [
            one.write(b"ef"),
            other.read(),
            one.seek(0),
            one.read(),
            other.tell(),
            one.truncate(1),
            other.read(),
            other.seek(0),
        ]
        return [*said, other.read()]


@case
def a_file_that_shrinks():
    with open("shrink", "w+b", buffering=0) as one, open("shrink", "rb", buffering=0) as other:
        one.write(b"123456")
        said = [other.read(4), one.truncate(2), other.read(), other.tell()]
        one.seek(0)
        one.write(b"abcdefgh")
        return [*said, other.read()]


# -- files that are added to


@case
def read_what_was_appended_to():
    put("log", "one\n")
    with open("log", "a+") as file:
        said = [file.tell(), file.read(), file.seek(0), file.read(), file.seek(0), file.readline(), file.tell()]
        said += [file.write("two\n"), file.tell(), file.seek(2), file.read(3), file.write("three\n"), file.flush(), file.tell()]
    return said, open("log").read()


@case
def positions_of_an_appending_file():
    put("positions", "12345")
    with open("positions", "ab") as file:
        said = [
            file.tell(),
            file.seek(0),
            file.write(b"X"),
            file.flush(),
            file.tell(),
            file.seek(1),
            file.tell(),
            file.seek(0, 2),
        ]
    with open("positions", "ab", buffering=0) as file:
        said += [file.tell(), file.write(b"ab"), file.tell(), file.seek(0), file.tell(), file.write(b"c"), file.tell()]
    return said, open("positions").read()


@case
def two_appenders():
    with open("two", "ab", buffering=0) as one, open("two", "a+b", buffering=0) as other:
        said = [one.write(b"1"), other.write(b"22"), one.write(b"333"), other.tell(), one.tell(), other.seek(0), other.read()]
        return [*said, one.write(b"4"), other.read(), other.seek(-2, 1), other.read(1), other.seek(-1, 2), other.read()]


@case
def truncating_an_appending_file():
    with open("cut", "a+b") as file:
        said = [file.write(b"12345"), file.truncate(2), file.tell(), file.write(b"X"), file.seek(0), file.read(), file.seek(1)]
        return [*said, file.truncate(), file.seek(0), file.read()]


@case
def seeking_before_the_start():
    with open("log", "ab", buffering=0) as file:
        return file.seek(-1)


@case
def an_appending_pipe_of_objects():
    with tempfile.NamedTemporaryFile("a+", dir=".", suffix=".t") as file:
        return file.write("x"), file.seek(0), file.read(), file.mode, type(file.buffer.raw).__name__, file.name.endswith(".t")


@case
def what_open_makes():
    said = []
    for mode in ("r", "rb", "a", "ab", "a+", "a+b", "r+", "w+b", "w"):
        with open(put("what"), mode) as file:
            said.append((mode, type(file).__name__, file.mode, file.name, file.readable(), file.writable()))
    return said


@case
def a_class_that_keeps_open():
    class Keeper:
        opener = open

    put("kept", "kept")
    import pickle

    same = pickle.loads(pickle.dumps(open)) is open
    return Keeper().opener("kept").read(), Keeper.opener("kept").read(), callable(open), open.__name__, same


@case
def closed_files():
    file = open("log", "a+")
    file.close()
    return file.closed, file.tell()


@case
def without_a_name():
    said = []
    for function in (open, os.stat, os.lstat, os.listdir, os.scandir, lambda path: os.open(path, os.O_RDONLY), os.mkdir):
        try:
            said.append(function(""))
        except OSError as error:
            said.append((type(error).__name__, error.filename))
    return said, os.path.exists(""), os.path.isdir(""), os.access("", os.F_OK)


# -- permission bits


@case
def usual_bits():
    os.mkdir("folder")
    os.symlink("log", "link")
    number = os.open("by-number", os.O_CREAT | os.O_WRONLY)
    os.close(number)
    said = [bits("log"), bits("folder"), bits("by-number"), oct(os.fstat(0).st_mode) != "", bits("link")]
    return [*said, oct(os.lstat("link").st_mode), pathlib.Path("folder").stat().st_mode == os.stat("folder").st_mode]


@case
def bits_that_are_set():
    put("tool", "#!/bin/sh\n")
    said = [os.access("tool", os.X_OK), os.chmod("tool", 0o755), bits("tool"), os.access("tool", os.X_OK)]
    os.rename("tool", "moved")
    said += [bits("moved"), pathlib.Path("moved").chmod(0o600), bits("moved")]
    with open("moved") as file:
        said += [os.fchmod(file.fileno(), 0o640), oct(os.fstat(file.fileno()).st_mode)]
    os.unlink("moved")
    put("moved")
    return [*said, bits("moved")]


@case
def bits_of_new_files():
    old = os.umask(0o077)
    put("private")
    with open("private+", "a+"):
        pass
    os.mkdir("closed")
    os.close(os.open("flags", os.O_CREAT | os.O_RDWR, 0o644))
    put("log", "one\n")
    said = [oct(old), oct(os.umask(old)), *map(bits, ("private", "private+", "closed", "flags", "log"))]
    number, name = tempfile.mkstemp(dir=".")
    os.close(number)
    os.mkdir("secret", 0o700)
    return [*said, bits(name), bits("secret"), bits(tempfile.mkdtemp(dir="."))]


@case
def bits_of_a_listing():
    os.makedirs("listed/inner", exist_ok=True)
    os.chmod(put("listed/tool"), 0o755)
    put("listed/plain")
    with os.scandir("listed") as entries:
        said = sorted((e.name, oct(e.stat().st_mode), e.is_dir(), e.is_file(), e.inode() == os.stat(e).st_ino) for e in entries)
    return (
        said,
        all(isinstance(entry, os.DirEntry) for entry in os.scandir("listed")),
        repr(next(os.scandir("listed/.."))) != "",
    )


@case
def bits_that_are_copied():
    os.chmod(put("script"), 0o750)
    said = [
        shutil.copy("script", "copy"),
        bits("copy"),
        shutil.copyfile("script", "plain"),
        bits("plain"),
        shutil.which("script"),
    ]
    said += [shutil.copytree("listed", "tree"), bits("tree/tool"), bits("tree/plain"), shutil.which("script", path=".")]
    return said


@case
def bits_in_archives():
    said = []
    with tarfile.open("kept.tar", "w") as archive:
        archive.add("listed")
    with tarfile.open("kept.tar") as archive:
        said += sorted((member.name, oct(member.mode)) for member in archive)
        archive.extractall("unpacked", filter="data")
    said += [bits("unpacked/listed/tool"), bits("unpacked/listed/plain"), bits("unpacked/listed/inner")]
    with zipfile.ZipFile("kept.zip", "w") as archive:
        archive.write("listed/tool")
        archive.write("listed/inner")
        archive.writestr("text", "x")
        said += [(each.filename, oct(each.external_attr >> 16)) for each in archive.infolist()]
    for form in ("zip", "tar", "gztar"):
        shutil.unpack_archive(shutil.make_archive(f"made-{form}", form, "listed"), f"out-{form}")
        said.append((form, bits(f"out-{form}/plain")))
    return said


@case
def bits_of_nothing():
    with contextlib.suppress(FileNotFoundError):
        os.chmod("nothing", 0o644)
        return "changed"
    return os.access("nothing", os.X_OK)


@case
def folders_for_functions():
    return os.stat in os.supports_follow_symlinks, io.open is open


print(json.dumps(found, indent=1))
