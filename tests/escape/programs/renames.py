"""Renaming: out of folders that may not be changed, into them, and out of the sandbox."""
# mypy: ignore-errors

import os
import shutil

from tests.escape.programs.frame import (
    CODE,
    DEV,
    FIXED,
    LAYER,
    LIBRARY,
    OUTSIDE,
    PRIVATE,
    PYTHON,
    ROOT,
    TMP,
    UP,
    WORK,
    change,
    plant,
    table,
    temporary,
)  # fmt: skip

FROM = {
    "a shared file": FIXED + "/plain.txt",
    "a shared folder": FIXED + "/sub",
    "a layer's file": LAYER,
    "a layer's folder": os.path.dirname(LAYER),
    "a file of the standard library": LIBRARY,
    "a code archive": CODE + "/0.bin",
    "the index of code archives": CODE + "/index",
    "the environment's manifest": FIXED + "/.wenv/environment.json",
    "the interpreter's script": FIXED + "/.wenv/bin/python",
    "the shared folder itself": FIXED,
    "/python itself": PYTHON,
    "/wenv/code itself": CODE,
    "a file outside": OUTSIDE + "/spare.txt",
    "a file outside by ..": "../outside/spare.txt",
    "a file outside by the host's link": "folder_link/spare.txt",
}
for source_name, source in FROM.items():
    table("rename into /tmp", change, {source_name: lambda source=source: os.rename(source, temporary())})
TO = {
    "the shared folder": FIXED + "/planted",
    "a shared file": FIXED + "/plain.txt",
    "a layer's file": LAYER,
    "a layer's folder": os.path.dirname(LAYER) + "/planted.py",
    "a file of the standard library": LIBRARY,
    "the standard library": PYTHON + "/planted.py",
    "a code archive": CODE + "/0.bin",
    "the index of code archives": CODE + "/index",
    "the interpreter's script": FIXED + "/.wenv/bin/python",
    "the environment's manifest": FIXED + "/.wenv/environment.json",
}
for target_name, target in TO.items():
    table("rename from /tmp to", change, {target_name: lambda target=target: os.rename(temporary("x"), target)})
    table("replace from /tmp", change, {target_name: lambda target=target: os.replace(temporary("x"), target)})
table(
    "rename out of the sandbox",
    plant,
    {
        "to ..": lambda: os.rename(temporary("x"), "../outside/planted"),
        "to a full path": lambda: os.rename(temporary("x"), OUTSIDE + "/planted"),
        "by the host's link": lambda: os.rename(temporary("x"), "folder_link/planted"),
        "from /tmp by ..": lambda: os.rename(temporary("x"), TMP + "/" + UP + OUTSIDE.lstrip("/") + "/planted"),
        "over a file": lambda: os.replace(temporary("x"), "../outside/spare.txt"),
        "renames, which makes folders": lambda: os.renames(temporary("x"), "../outside/planted/deep/file"),
        "shutil.move": lambda: shutil.move(temporary("x"), "../outside/planted"),
        "shutil.move of a folder": lambda: (os.mkdir(TMP + "/folder"), shutil.move(TMP + "/folder", OUTSIDE)),
    },
)
table(
    "rename a folder of the sandbox's own",
    change,
    {
        "/tmp": lambda: os.rename(TMP, ROOT + "/tmp2"),
        "/dev": lambda: os.rename(DEV, ROOT + "/dev2"),
        "/wenv/private": lambda: os.rename(PRIVATE, ROOT + "/wenv/private2"),
        "/wenv/private into /tmp": lambda: os.rename(PRIVATE, TMP + "/private"),
        "the working folder": lambda: os.rename(WORK, TMP + "/gone"),
        "a folder over /wenv/code": lambda: (shutil.rmtree(CODE, ignore_errors=False), os.rename(PRIVATE, CODE)),
    },
)
table(
    "rename",
    change,
    {
        "the root": lambda: os.rename("/", TMP + "/root"),
        "..": lambda: os.rename("..", TMP + "/parent"),
        "to an empty name": lambda: os.rename(temporary("x"), ""),
        "to the root": lambda: os.rename(temporary("x"), "/"),
        "a folder into itself": lambda: (os.makedirs(TMP + "/own/in"), os.rename(TMP + "/own", TMP + "/own/in/own")),
    },
    inside="refused by every system",
)
