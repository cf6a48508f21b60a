"""Links made inside, which lead out or join folders that may be written to others that may not."""
# mypy: ignore-errors

import os

from tests.escape.programs.frame import (
    CODE,
    DEV,
    FIXED,
    LAYER,
    LIBRARY,
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


def linked(target: str, tail: str = "") -> str:
    """Make a symbolic link in ``/tmp``; returns its path, followed by `tail`."""
    link = temporary()
    os.symlink(target, link)
    return link + tail


def deep(levels: int) -> str:
    """A folder some levels below a new one in ``/tmp``."""
    folder = temporary() + "/d" * levels
    os.makedirs(folder)
    return folder


def moved_up() -> bytes:
    """A link that is right where it was made, and leads out once it is moved."""
    folder = deep(4)
    os.symlink("../" * 4, folder + "/up")
    place = temporary()
    os.rename(folder + "/up", place)
    return content(place + "/" + UP + "etc/passwd")


def moved_folder() -> bytes:
    """A folder that is moved up while a descriptor of one in it is open."""
    folder = deep(3)
    descriptor = os.open(folder, os.O_RDONLY)
    os.rename(os.path.dirname(folder), temporary())
    return content(UP + "etc/passwd", dir_fd=descriptor)


def removed_folder() -> bytes:
    """The same with a folder that is removed; the system has forgotten its parent, so the way goes round."""
    folder = deep(2)
    upper = os.open(os.path.dirname(folder), os.O_RDONLY)
    os.rmdir(folder)
    return content(UP + "etc/passwd", dir_fd=upper)


def changed_links() -> bytes:
    """Exchange a folder for a link between two uses of its name, many times."""
    folder, name = temporary(), temporary()
    os.mkdir(folder)
    with open(folder + "/passwd", "w") as file:
        file.write("mine")
    for _ in range(200):
        os.rename(folder, name)
        content(name + "/passwd")
        os.rename(name, folder)
        os.symlink(UP + "etc", name)
        try:
            data = content(name + "/passwd")
        except OSError:
            data = b""
        if leaks(data):
            return data
        os.unlink(name)
    raise OSError("never followed")


def chain(length: int) -> str:
    """Links to links, the last of which leads out."""
    path = linked(UP + "etc/passwd")
    for _ in range(length):
        path = linked(os.path.basename(path))
    return path


table(
    "symlink in /tmp",
    read,
    {
        "to a full path": lambda: content(linked("/etc/passwd")),
        "by ..": lambda: content(linked(UP + "etc/passwd")),
        "to a folder": lambda: content(linked("/etc", "/passwd")),
        "to a folder by ..": lambda: content(linked(UP + "etc", "/passwd")),
        "to the root": lambda: content(linked("/", "/etc/passwd")),
        "to .. and further": lambda: content(linked("..", "/" + UP + "etc/passwd")),
        "to a link of the host's": lambda: content(linked(WORK + "/relative_link")),
        "to a folder that is linked out": lambda: content(linked(WORK + "/folder_link", "/flag.txt")),
        "to the folder outside": lambda: content(linked(OUTSIDE, "/flag.txt")),
        "to /proc": lambda: content(linked("/proc/self/root", "/etc/passwd")),
        "chain of two": lambda: content(chain(2)),
        "chain of thirty": lambda: content(chain(30)),
        "moved up": moved_up,
        "from a folder that is moved": moved_folder,
        "from the parent of a folder that is removed": removed_folder,
        "exchanged for a folder": changed_links,
        "with slashes after it": lambda: content(linked(UP + "etc/", "//passwd")),
        "by a descriptor": lambda: content("passwd", dir_fd=os.open(linked(UP + "etc"), os.O_RDONLY)),
        "in /wenv/private": lambda: (os.symlink(UP + "etc/passwd", PRIVATE + "/way_out"), content(PRIVATE + "/way_out"))[1],
        "in /dev": lambda: (os.symlink(UP + "etc/passwd", DEV + "/way_out"), content(DEV + "/way_out"))[1],
        "in place of /dev/null": lambda: null_by_link(),
    },
)


def null_by_link() -> bytes:
    """Make ``/dev/null`` a link that leads out, read it, and put the file back."""
    os.unlink(DEV + "/null")
    try:
        os.symlink(UP + "etc/passwd", DEV + "/null")
        return content(DEV + "/null")
    finally:
        if os.path.lexists(DEV + "/null"):
            os.unlink(DEV + "/null")
        with open(DEV + "/null", "w"):
            pass


table(
    "symlink in /tmp, listed",
    listing,
    {
        "to the root": lambda: os.listdir(linked("/")),
        "by ..": lambda: os.listdir(linked(UP)),
        "to the parent of the working folder": lambda: os.listdir(linked(os.path.dirname(WORK))),
        "walked": lambda: next(os.walk(linked(os.path.dirname(WORK)), followlinks=True))[1],
    },
)
table(
    "symlink in /tmp, written through",
    plant,
    {
        "to a new file": lambda: open(linked(OUTSIDE + "/planted"), "w"),
        "to a new file by ..": lambda: open(linked(UP + OUTSIDE.lstrip("/") + "/planted"), "w"),
        "to a file": lambda: open(linked(OUTSIDE + "/spare.txt"), "a"),
        "to a folder": lambda: open(linked(OUTSIDE, "/planted"), "w"),
        "to a folder: mkdir": lambda: os.mkdir(linked(OUTSIDE, "/planted")),
        "to a folder: unlink": lambda: os.unlink(linked(OUTSIDE, "/spare.txt")),
        "to a folder: rename into": lambda: os.rename(temporary("x"), linked(OUTSIDE, "/planted")),
        "the host's link": lambda: open("folder_link/planted", "w"),
        "the host's broken link": lambda: open("broken_link", "w"),
    },
)
SOURCES = {
    "a shared file": FIXED + "/plain.txt",
    "a layer's file": LAYER,
    "a file of the standard library": LIBRARY,
    "the code archive": CODE + "/0.bin",
    "the environment's manifest": FIXED + "/.wenv/environment.json",
    "the interpreter's script": FIXED + "/.wenv/bin/python",
}
for source_name, source in SOURCES.items():

    def linked_file(source: str = source) -> int:
        """A second name, which may be written to, for a file that may not."""
        link = temporary()
        os.link(source, link)
        with open(link, "a") as file:
            return file.write("PLANTED")

    table("hard link into /tmp, then write", change, {source_name: linked_file})
PLACES = {
    "the shared folder": FIXED,
    "a layer": os.path.dirname(LAYER),
    "the standard library": PYTHON,
    "the code archives": CODE,
    "the environment's programs": FIXED + "/.wenv/bin",
}
for place_name, place in PLACES.items():
    table("hard link from /tmp into", change, {place_name: lambda place=place: os.link(temporary("x"), place + "/planted")})
    table("symlink into", change, {place_name: lambda place=place: os.symlink(TMP, place + "/planted_link")})
table(
    "hard link",
    change,
    {
        "of a file outside": lambda: os.link("../outside/flag.txt", temporary()),
        "out of /tmp": lambda: os.link(temporary("x"), OUTSIDE + "/planted"),
        "of the host's link, followed": lambda: content_of_link(WORK + "/full_link", follow=True),
        "of the host's link, then read": lambda: content_of_link(WORK + "/full_link", follow=False),
    },
)


def content_of_link(path: str, *, follow: bool) -> bytes:
    """What a hard link of a symbolic link shows."""
    link = temporary()
    os.link(path, link, follow_symlinks=follow)
    return content(link)


@attempt("hard link: of a folder", inside="refused by every system")
def folder_link() -> Result:
    os.link(WORK + "/sub", temporary())
    return "succeeded", "linked"


@attempt("hard link: of a full path", inside="another disk, or another user's, on many hosts")
def password_link() -> Result:
    os.link("/etc/passwd", temporary())
    return "succeeded", "linked"
