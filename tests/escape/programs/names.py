"""Names that could be read in two ways: encodings, NULs, lengths, separators of other systems."""
# mypy: ignore-errors

import os
import shutil

from tests.escape.programs.frame import (
    OUTSIDE,
    TMP,
    UP,
    WORK,
    Result,
    attempt,
    change,
    content,
    read,
    table,
    temporary,
)  # fmt: skip

#: Spellings of ``..`` and of names that some systems take for each other; POSIX does not, and neither may the sandbox.
SPELLINGS = {
    "backslashes": "..\\outside\\flag.txt",
    "backslash and slash": "..\\/outside/flag.txt",
    "drive": "C:/outside/flag.txt",
    "device prefix": "\\\\?\\" + OUTSIDE + "/flag.txt",
    "network path": "\\\\localhost\\share\\flag.txt",
    "capitals": OUTSIDE.upper() + "/FLAG.TXT",
    "capitals after ..": "../OUTSIDE/FLAG.TXT",
    "fullwidth dots": "\uff0e\uff0e/outside/flag.txt",
    "two dot leader": "\u2025/outside/flag.txt",
    "fullwidth slash": "..\uff0foutside\uff0fflag.txt",
    "division slash": "..\u2215outside\u2215flag.txt",
    "long s": "../out\u017fide/flag.txt",
    "combining mark": ".\u0301./outside/flag.txt",
    "zero width space": ".\u200b./outside/flag.txt",
    "zero width joiner": "..\u200d/outside/flag.txt",
    "right to left": "\u202e../outside/flag.txt",
    "byte order mark": "\ufeff../outside/flag.txt",
    "soft hyphen": "..\u00ad/outside/flag.txt",
    "percent": "%2e%2e/outside/flag.txt",
    "percent twice": "%252e%252e/outside/flag.txt",
    "overlong UTF-8 dots": b"\xc0\xae\xc0\xae/outside/flag.txt",
    "overlong UTF-8 slash": b"..\xc0\xafoutside\xc0\xafflag.txt",
    "UTF-8 of three bytes for a dot": b"\xe0\x80\xae\xe0\x80\xae/outside/flag.txt",
    "UTF-16": "../outside/flag.txt".encode("utf-16-le").replace(b"\0", b"\x01"),
    "UTF-7": b"+AC4ALg-/outside/flag.txt",
    "half of a surrogate pair": "\ud800../outside/flag.txt",
    "surrogate that stands for a byte": "\udcff../outside/flag.txt",
    "bytes that are no UTF-8": b"\xff\xfe\x80/../../outside/flag.txt",
    "line end": "..\n/outside/flag.txt",
    "carriage return": "..\r/outside/flag.txt",
    "space after ..": ".. /outside/flag.txt",
    "semicolon": "..;/outside/flag.txt",
    "three dots": ".../outside/flag.txt",
    "four dots": "..../outside/flag.txt",
    "colon and stream": "../outside/flag.txt::$DATA",
    "variable": "${PWD}/../outside/flag.txt",
    "variable of Windows": "%CD%/../outside/flag.txt",
    "a star": "../outside/*",
    "name of 255 bytes": "a" * 255 + "/../../outside/flag.txt",
    "name of 300 bytes": "a" * 300 + "/../../outside/flag.txt",
    "path of 5,000 bytes": "../" * 1666 + "etc/passwd",
    "path of a megabyte": "./" * 500_000 + "../outside/flag.txt",
    "path of a megabyte without a slash": "a" * 1_000_000,
    "empty": "",
}
table("spelling", read, {name: lambda path=path: content(path) for name, path in SPELLINGS.items()}, "not a way out on POSIX")


@attempt("spelling: two forms of one letter", inside="not a way out on POSIX")
def two_forms() -> Result:
    """The folder's name is decomposed on the host; a system that composes names finds it by both."""
    found = [name for name in ("u\u0308", "\u00fc") if os.path.isdir(WORK + "/" + name)]
    return ("succeeded" if len(found) == 2 else "harmless"), repr(found)


#: A path that is another one for whoever stops at the NUL.
NUL = "../outside/flag.txt\0plain.txt"
NUL_INSIDE = "plain.txt\0/../../outside/flag.txt"
NUL_CALLS = {
    "open": lambda: content(NUL),
    "open, bytes": lambda: content(NUL.encode()),
    "open, a name inside first": lambda: content(NUL_INSIDE),
    "builtin open": lambda: open(NUL).read(),
    "stat": lambda: os.stat(NUL),
    "lstat": lambda: os.lstat(NUL),
    "listdir": lambda: os.listdir("../outside\0"),
    "scandir": lambda: list(os.scandir("../outside\0")),
    "readlink": lambda: os.readlink("../outside/inner_link\0"),
    "symlink": lambda: os.symlink(UP + "etc/passwd\0x", temporary()),
    "symlink, the name": lambda: os.symlink("x", TMP + "/\0../../x"),
    "link": lambda: os.link(NUL, temporary()),
    "link, the name": lambda: os.link(temporary("x"), "../outside/planted\0"),
    "rename": lambda: os.rename(NUL, temporary()),
    "rename, the name": lambda: os.rename(temporary("x"), "../outside/planted\0"),
    "unlink": lambda: os.unlink(NUL),
    "mkdir": lambda: os.mkdir("../outside/planted\0"),
    "rmdir": lambda: os.rmdir("../outside/empty\0"),
    "utime": lambda: os.utime(NUL, (1, 1)),
    "truncate": lambda: os.truncate(NUL, 0),
    "chmod": lambda: os.chmod(NUL, 0o777),
    "chdir": lambda: os.chdir("../outside\0"),
    "putenv, the name": lambda: os.putenv("A\0B", "c"),
    "putenv, the value": lambda: os.putenv("A", "b\0C=d"),
    "copy": lambda: shutil.copy(NUL, TMP),
    "import path": lambda: __import__("importlib.machinery").machinery.SourceFileLoader("x", NUL).get_data(NUL),
}
table("NUL", change, NUL_CALLS, "refused by CPython everywhere")


@attempt("NUL: access", inside="refused by CPython everywhere")
def nul_access() -> Result:
    return ("succeeded" if os.access(NUL, os.F_OK) else "refused"), "access"


@attempt("NUL: exists", inside="refused by CPython everywhere")
def nul_exists() -> Result:
    return ("succeeded" if os.path.exists(NUL) else "refused"), "exists"


@attempt("names: odd ones in /tmp stay in it", inside="they are made on any host")
def odd_names_stay() -> Result:
    """What can be made under an odd name lies in the folder it was made in, and can be removed."""
    folder = temporary()
    os.mkdir(folder)
    made = 0
    for name in (
        "..\\x",
        "%2e%2e",
        "\uff0e\uff0e",
        "a" * 255,
        "...",
        " ",
        "-rf",
        "*",
        "\n",
        "\x1b[2J",
        "\u202e",
        "nul",
        "C:",
        "~",
    ):
        try:
            with open(folder + "/" + name, "w"):
                made += 1
        except OSError:
            continue
    found = len(os.listdir(folder))
    shutil.rmtree(folder)
    return ("harmless" if found == made else "succeeded"), f"{made} made, {found} found"
