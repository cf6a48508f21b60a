"""What forms mean: folders, requirements, files to write, programs.  All raise UserError or ValueError."""

import shlex
from pathlib import Path

from wenv.environment import find
from wenv.environment.manifest import Environment
from wenv.make import write
from wenv.make.wanted import Wanted
from wenv.pack.program import Program, program_of
from wenv_cache.store import Store

Values = dict[str, str | bool]


def place_of_values(values: Values) -> Path:
    folder = find.place(str(values["name"]) or None)
    write.check_place(folder, clear=False)
    adding_of(values)
    return folder


def place_of_name(values: Values) -> Path:
    folder = find.place(str(values["name"]))
    write.check_place(folder, clear=False)
    return folder


def adding_of(values: Values) -> Wanted:
    file = Path(str(values["file"])).expanduser() if values["file"] else None
    if file is not None and not file.is_file():
        raise ValueError(f"{file}: no such file")
    names, editables, words = list[str](), list[str](), iter(shlex.split(str(values["requirements"])))
    for word in words:
        if word == "-e":
            editables.append(next(words, ""))
        else:
            names.append(word)
    return Wanted(tuple(names), (file,) if file else (), editables=tuple(editables))


def check_named(values: Values) -> None:
    if not shlex.split(str(values["names"])):
        raise ValueError("name a package")


def output_of(values: Values, suffix: str) -> Path:
    target = Path(str(values["output"])).expanduser()
    if not values["output"] or target.is_dir() or (suffix and target.suffix == suffix):
        raise ValueError(f"{target} is not a file's name")
    if not target.absolute().parent.is_dir():
        raise ValueError(f"{target.parent} is not a folder")
    return target


def program_of_values(store: Store, chosen: Environment, values: Values) -> Program:
    if values["entry"] and values["module"]:
        raise ValueError("a script and a module exclude each other")
    target = output_of(values, ".cwasm")
    program = program_of(store, chosen, str(values["entry"]) or None, str(values["module"]) or None, ())
    if any(target.absolute() == source for _, source in program.files):
        raise ValueError(f"{target} is one of the program's files")
    return program
