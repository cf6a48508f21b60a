"""Attempts to leave the sandbox, by subject: they run inside, under CPython 3.14 and 3.15, with the standard library only.

The files are joined into one program (`tests.escape.ways.program`), in the order of `SUBJECTS`: lines that import from here are
left out, and `given` is replaced by what the host says about its folders and ports.
"""

SUBJECTS = (
    "frame",
    "reading",
    "names",
    "descriptors",
    "links",
    "renames",
    "writing",
    "secrets",
    "network",
    "processes",
    "doors",
    "libraries",
    "library_writes",
)
