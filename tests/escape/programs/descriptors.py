"""Descriptors: of folders, from which paths lead out, and those that the host's process left open."""
# mypy: ignore-errors

import os
import stat
from collections.abc import Callable

from tests.escape.programs.frame import (
    CODE,
    DEV,
    FIXED,
    LAYER,
    OUTSIDE,
    PRIVATE,
    PYTHON,
    TMP,
    UP,
    WORK,
    Result,
    attempt,
    change,
    content,
    leaks,
    listing,
    plant,
    read,
    table,
    temporary,
)  # fmt: skip

FOLDERS = {
    "the working folder": WORK,
    "a subfolder": WORK + "/sub",
    "/tmp": TMP,
    "/python": PYTHON,
    "a layer": os.path.dirname(LAYER),
    "/wenv/code": CODE,
    "/wenv/private": PRIVATE,
    "/dev": DEV,
    "the environment's folder": FIXED + "/.wenv",
    "/": "/",
}
TAILS = {"..": UP + "etc/passwd", "a full path": "/etc/passwd", "the folder outside": OUTSIDE + "/flag.txt"}


def at_folder(folder: str, use: "Callable[[int], object]") -> object:
    """Use a folder's descriptor."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        return use(descriptor)
    finally:
        os.close(descriptor)


for folder_name, folder_path in FOLDERS.items():
    for tail_name, tail in TAILS.items():
        row = lambda folder=folder_path, tail=tail: at_folder(folder, lambda fd: content(tail, dir_fd=fd))  # noqa: E731
        table("openat", read, {f"{tail_name} from {folder_name}": row})


def climbing(folder: str) -> "list[str]":
    """All names on the way up, each folder opened from the one below."""
    names: list[str] = []
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(24):
        upper = os.open("..", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = upper
        names += os.listdir(descriptor)
    os.close(descriptor)
    return names


for folder_name, folder_path in FOLDERS.items():
    table("climb by descriptors", listing, {folder_name: lambda folder=folder_path: climbing(folder)})

OUT = "../outside/"
table(
    "with dir_fd",
    change,
    {
        "stat": lambda: at_folder(WORK, lambda fd: os.stat(OUT + "flag.txt", dir_fd=fd)),
        "lstat": lambda: at_folder(WORK, lambda fd: os.stat(OUT + "flag.txt", dir_fd=fd, follow_symlinks=False)),
        "readlink": lambda: at_folder(WORK, lambda fd: os.readlink(OUT + "inner_link", dir_fd=fd)),
        "utime": lambda: at_folder(WORK, lambda fd: os.utime(OUT + "flag.txt", (1, 1), dir_fd=fd)),
        "unlink": lambda: at_folder(WORK, lambda fd: os.unlink(OUT + "spare.txt", dir_fd=fd)),
        "rmdir": lambda: at_folder(WORK, lambda fd: os.rmdir(OUT + "empty", dir_fd=fd)),
        "rename from": lambda: at_folder(WORK, lambda fd: os.rename(OUT + "spare.txt", temporary(), src_dir_fd=fd)),
        "link from": lambda: at_folder(WORK, lambda fd: os.link(OUT + "flag.txt", temporary(), src_dir_fd=fd)),
        "link from, following": lambda: at_folder(
            WORK, lambda fd: os.link(OUT + "inner_link", temporary(), src_dir_fd=fd, follow_symlinks=True)
        ),
        "scandir of ..": lambda: at_folder(WORK, lambda fd: list(os.scandir(os.open("..", os.O_RDONLY, dir_fd=fd)))),
    },
)
table(
    "with dir_fd",
    plant,
    {
        "create": lambda: at_folder(WORK, lambda fd: os.open(OUT + "planted", os.O_CREAT | os.O_WRONLY, dir_fd=fd)),
        "create, exclusively": lambda: at_folder(
            WORK, lambda fd: os.open(OUT + "planted", os.O_CREAT | os.O_EXCL | os.O_RDWR, dir_fd=fd)
        ),
        "truncate": lambda: at_folder(WORK, lambda fd: os.open(OUT + "spare.txt", os.O_TRUNC | os.O_WRONLY, dir_fd=fd)),
        "mkdir": lambda: at_folder(WORK, lambda fd: os.mkdir(OUT + "planted", dir_fd=fd)),
        "symlink": lambda: at_folder(WORK, lambda fd: os.symlink("x", OUT + "planted", dir_fd=fd)),
        "rename to": lambda: at_folder(WORK, lambda fd: os.rename(temporary("x"), OUT + "planted", dst_dir_fd=fd)),
        "link to": lambda: at_folder(WORK, lambda fd: os.link(temporary("x"), OUT + "planted", dst_dir_fd=fd)),
        "mkfifo": lambda: at_folder(WORK, lambda fd: os.mkfifo(OUT + "planted", dir_fd=fd)),
        "a file's descriptor in place of a folder's": lambda: os.open(
            "/" + OUTSIDE.lstrip("/") + "/planted", os.O_CREAT | os.O_WRONLY, dir_fd=os.open("plain.txt", os.O_RDONLY)
        ),
    },
)
table(
    "by descriptor",
    listing,
    {
        "fchdir to ..": lambda: (os.fchdir(os.open("..", os.O_RDONLY)), os.listdir("."))[1],
        "fwalk of ..": lambda: [name for _, folders, files, _ in os.fwalk("..") for name in folders + files][:1000],
        "listdir of a link's folder": lambda: os.listdir(os.open("folder_link", os.O_RDONLY)),
    },
)


def every_descriptor(tail: str) -> "list[int]":
    """Descriptors from which a path leads to something of the host's: each preopened folder has one."""
    found = []
    for descriptor in range(128):
        try:
            if leaks(content(tail, dir_fd=descriptor)):
                found.append(descriptor)
        except (OSError, TypeError, NotImplementedError):
            continue
    return found


def found_any(find: "Callable[[], object]") -> Result:
    """Succeeds if something was found."""
    found = find()
    return ("succeeded" if found else "refused"), repr(found)[:80]


for tail in (
    UP + "etc/passwd",
    "etc/passwd",
    "../outside/flag.txt",
    "../../outside/flag.txt",
    "folder_link/flag.txt",
    "proc/self/environ",
):
    attempt(f"every descriptor: {tail[-24:]}", inside="no folder is open there")(
        lambda tail=tail: found_any(lambda: every_descriptor(tail))
    )
attempt("every descriptor: a full path")(lambda: found_any(lambda: every_descriptor("/etc/passwd")))


def inherited(use: "Callable[[int], object]") -> "list[int]":
    """Descriptors, beside the standard ones, for which a call returns something that is the host's."""
    found = []
    for descriptor in range(3, 128):
        try:
            # in the default runtime, a read at a position from a preopened folder's descriptor traps, which ends all attempts
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode) and leaks(use(descriptor)):
                found.append(descriptor)
        except (OSError, ValueError):
            continue
    return found


def first_of(descriptor: int) -> object:
    """What a file object over the descriptor reads; the descriptor stays open."""
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        file.seek(0)
        return file.read(4096)


INHERITED = {
    "read": lambda fd: os.read(fd, 4096),
    "pread": lambda fd: os.pread(fd, 4096, 0),
    "seek, then read": lambda fd: (os.lseek(fd, 0, 0), os.read(fd, 4096)),
    "a file object": first_of,
    "copied, then read": lambda fd: os.pread(os.dup(fd), 4096, 0),
    "through /dev/fd": lambda fd: content(f"/dev/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK),
    "through /proc/self/fd": lambda fd: content(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK),
}
for use_name, use in INHERITED.items():
    attempt(f"descriptors of the host: {use_name}")(lambda use=use: found_any(lambda: inherited(use)))


def written(write_it: "Callable[[int], object]") -> Result:
    """Write to every descriptor but the standard ones; the host compares its files."""
    for descriptor in range(3, 128):
        try:
            write_it(descriptor)
        except (OSError, ValueError):
            continue
    return "harmless", "the host compares its files"


for use_name, use in {
    "write": lambda fd: os.write(fd, b"PLANTED"),
    "pwrite": lambda fd: os.pwrite(fd, b"PLANTED", 0),
    "ftruncate": lambda fd: os.ftruncate(fd, 0),
    "utime": lambda fd: os.utime(fd, (1, 1)),
    "posix_fallocate": lambda fd: os.posix_fallocate(fd, 0, 1 << 20),
}.items():
    if hasattr(os, use_name):
        attempt(f"descriptors of the host: {use_name}", inside="the host tells")(lambda use=use: written(use))


@attempt("descriptors: standard output as a file", inside="a pipe there, too")
def output_as_file() -> Result:
    """Output must not be a file that a program can read back or cut."""
    done = []
    for descriptor in (1, 2):
        for name, call in {
            "read": lambda fd: os.read(fd, 1),
            "truncate": lambda fd: os.ftruncate(fd, 0),
            "seek": lambda fd: os.lseek(fd, 0, 0),
            "pread": lambda fd: os.pread(fd, 10, 0),
        }.items():
            try:
                if call(descriptor) not in {b"", 0}:
                    done.append((descriptor, name))
            except OSError:
                continue
    return ("succeeded" if done else "refused"), repr(done)
