"""What the attempts are aimed at: folders with secrets, descriptors, listeners; and what of the host has changed afterwards."""

import bz2
import gzip
import hashlib
import lzma
import os
import pickle
import plistlib
import queue
import socket
import sqlite3
import stat
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FLAG = "FLAG-7f3a9c"
SECRET = "HOSTSECRET-5521"


def prepare(folder: Path, *, special: bool) -> tuple[Path, Path]:
    """Make the shared folder, ``project``, and the one beside it, ``outside``; returns both.

    `special` adds a pipe, and a device where this user may make one.
    """
    work, outside = folder / "project", folder / "outside"
    (work / "sub").mkdir(parents=True)
    (work / "u\u0308").mkdir()
    (work / "plain.txt").write_text("plain\n")
    (work / "module.py").write_text("x = 1\n")
    _write_outside(outside)
    with tarfile.open(work / "archive.tar", "w") as archive:
        archive.add(work / "plain.txt", "planted")
    links: dict[str, str | Path] = {
        "full_link": outside / "flag.txt",
        "relative_link": "../outside/flag.txt",
        "spare_link": "../outside/spare.txt",
        "broken_link": "../outside/planted",
        "folder_link": "../outside",
        "parent_link": "..",
        "root_link": "/",
        "first_link": "second_link",
        "second_link": "../outside/flag.txt",
        "sub/deep_link": "../../outside/flag.txt",
        "variables_link": "/proc/self/environ",
        "process_link": "/proc/self/root",
        "loop_link": "loop_link",
    }
    for name, target in links.items():
        (work / name).symlink_to(target)
    if special:
        os.mkfifo(work / "pipe")
        with suppress(PermissionError):
            os.mknod(work / "zero_device", 0o644 | stat.S_IFCHR, os.makedev(1, 5))
    return work, outside


def _write_outside(outside: Path) -> None:
    """Files of every kind that some module of the standard library reads; each holds the flag."""
    (outside / "empty").mkdir(parents=True)
    (outside / "inner_link").symlink_to("flag.txt")
    module = f"mark = {FLAG!r}\n"
    texts = {
        "flag.txt": FLAG + "\n",
        "spare.txt": "spare\n",
        "outside_module.py": module,
        "settings.ini": f"[marks]\nflag = {FLAG}\n",
        "netrc": f"machine host login {FLAG} password x\n",
        "mime.types": f"x/{FLAG} flag\n",
        "mail": f"From me Thu Jan  1 00:00:00 2026\nSubject: {FLAG}\n\nx\n",
        "flags.toml": f"flag = '{FLAG}'\n",
        "flags.xml": f"<flag>{FLAG}</flag>",
    }
    for name, text in texts.items():
        (outside / name).write_text(text)
    data = FLAG.encode()
    (outside / "flag.gz").write_bytes(gzip.compress(data))
    (outside / "flag.bz2").write_bytes(bz2.compress(data))
    (outside / "flag.xz").write_bytes(lzma.compress(data))
    (outside / "flags.plist").write_bytes(plistlib.dumps({"flag": FLAG}))
    (outside / "flags.pickle").write_bytes(pickle.dumps(FLAG))
    with zipfile.ZipFile(outside / "flags.zip", "w") as archive:
        archive.writestr("flag.txt", FLAG)
        archive.writestr("outside_module.py", module)
    with tarfile.open(outside / "flags.tar", "w") as tar:
        tar.add(outside / "flag.txt", "flag.txt")
    connection = sqlite3.connect(outside / "flags.db")
    with connection:
        connection.execute("create table marks (flag)")
        connection.execute("insert into marks values (?)", (FLAG,))
    connection.close()


#: Permissions and kind, size, time of change in nanoseconds, and a digest or a link's target.
State = dict[Path, tuple[int, int, int, str]]


def state(*folders: Path) -> State:
    """Everything below some folders, themselves included; links are not followed."""
    found: State = {}
    for folder in folders:
        paths = [folder]
        for root, names, files in os.walk(folder):
            paths += [Path(root, name) for name in names + files]
        for path in paths:
            about = path.lstat()
            if stat.S_ISLNK(about.st_mode):
                held = str(path.readlink())
            elif stat.S_ISREG(about.st_mode):
                held = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                held = ""
            found[path] = (about.st_mode, 0 if stat.S_ISDIR(about.st_mode) else about.st_size, about.st_mtime_ns, held)
    return found


def differences(before: State, after: State) -> list[str]:
    """The paths that are new, gone or not the same."""
    return sorted(str(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path))


@dataclass(frozen=True)
class Secrets:
    """Files that this process has open for reading and writing, and leaves to those that it starts."""

    paths: tuple[Path, ...]
    descriptors: tuple[int, ...]


@contextmanager
def inherited(folder: Path) -> Iterator[Secrets]:
    """Open some secret files while a program is started."""
    folder.mkdir()
    paths = tuple(folder / f"secret-{number}" for number in range(16))
    for path in paths:
        path.write_text(SECRET)
    descriptors = tuple(os.open(path, os.O_RDWR) for path in paths)
    try:
        yield Secrets(paths, descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


@contextmanager
def swinging(folder: Path) -> Iterator[None]:
    """Give the name ``swing`` by turns to a folder and to a link that leads out, as fast as it can be done."""
    ended = threading.Event()
    here, link, swing = folder / "here", folder / "link", folder / "swing"

    def swap() -> None:
        while not ended.is_set():
            for one in (here, link):
                one.rename(swing)
                swing.rename(one)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def make_race(folder: Path, outside: Path) -> Path:
    """The folder for `swinging`."""
    (folder / "here").mkdir(parents=True)
    (folder / "here" / "flag.txt").write_text("inner\n")
    (folder / "link").symlink_to(outside)
    return folder


class Listeners:
    """A TCP port that answers as a web server does, a UDP port and a Unix socket; they count who comes."""

    def __init__(self, door: Path) -> None:
        self._tcp, self._udp = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._unix = socket.socket(socket.AF_UNIX)
        self._contacts: queue.Queue[tuple[str, int]] = queue.Queue()
        self._tcp.bind(("127.0.0.1", 0))
        self._udp.bind(("127.0.0.1", 0))
        folder = os.open(door.parent, os.O_RDONLY)
        self._unix.bind(f"/proc/self/fd/{folder}/{door.name}")  # its whole path may be longer than an address can be
        os.close(folder)
        self._tcp.listen(64)
        self._unix.listen(64)
        self._udp.setblocking(False)
        self._unix.setblocking(False)
        self.tcp, self.udp = self._tcp.getsockname()[1], self._udp.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, (_, port) = self._tcp.accept()
            except OSError:
                return
            self._contacts.put(("tcp", port))
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nback")
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(0.2)
                connection.recv(4096)

    def contacts(self) -> list[str]:
        """Who came since the last time that this was asked."""
        found = []
        with socket.create_connection(("127.0.0.1", self.tcp)) as mine:  # whoever came before it is counted before it
            own = mine.getsockname()[1]
            while (contact := self._contacts.get(timeout=60)) != ("tcp", own):
                found.append(contact[0])
        with suppress(BlockingIOError):
            while True:
                found.append(f"udp {self._udp.recv(100)!r}")
        with suppress(BlockingIOError):
            while True:
                self._unix.accept()[0].close()
                found.append("unix")
        return found

    def close(self) -> None:
        """Stop listening."""
        self._tcp.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for one in (self._tcp, self._udp, self._unix):
            one.close()
