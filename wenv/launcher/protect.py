"""Keeps a program that may write to a folder out of what runs on the host: environments, git's folder, virtual environments.

On Linux this process gets a view of the file system of its own in which these folders are mounted read-only
(mount_namespaces(7), and user_namespaces(7) unless it is root's); nothing outside of the process changes.  Where that cannot be
had (other systems, containers that forbid it) they are compared after the run, and what changed is said: `changed`.
"""

import ctypes
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wenv.launcher.preopens import Preopen

#: Folders by name; a folder with `VIRTUAL` in it is a virtual environment (PEP 405).
PROTECTED = (".wenv", ".git")
VIRTUAL = "pyvenv.cfg"
#: Source: linux/sched.h, linux/mount.h.
_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000
_READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
#: Folders that are looked at, and entries that are compared, at most.
MOST = 20_000


def protected(shared: "Iterable[Preopen]") -> "list[str]":
    """What a program may not change in the folders that it may write to: environments, git's folders (or files that name
    one) and virtual environments, as far as `MOST` folders are looked at; those that are shared by name are not among them."""
    listed = list(shared)
    named = {os.path.realpath(host) for host, _, _ in listed}
    found = dict[str, None]()
    waiting, looked_at = [host for host, _, writable in listed if writable], 0
    while waiting and looked_at < MOST:
        folder = waiting.pop(0)
        looked_at += 1
        try:
            with os.scandir(folder) as entries:
                inner = [entry for entry in entries if entry.name in PROTECTED or entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        for entry in inner:
            own = entry.name in PROTECTED or os.path.exists(os.path.join(entry.path, VIRTUAL))
            if not own:
                waiting.append(entry.path)
            elif not entry.is_symlink() and os.path.realpath(entry.path) not in named:
                found[entry.path] = None
    return list(found)


def _between(folder: str, roots: "Sequence[str]") -> "list[str]":
    """The folders between a shared one and one in it, the upper ones first: they must not be renamed either."""
    found = []
    while (folder := os.path.dirname(folder)) not in roots and folder != os.path.dirname(folder):
        found.append(folder)
    return found[::-1]


def protect(folders: "Sequence[str]", shared: "Iterable[Preopen]") -> bool:
    """Mount the folders, which lie in what is shared, read-only for this process; returns whether that could be done.  The
    calling thread, and those that it starts from now on, see them so."""
    if not folders:
        return True
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        mount, unshare = libc.mount, libc.unshare
    except (OSError, AttributeError, TypeError):
        return False
    user, group = os.geteuid(), os.getegid()
    if unshare(_NEW_MOUNTS):
        if unshare(_NEW_MOUNTS | _NEW_USER):
            return False
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            try:
                with open(f"/proc/self/{name}", "w") as file:
                    file.write(text)
            except OSError:
                return False
    mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_void_p)
    if mount(None, b"/", None, _RECURSIVE | _PRIVATE, None):
        return False
    roots = [host for host, _, writable in shared if writable]
    for folder in dict.fromkeys(os.fsencode(above) for each in folders for above in _between(each, roots)):
        if mount(folder, folder, None, _BIND | _RECURSIVE, None):  # what is mounted cannot be renamed
            return False
    for folder in map(os.fsencode, folders):
        if mount(folder, folder, None, _BIND | _RECURSIVE, None):
            return False
        kept = os.statvfs(folder).f_flag & (os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC)
        flags = _BIND | _REMOUNT | _READ_ONLY | kept  # the numbers of these are those of mount's
        if mount(None, folder, None, flags, None):
            return False
    return True


def state(folders: "Sequence[str]") -> "dict[str, tuple[int, ...]]":
    """What changes when a file in the folders does, by its path."""
    found: dict[str, tuple[int, ...]] = {}
    waiting = list(folders)
    while waiting and len(found) < MOST:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        waiting.append(entry.path)
                        continue
                    found[entry.path] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        except OSError:
            found[folder] = ()
    return found


def changed(before: "dict[str, tuple[int, ...]]", folders: "Sequence[str]") -> "list[str]":
    """The files in the folders that are not as they were."""
    after = state(folders)
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
