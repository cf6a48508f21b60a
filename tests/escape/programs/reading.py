"""Reading and listing what is outside of the shared folder."""
# mypy: ignore-errors

import os
import posix
from contextlib import suppress

from tests.escape.programs.frame import (
    DATA,
    DEV,
    LAYER,
    OUTSIDE,
    PRIVATE,
    PYTHON,
    STORE,
    TMP,
    UP,
    WORK,
    Result,
    attempt,
    change,
    content,
    leaks,
    listing,
    read,
    table,
)  # fmt: skip

#: Paths that lead out wherever there is no sandbox.
WAYS_OUT = {
    "..": "../outside/flag.txt",
    ".. from the working folder's full path": WORK + "/../outside/flag.txt",
    "./..": "./.././outside/flag.txt",
    ".. after a folder": "sub/../../outside/flag.txt",
    ".. after doubled slashes": "sub//..//..//outside//flag.txt",
    "twenty ..": UP + "etc/passwd",
    "full path": OUTSIDE + "/flag.txt",
    "full path as bytes": (OUTSIDE + "/flag.txt").encode(),
    "/etc/passwd": "/etc/passwd",
    "two slashes": "//etc/passwd",
    "three slashes": "///etc/passwd",
    "a dot": "/./etc/passwd",
    "/tmp/..": TMP + "/" + UP + "etc/passwd",
    "/dev/..": DEV + "/" + UP + "etc/passwd",
    "/python/..": PYTHON + "/" + UP + "etc/passwd",
    "a layer's folder/..": os.path.dirname(LAYER) + "/" + UP + "etc/passwd",
    "/etc/../etc": "/etc/../etc/passwd",
    ".. above the root": "/../../etc/passwd",
    "link with a full path": WORK + "/full_link",
    "link with a relative path": WORK + "/relative_link",
    "link by a relative path": "relative_link",
    "link to a folder": WORK + "/folder_link/flag.txt",
    "link to a folder, then ..": WORK + "/folder_link/../outside/flag.txt",
    ".. then a link to a folder": WORK + "/sub/../folder_link/flag.txt",
    "link to a folder twice": WORK + "/folder_link/../project/folder_link/flag.txt",
    "link to the root": WORK + "/root_link/etc/passwd",
    "link to the root, then ..": WORK + "/root_link/../../etc/passwd",
    "link to a link": WORK + "/first_link",
    "link in a subfolder": WORK + "/sub/deep_link",
    "link to the parent": WORK + "/parent_link/outside/flag.txt",
    "link to this process's variables": WORK + "/variables_link",
    "link to this process's root": WORK + "/process_link/etc/passwd",
    "/proc/self/environ": "/proc/self/environ",
    "/proc/self/root": "/proc/self/root/etc/passwd",
    "/proc/self/cwd": "/proc/self/cwd/../outside/flag.txt",
    "/proc/thread-self/root": "/proc/thread-self/root/etc/passwd",
    "path of 3,900 bytes": "./" * 1900 + "../outside/flag.txt",
}
#: Paths that are there on no host, or hold none of our marks; a program must not get at them either.
ODD_PATHS = {
    "/host before the path": "/host" + OUTSIDE + "/flag.txt",
    "a file's address": "file://" + OUTSIDE + "/flag.txt",
    "trailing slash": WORK + "/relative_link/",
    "a link that leads to itself": WORK + "/loop_link",
    "a link that leads nowhere": WORK + "/broken_link",
    "/proc/1/environ": "/proc/1/environ",
    "/proc/self/mem": "/proc/self/mem",
    "/proc/self/maps": "/proc/self/maps",
    "/proc/self/cmdline": "/proc/self/cmdline",
    "/proc/self/fd/3": "/proc/self/fd/3",
    "/proc/kcore": "/proc/kcore",
    "/sys/kernel": "/sys/kernel/notes",
    "/dev/fd/3": "/dev/fd/3",
    "/dev/stdin": "/dev/stdin",
    "/dev/mem": "/dev/mem",
    "/dev/kmsg": "/dev/kmsg",
    "/dev/tty": "/dev/tty",
    "/dev/ptmx": "/dev/ptmx",
    "/dev/zero": "/dev/zero",
    "/dev/random": "/dev/random",
    "/dev/shm": "/dev/shm/x",
    "/dev/vda": "/dev/vda",
    "/root/.bashrc": "/root/.bashrc",
    "~root": os.path.expanduser("~root/.bashrc"),
    "~ is not expanded": "~/.bashrc",
    "/run": "/run/secrets/token",
    "the store's folders": STORE + "/layers-v1",
    "the known environments": DATA + "/registered",
}
table("read", read, {name: lambda path=path: content(path) for name, path in WAYS_OUT.items()})
table(
    "read",
    change,
    {name: lambda path=path: content(path)[:20] for name, path in ODD_PATHS.items()},
    inside="there on no host, or harmless to read there",
)

table(
    "read", read, {"device in the shared folder": lambda: content(WORK + "/zero_device")}, inside="made by the superuser only"
)

#: Flags of Linux and WASI by number: the sandbox's `os` does not name all of them.
FLAGS = {
    "O_NOFOLLOW": 0o400000,
    "O_PATH": 0o10000000,
    "O_DIRECTORY": os.O_DIRECTORY,
    "O_NONBLOCK": os.O_NONBLOCK,
    "O_SYNC": os.O_SYNC,
    "O_EXEC of WASI": 1 << 25,
    "O_SEARCH of WASI": 1 << 27,
    "every bit but writing": 0x7FFFFFFF & ~(1 << 28) & ~os.O_CREAT & ~os.O_TRUNC,
}


def folder_by(flags: int) -> "list[str]":
    """List the folder outside through a descriptor that was opened with some flags."""
    descriptor = os.open("../outside", flags)
    try:
        return os.listdir(descriptor)
    finally:
        os.close(descriptor)


for flag_name, flag in FLAGS.items():
    odd_flag = (
        ""
        if flag_name in {"O_DIRECTORY", "O_NONBLOCK", "O_SYNC", "O_NOFOLLOW"}
        else "the number means something else on the host"
    )
    table("read with flags", listing, {flag_name: lambda flag=flag: folder_by(flag)}, odd_flag)

table(
    "list",
    listing,
    {
        "the root": lambda: os.listdir("/"),
        "..": lambda: os.listdir(".."),
        "the parent by its path": lambda: os.listdir(os.path.dirname(WORK)),
        "the folder outside": lambda: os.listdir(OUTSIDE),
        "a link out": lambda: os.listdir(WORK + "/folder_link"),
        "a link to the root": lambda: os.listdir("root_link"),
        "..: scandir": lambda: [entry.name for entry in os.scandir("..")],
        "a link out: scandir's entries followed": lambda: os.listdir(
            next(e for e in os.scandir(".") if e.name == "folder_link").path
        ),
        "walk that follows links": lambda: [name for _, _, files in os.walk("folder_link", followlinks=True) for name in files],
        "walk of ..": lambda: [name for _, folders, _ in os.walk("../outside/..") for name in folders],
        "the store": lambda: os.listdir(STORE),
        "the data folder": lambda: os.listdir(DATA),
        "/proc": lambda: [{"self": "proc"}.get(name, name) for name in os.listdir("/proc")],
        "posix.listdir": lambda: posix.listdir(".."),
    },
)
table(
    "list",
    listing,
    {
        "/tmp": lambda: os.listdir(TMP),
        "/wenv/private": lambda: os.listdir(PRIVATE),
        "/wenv/private/..": lambda: os.listdir(PRIVATE + "/.."),
        "/python/..": lambda: os.listdir(PYTHON + "/.."),
        "/dev": lambda: os.listdir("/dev"),
    },
    inside="holds names of the sandbox's own",
)


@attempt("list: layers of other environments", inside="there are none on the host")
def other_layers() -> Result:
    names = os.listdir(PYTHON + "/layers")
    return "succeeded" if any("zzother" in name for name in names) else "harmless", repr(names)


table(
    "ask about",
    change,
    {
        "stat ..": lambda: os.stat("../outside/flag.txt"),
        "lstat ..": lambda: os.lstat("../outside/flag.txt"),
        "stat of a full path": lambda: os.stat(OUTSIDE + "/flag.txt"),
        "stat of a link out": lambda: os.stat("relative_link"),
        "stat through a link": lambda: os.stat("folder_link/flag.txt"),
        "readlink outside": lambda: os.readlink("../outside/inner_link"),
        "readlink of /proc/self/exe": lambda: os.readlink("/proc/self/exe"),
        "statvfs": lambda: os.statvfs("../outside"),
        "chdir and a relative path": lambda: (os.chdir("../outside"), content("flag.txt")),
        "chdir by a link": lambda: (os.chdir("folder_link"), content("flag.txt")),
        "chdir to the root": lambda: (os.chdir("/"), content("etc/passwd")),
        "chdir into a folder and back twice": lambda: (os.chdir("sub"), os.chdir("../.."), content("outside/flag.txt")),
    },
)


@attempt("ask about: access")
def access_outside() -> Result:
    found = [path for path in ("../outside/flag.txt", "/etc/passwd", "relative_link") if os.access(path, os.R_OK)]
    return "succeeded" if found else "refused", repr(found)


@attempt("ask about: the same file by its numbers", inside="numbers are no secret on the host")
def numbers_of_the_parent() -> Result:
    """A folder's own entry for its parent must not show the host's."""
    return ("harmless", "equal") if os.path.samefile("/", "/..") else ("succeeded", "the root has a parent")


@attempt("read: a folder that the host exchanges for a link meanwhile")
def exchanged_folder() -> Result:
    """The host moves a folder and a link out to the same name, as fast as it can, while the program opens files below it."""
    for _ in range(20_000):
        with suppress(OSError):
            if leaks(content("race/swing/flag.txt")):
                return "succeeded", "read through the link"
    return "harmless", "never"
