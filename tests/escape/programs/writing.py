"""Changing files and folders that the program may read only, and making some where it may not."""
# mypy: ignore-errors

import os
from pathlib import Path

from tests.escape.programs.frame import (
    CODE,
    DATA,
    FIXED,
    LAYER,
    LIBRARY,
    OUTSIDE,
    PRIVATE,
    PYTHON,
    ROOT,
    STORE,
    TMP,
    UP,
    WORK,
    Program,
    Result,
    change,
    plant,
    table,
)  # fmt: skip


def descriptor_of(path: str, flags: int = os.O_RDONLY) -> int:
    """A descriptor for reading, unless `flags` say more."""
    return os.open(path, flags)


def mode_changed(path: str) -> Program:
    """WASI knows no modes: `os.chmod` does nothing there, and says so by what `os.stat` returns."""

    def program() -> Result:
        before = os.stat(path).st_mode
        os.chmod(path, 0o777 if before & 0o777 != 0o777 else 0o700)
        return ("harmless" if os.stat(path).st_mode == before else "succeeded"), oct(before)

    return program


#: A file that is there, and the folder beside which something is made.
TARGET_FILES = {
    "the shared folder": (FIXED + "/plain.txt", FIXED),
    "a layer": (LAYER, os.path.dirname(LAYER)),
    "the standard library": (LIBRARY, PYTHON),
    "the code archives": (CODE + "/0.bin", CODE),
    "the environment's manifest": (FIXED + "/.wenv/environment.json", FIXED + "/.wenv"),
    "the environment's programs": (FIXED + "/.wenv/bin/python", FIXED + "/.wenv/bin"),
}
READ_DESCRIPTOR = "a descriptor for reading refuses it everywhere"
for target, (file_path, folder_path) in TARGET_FILES.items():

    def rows(path: str, folder: str) -> "dict[str, object]":
        """Every call that changes a file or what lies beside it."""
        return {
            "open for writing": lambda: os.write(descriptor_of(path, os.O_WRONLY), b"PLANTED"),
            "open for both": lambda: os.write(descriptor_of(path, os.O_RDWR), b"PLANTED"),
            "append": lambda: os.write(descriptor_of(path, os.O_WRONLY | os.O_APPEND), b"PLANTED"),
            "open and cut": lambda: descriptor_of(path, os.O_WRONLY | os.O_TRUNC),
            "open for reading and cut": lambda: descriptor_of(path, os.O_RDONLY | os.O_TRUNC),
            "builtin open": lambda: open(path, "r+b").write(b"PLANTED"),
            "pathlib": lambda: Path(path).write_bytes(b"PLANTED"),
            "truncate": lambda: os.truncate(path, 0),
            "grow": lambda: os.truncate(path, 1 << 20),
            "unlink": lambda: os.unlink(path),
            "utime": lambda: os.utime(path, (1, 1)),
            "utime, by descriptor": lambda: os.utime(descriptor_of(path), (1, 1)),
            "create beside": lambda: descriptor_of(folder + "/planted.py", os.O_WRONLY | os.O_CREAT | os.O_EXCL),
            "create beside, for reading": lambda: descriptor_of(folder + "/planted.py", os.O_RDONLY | os.O_CREAT),
            "create beside, by descriptor": lambda: os.open(
                "planted.py", os.O_WRONLY | os.O_CREAT, dir_fd=os.open(folder, os.O_RDONLY)
            ),
            "mkdir beside": lambda: os.mkdir(folder + "/planted"),
            "utime of the folder": lambda: os.utime(folder, (1, 1)),
        }

    def read_descriptor_rows(path: str) -> "dict[str, object]":
        """Calls through a descriptor that was opened for reading."""
        return {
            "write to a read descriptor": lambda: os.write(descriptor_of(path), b"PLANTED"),
            "pwrite to a read descriptor": lambda: os.pwrite(descriptor_of(path), b"PLANTED", 0),
            "ftruncate of a read descriptor": lambda: os.ftruncate(descriptor_of(path), 0),
            "fallocate of a read descriptor": lambda: os.posix_fallocate(descriptor_of(path), 0, 1 << 20),
        }

    table(f"write to {target}", change, rows(file_path, folder_path))
    table(f"write to {target}", change, read_descriptor_rows(file_path), READ_DESCRIPTOR)
    table(f"write to {target}", lambda path: mode_changed(path()), {"chmod": lambda path=file_path: path})

SPARE = OUTSIDE + "/spare.txt"
table(
    "write outside",
    plant,
    {
        "create": lambda: open(OUTSIDE + "/planted", "w"),
        "create by ..": lambda: open("../outside/planted", "w"),
        "create by the host's link": lambda: open("folder_link/planted", "w"),
        "change": lambda: open(SPARE, "a").write("PLANTED"),
        "change by ..": lambda: open("../outside/spare.txt", "a").write("PLANTED"),
        "change by the host's link": lambda: open("spare_link", "a").write("PLANTED"),
        "cut": lambda: os.truncate(SPARE, 0),
        "cut by the host's link": lambda: os.truncate("spare_link", 0),
        "unlink": lambda: os.unlink(SPARE),
        "unlink by ..": lambda: os.unlink("../outside/spare.txt"),
        "unlink by the host's link": lambda: os.unlink("folder_link/spare.txt"),
        "rmdir": lambda: os.rmdir(OUTSIDE + "/empty"),
        "rmdir by the host's link": lambda: os.rmdir("folder_link/empty"),
        "mkdir": lambda: os.mkdir(OUTSIDE + "/planted"),
        "mkdir by the host's link": lambda: os.mkdir("folder_link/planted"),
        "utime": lambda: os.utime(SPARE, (1, 1)),
        "utime by the host's link": lambda: os.utime("spare_link", (1, 1)),
        "chmod by the host's link": lambda: (os.chmod("spare_link", 0o777), os.stat("spare_link")),
        "symlink": lambda: os.symlink("x", OUTSIDE + "/planted"),
        "from /tmp by ..": lambda: open(TMP + "/" + UP + OUTSIDE.lstrip("/") + "/planted", "w"),
        "from /wenv/private by ..": lambda: open(PRIVATE + "/" + UP + OUTSIDE.lstrip("/") + "/planted", "w"),
        "after chdir": lambda: (os.chdir("../outside"), open("planted", "w"))[1],
        "makedirs": lambda: os.makedirs("../outside/planted/deep"),
        "removedirs": lambda: os.removedirs("folder_link/empty"),
    },
)
table(
    "write into a folder of the sandbox's",
    change,
    {
        "/wenv": lambda: open(ROOT + "/wenv/planted", "w"),
        "/python/..": lambda: open(PYTHON + "/../planted_beside", "w"),
        "/wenv/code/..": lambda: open(CODE + "/../planted", "w"),
        "a new layer": lambda: os.mkdir(PYTHON + "/layers/zzplanted-1.0"),
        "the beginning of site-packages": lambda: os.makedirs(PYTHON + "/site-packages/planted"),
        "/tmp/../planted": lambda: open(TMP + "/../planted", "w"),
    },
)
table(
    "write to the host's own",
    change,
    {
        "the root": lambda: open("/planted", "w"),
        "/etc": lambda: open("/etc/planted", "w"),
        "/etc/passwd": lambda: os.open("/etc/passwd", os.O_WRONLY | os.O_APPEND),
        "/usr/bin": lambda: open("/usr/bin/planted", "w"),
        "/root": lambda: open("/root/.bashrc", "a"),
        "the store": lambda: open(STORE + "/planted", "w"),
        "a derived entry": lambda: open(STORE + "/derived-v1/planted", "w"),
        "the launch plans": lambda: open(DATA + "/registered/planted.start", "w"),
        "/proc": lambda: open("/proc/self/comm", "w").write("PLANTED"),
        "/proc/self/mem": lambda: os.open("/proc/self/mem", os.O_RDWR),
        "/proc/sys": lambda: open("/proc/sys/kernel/core_pattern", "r+"),
        "/sys": lambda: open("/sys/power/state", "r+"),
        "/dev/shm": lambda: open("/dev/shm/planted", "w"),
        "a device": lambda: os.open("/dev/vda", os.O_RDWR),
        "a device in the shared folder": lambda: os.write(os.open(WORK + "/zero_device", os.O_WRONLY), b"x"),
        "a pipe in the shared folder": lambda: os.open(WORK + "/pipe", os.O_WRONLY | os.O_NONBLOCK),
    },
    inside="would change the host",
)
