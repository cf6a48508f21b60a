"""Attempts by raw calls of WASI, in the default runtime with the extension of `native.c`; joined to `programs.frame`."""
# mypy: ignore-errors

import zzrawwasi._native as wasi

from tests.escape.programs.frame import OUTSIDE, PRIVATE, UP, WORK, Result, attempt, leaks

#: Rights, and flags of `path_open`.
ALL, CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE, FOLLOW = (1 << 30) - 1, 1, 2, 4, 8, 1
MOST = 128
FOLDERS = {fd: path.decode() for fd in range(MOST) for error, path in [wasi.fd_prestat(fd)] if error == 0}
BY_PATH = {path: fd for fd, path in FOLDERS.items()}
#: Those that belong to the run.
WRITABLE = ("/tmp", "/dev", PRIVATE, "/wenv/plots")


def verdict(found: object) -> Result:
    """Succeeds if something was found."""
    return ("succeeded" if found else "refused"), repr(found)[:100]


def done(results: "dict[str, int]") -> Result:
    """Succeeds if a call returned no error."""
    return ("succeeded" if 0 in results.values() else "refused"), repr(results)[:110]


def folder(path: str) -> int:
    """The descriptor of a preopened folder."""
    return BY_PATH[path]


@attempt("raw: the working folder, /tmp and the code archives are there to try")
def preopened() -> Result:
    wanted = {WORK, "/tmp", "/wenv/code", "/python"} - set(BY_PATH)
    return ("unclear" if wanted else "harmless"), repr(wanted or FOLDERS)


OUTWARD = {
    "a full path": "/etc/passwd",
    "..": "../etc/passwd",
    "twenty ..": UP + "etc/passwd",
    "below the folder": "etc/passwd",
    "/proc": "proc/self/environ",
    "the folder outside": "../outside/flag.txt",
    "./..": "./../outside/flag.txt",
    ".. after a folder": "sub/../../outside/flag.txt",
    "the flag's full path": OUTSIDE + "/flag.txt",
    "link with a full path": "full_link",
    "link with a relative path": "relative_link",
    "link to a folder": "folder_link/flag.txt",
    "link to a link": "first_link",
    "link to the root": "root_link/etc/passwd",
    "link to variables": "variables_link",
    "a NUL": "../outside/flag.txt\0",
    "a NUL inside": "plain.txt\0/../../outside/flag.txt",
    "a dot": ".",
    "nothing": "",
    "dots": "..",
}
for outward, path in OUTWARD.items():
    for name, follow, flags in (("followed", FOLLOW, 0), ("not followed", 0, 0), ("as a folder", FOLLOW, DIRECTORY)):

        def opened(path: str = path, follow: int = follow, flags: int = flags) -> Result:
            """From every descriptor there can be."""
            found = []
            for fd in range(MOST):
                error, new = wasi.path_open(fd, follow, path, flags, ALL, 0)
                if error == 0:
                    if leaks(wasi.fd_read(new)[1]) or b"flag.txt" in wasi.fd_readdir(new)[1]:
                        found.append((fd, path))
                    wasi.fd_close(new)
            return verdict(found)

        attempt(f"raw path_open: {outward}, {name}")(opened)
for name, flags in (("create", CREATE), ("create or cut", CREATE | TRUNCATE), ("create exclusively", CREATE | EXCLUSIVE)):

    def created(flags: int = flags) -> Result:
        """In every folder that is not the run's own."""
        found = []
        for fd, path in FOLDERS.items():
            if not path.startswith(WRITABLE) or path.startswith("/tmp/"):
                error, _ = wasi.path_open(fd, FOLLOW, "planted", flags, ALL, 0)
                error_outside, _ = wasi.path_open(fd, FOLLOW, "../outside/planted", flags, ALL, 0)
                found += [path] if 0 in {error, error_outside} else []
        return verdict(found)

    attempt(f"raw path_open: {name}")(created)
FILES = {"the shared folder": (WORK, "plain.txt"), "the code archives": ("/wenv/code", "0.bin")}
for place_name, (place, file) in FILES.items():

    def changed(place: str = place, file: str = file) -> Result:
        """With all rights asked for."""
        error, fd = wasi.path_open(folder(place), 0, file, 0, ALL, 0)
        results = {"cut while opening": wasi.path_open(folder(place), 0, file, TRUNCATE, ALL, 0)[0]}
        if error == 0:
            wasi.fd_set_flags(fd, 1)  # append
            results |= {
                "write": wasi.fd_write(fd, b"PLANTED"),
                "size": wasi.fd_set_size(fd, 0),
                "allocate": wasi.fd_allocate(fd, 0, 1 << 20),
            }
        return done(results)

    def changed_by_path(place: str = place, file: str = file) -> Result:
        fd, tmp = folder(place), folder("/tmp")
        return done(
            {
                "times": wasi.path_set_times(fd, 0, file, 1, 1, 5),
                "times, followed": wasi.path_set_times(fd, 1, file, 1, 1, 5),
                "unlink": wasi.path_unlink_file(fd, file),
                "rename": wasi.path_rename(fd, file, tmp, "moved"),
                "rename inside": wasi.path_rename(fd, file, fd, "moved"),
                "link": wasi.path_link(fd, 0, file, tmp, "linked"),
                "link, followed": wasi.path_link(fd, 1, file, tmp, "linked"),
                "link inside": wasi.path_link(fd, 0, file, fd, "linked"),
                "folder": wasi.path_create_directory(fd, "planted"),
                "remove": wasi.path_remove_directory(fd, "sub"),
                "symlink": wasi.path_symlink("x", fd, "planted"),
            }
        )

    attempt(f"raw: change a file of {place_name} by descriptor")(changed)
    attempt(f"raw: change a file of {place_name} by path")(changed_by_path)
for name, target, tail in (
    ("a full path", "/etc", "passwd"),
    ("..", UP + "etc", "passwd"),
    ("the folder outside", OUTSIDE, "flag.txt"),
):

    def symlinked(name: str = name, target: str = target, tail: str = tail) -> Result:
        """A link in ``/tmp``, followed."""
        link = "raw " + name.replace("/", "")
        wasi.path_symlink(target, folder("/tmp"), link)
        error, fd = wasi.path_open(folder("/tmp"), FOLLOW, f"{link}/{tail}", 0, ALL, 0)
        made = wasi.path_open(folder("/tmp"), FOLLOW, f"{link}/planted", CREATE, ALL, 0)[0]
        return verdict((error, made) if 0 in {error, made} and (error or leaks(wasi.fd_read(fd)[1])) else None)

    attempt(f"raw path_symlink: {name}")(symlinked)


@attempt("raw: out of /tmp by renames and links")
def moved_out() -> Result:
    tmp, work = folder("/tmp"), folder(WORK)
    wasi.path_create_directory(tmp, "raw")
    names = {"..": "../raw", "a full path": OUTSIDE + "/planted", "above": UP + OUTSIDE.lstrip("/") + "/planted"}
    results = {name: wasi.path_rename(tmp, "raw", tmp, path) for name, path in names.items()}
    results |= {f"link {name}": wasi.path_link(tmp, 0, "raw", tmp, path) for name, path in names.items()}
    results |= {f"folder {name}": wasi.path_create_directory(tmp, path) for name, path in names.items()}
    results |= {
        "the parent": wasi.path_rename(tmp, "..", tmp, "x"),
        "into the shared folder": wasi.path_rename(tmp, "raw", work, "planted"),
        "the link of the host's": wasi.path_rename(tmp, "raw", work, "folder_link/planted"),
        "a file outside": wasi.path_rename(work, "../outside/spare.txt", tmp, "x"),
        "a file outside by a link": wasi.path_rename(work, "folder_link/spare.txt", tmp, "x"),
        "a hard link of one": wasi.path_link(work, 1, "relative_link", tmp, "x"),
        "removing one": wasi.path_unlink_file(work, "folder_link/spare.txt"),
        "removing a folder": wasi.path_remove_directory(work, "folder_link/empty"),
        "its times": wasi.path_set_times(work, 1, "spare_link", 1, 1, 5),
    }
    return done(results)


@attempt("raw: names that are empty, a slash, or hold a NUL")
def odd_names() -> Result:
    tmp = folder("/tmp")
    wasi.path_create_directory(tmp, "odd")
    return done({repr(name): wasi.path_rename(tmp, "odd", tmp, name) for name in ("", "/", "a\0b", "..", "../..", "/tmp/x")})


@attempt("raw fd_renumber: wild numbers")
def renumbered_wild() -> Result:
    _, fd = wasi.path_open(folder("/tmp"), FOLLOW, "numbers", CREATE, ALL, 0)
    results = [wasi.fd_renumber(fd, 1000), wasi.fd_renumber(-1, 3), wasi.fd_renumber(500, 3), wasi.fd_renumber(fd, -1)]
    return "harmless", repr(results)


@attempt("raw fd_read: every descriptor")
def read_all() -> Result:
    return verdict([fd for fd in range(1, 300) if leaks(wasi.fd_read(fd)[1])])


@attempt("raw fd_readdir: every descriptor")
def listed_all() -> Result:
    return verdict([fd for fd in range(3, 300) if b"outside" in wasi.fd_readdir(fd)[1]])


@attempt("raw fd_write: every descriptor")
def written_all() -> Result:
    for fd in range(3, 300):
        wasi.fd_write(fd, b"PLANTED")
    return "harmless", "the host compares its files"


@attempt("raw: a file of /tmp under the number of the code archives")
def renumbered() -> Result:
    """The run's own folder of code is out of reach afterwards, and nothing else changes."""
    _, fd = wasi.path_open(folder("/tmp"), FOLLOW, "number", CREATE, ALL, 0)
    error = wasi.fd_renumber(fd, folder("/wenv/code"))
    return ("succeeded" if leaks(wasi.fd_read(folder("/wenv/code"))[1]) else "harmless"), repr(error)


@attempt("raw: all descriptors but the standard ones closed")
def closed_all() -> Result:
    """Afterwards nothing can be opened; it comes last."""
    for fd in range(3, 300):
        wasi.fd_close(fd)
    try:
        return verdict(leaks(open("/etc/passwd").read()))
    except OSError as error:
        return "refused", str(error)
