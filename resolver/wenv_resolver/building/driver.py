"""The compiler that build systems are given: ziglang's clang and linker, for WebAssembly modules that CPython loads.

    python driver.py TOOL ARGUMENT...       TOOL: cc, c++, ar, ranlib, rust-ld

Compiling a C or C++ file goes through LLVM's IR, in which functions in CPython's tables get the types that CPython calls them
with (arity.py).  Linking with ``-shared`` makes a module; any other linking makes a static program, which is what configure
scripts ask for to learn what works.  ``configuration.json`` beside this file says where things are (toolchain.py writes it).

Libraries that were built for the target are below the folders of ``WENV_LIBRARIES``; no library and no header of the host is
ever taken.

Runs under a bare interpreter: it imports nothing but the standard library, arity.py and cxx.py.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import cxx  # type: ignore[import-not-found]  # noqa: E402 - it lies beside this file where this runs

SOURCES = (".c", ".cc", ".cpp", ".cxx", ".C", ".c++")
TARGET = ("-target", "wasm32-wasi")
COMMON = (
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-sanitize=undefined",  # zig adds it, and traps where C programs have always got away with it
    "-D_GNU_SOURCE",
    "-D_WASI_EMULATED_SIGNAL",
    "-D_WASI_EMULATED_GETPID",
    "-D_WASI_EMULATED_PROCESS_CLOCKS",
    "-D_WASI_EMULATED_MMAN",
)
EMULATED = tuple(f"-lwasi-emulated-{name}" for name in ("signal", "getpid", "process-clocks", "mman"))
#: Options that mean nothing here, whole and by how they begin.
IGNORED = {
    "-pthread", "-fopenmp", "-fno-semantic-interposition", "-fstack-clash-protection", "-fcf-protection", "-s", "-rdynamic",
    "-march=native", "-mtune=native", "-g", "-ggdb", "-g0", "-g1", "-g2", "-g3", "-ldl", "-lutil", "-lpthread", "-lrt",
}  # fmt: skip
IGNORED_STARTS = (
    "--target=", "--sysroot=",
    "-flto", "-fstack-protector", "-L", "-lpython", "-Wl,-rpath", "-Wl,--as-needed", "-Wl,--no-undefined", "-Wl,-soname",
    "-Wl,--start-group", "-Wl,--end-group", "-Wl,--allow-shlib-undefined", "-Wl,--build-id", "-Wl,-O", "-Wl,-z",
    "-Wl,--version-script", "-Wl,-Bsymbolic", "-Wl,--sort-common", "-Wl,--strip", "-Wl,--exclude-libs", "-Wl,--gc-sections",
)  # fmt: skip
#: Options whose value is the next argument.
WITH_VALUE = {
    "-o",
    "-MF",
    "-MT",
    "-MQ",
    "-I",
    "-D",
    "-U",
    "-isystem",
    "-include",
    "-idirafter",
    "-x",
    "-arch",
    "-Xlinker",
    "-L",
}
#: Where the host keeps its own libraries.
HOSTS = ("/usr/", "/lib", "/opt/homebrew/")
DEPENDENCIES = {"-MD", "-MMD", "-MP"}


def main(tool: str, arguments: list[str]) -> int:
    """Do what the compiler's command line asks for; returns the exit status."""
    configuration = json.loads((HERE / "configuration.json").read_text("utf-8"))
    zig: str = configuration["zig"]
    if tool == "rust-ld":
        return link_rust(arguments, configuration)
    if tool in ("ar", "ranlib"):
        return subprocess.call([zig, tool, *arguments])
    arguments = [*expanded(arguments)]
    if "-shared" in arguments or "-bundle" in arguments:
        return link(tool, arguments, configuration)
    front = [zig, tool, *TARGET]
    # after the package's own folders: CPython's headers have names that others use too (refcount.h)
    back = [
        "-isystem",
        str(configuration["include"]),
        *COMMON,
        *cxx.EXCEPTIONS,
        *(cxx.CXX if tool == "c++" else cxx.C),
        *shlex.split(os.environ.get("WENV_EXTRA_FLAGS", "")),
        *(option for folder in prefixes() for option in ("-isystem", f"{folder}/include")),
    ]
    if "--version" in arguments or arguments == ["-v"] or any(a.startswith(("-Wl,--version", "-Wl,-v")) for a in arguments):
        return subprocess.call([zig, tool, *TARGET, *arguments])
    found = archives(arguments)
    kept = without_hosts_headers(without_ignored(arguments), str(configuration["include"]))
    kept = [found.get(argument, argument) for argument in kept]
    sources = [a for a in kept if a.endswith(SOURCES)]
    plain = "WENV_NO_TABLES" in os.environ  # libraries have nothing to do with CPython
    if "-c" in kept and "-o" in kept and len(sources) == 1 and not plain:
        return compile_adapted(front, kept, back, sources[0], configuration)
    whole = any(option in kept for option in ("-c", "-E", "-S", "-fsyntax-only"))
    return subprocess.call([*front, *kept, *back, *(() if whole else EMULATED)])


def prefixes() -> list[str]:
    """Folders with libraries that were built for the target."""
    return [folder for folder in os.environ.get("WENV_LIBRARIES", "").split(os.pathsep) if folder]


def archives(arguments: list[str]) -> dict[str, str]:
    """What ``-lNAME`` means: a static library that the package itself has made, or one that was built for the target."""
    own = [argument[2:] or after for argument, after in pairwise([*arguments, ""]) if argument.startswith("-L")]
    folders = [folder for folder in own if not Path(folder).absolute().is_relative_to(sys.base_prefix)]
    folders = [folder for folder in folders if not str(Path(folder).absolute()).startswith(HOSTS)]
    folders += [f"{prefix}/lib" for prefix in prefixes()]
    found = {}
    for name in {argument for argument in arguments if argument.startswith("-l")}:
        paths = (Path(folder, f"lib{name[2:]}.a") for folder in folders)
        if path := next((path for path in paths if path.is_file()), None):
            found[name] = str(path)
    return found


def expanded(arguments: list[str]) -> list[str]:
    """The arguments with those of response files (``@FILE``) in their place."""
    found: list[str] = []
    for argument in arguments:
        path = Path(argument[1:])
        found += expanded(shlex.split(path.read_text())) if argument.startswith("@") and path.is_file() else [argument]
    return found


def without_ignored(arguments: list[str]) -> list[str]:
    """Without what means nothing here."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in IGNORED or argument.startswith(IGNORED_STARTS):
            skip = argument == "-L"
        else:
            kept.append(argument)
    return kept


def without_hosts_headers(arguments: list[str], include: str) -> list[str]:
    """Without folders that hold headers of the host: its C library's, or its Python's."""
    kept: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        separate = argument in ("-I", "-isystem", "-idirafter")
        folder = next(waiting, "") if separate else argument[2:] if argument.startswith("-I") else None
        if folder is None or not is_hosts(folder, include):
            kept += [argument, folder] if separate and folder is not None else [argument]
    return kept


def is_hosts(folder: str, include: str) -> bool:
    """Whether a folder holds headers of the host."""
    path = Path(folder).absolute()
    libraries = any(str(path).startswith(root) for root in ("/usr/include", "/usr/local/include", "/opt/homebrew/include"))
    return libraries or (str(path) != include and (path / "Python.h").is_file())


def compile_adapted(
    front: list[str], arguments: list[str], back: list[str], source: str, configuration: "dict[str, object]"
) -> int:
    """Compile one source to an object, by way of LLVM's IR."""
    place = arguments.index("-o")
    output = arguments[place + 1]
    rest = [a for a in arguments[:place] + arguments[place + 2 :] if a != "-c"]
    rest, dependencies = without_dependencies(rest)
    if dependencies is not None:  # zig writes none beside IR; what is built here is built once, and from nothing
        Path(dependencies).write_text(f"{output}: {source}\n")
    with tempfile.TemporaryDirectory(prefix="wenv-cc-") as folder:
        code = Path(folder, "code.ll")
        quiet = "-Wno-unused-command-line-argument"
        to_ir = [*front, *rest, *back, quiet, "-S", "-emit-llvm", "-Xclang", "-disable-llvm-passes", "-o", str(code)]
        if status := subprocess.call(to_ir):
            return status
        adapt(code, configuration)
        options = [a for a in (*rest, *back) if a.startswith(("-O", "-m")) and a != "-mllvm" and a not in cxx.EXCEPTIONS]
        options += [*cxx.EXCEPTIONS, *(("-fwasm-exceptions",) if front[1] == "c++" else ())]
        to_object = [*front, *options, "-fPIC", "-fno-sanitize=undefined", quiet, "-Wno-override-module"]
        return subprocess.call([*to_object, "-c", str(code), "-o", output])


def without_dependencies(arguments: list[str]) -> "tuple[list[str], str | None]":
    """Without the options that ask for a file of dependencies, and that file."""
    kept: list[str] = []
    file = None
    waiting = iter(arguments)
    for argument in waiting:
        if argument in ("-MF", "-MT", "-MQ"):
            value = next(waiting, None)
            file = value if argument == "-MF" else file
        elif argument not in DEPENDENCIES:
            kept.append(argument)
    return kept, file


def adapt(code: Path, configuration: "dict[str, object]") -> None:
    """Give functions in CPython's tables the right types, in place."""
    import arity  # type: ignore[import-not-found]  # late: not all of what is asked for compiles

    text = code.read_text("utf-8", "surrogateescape")
    tables = arity.Tables.from_json(configuration["slots"])
    changed, notes = arity.adapted(text, tables)
    for note in notes:
        print(f"wenv: {note}", file=sys.stderr)
    if changed != text:
        code.write_text(changed, "utf-8", "surrogateescape")


def link(tool: str, arguments: list[str], configuration: "dict[str, object]") -> int:
    """Link a module that CPython loads."""
    output = "a.out"
    inputs: list[str] = []
    options: list[str] = []
    flags: list[str] = []
    found = archives(arguments)
    waiting = iter(arguments)
    for argument in waiting:
        if argument in found:
            inputs.append(found[argument])
        elif argument in WITH_VALUE:
            value = next(waiting, "")
            output = value if argument == "-o" else output
            flags += [argument, value] if argument in ("-I", "-D", "-isystem", "-include") else []
        elif argument.startswith(("-Wl,--whole-archive", "-Wl,--no-whole-archive", "-Wl,--export")):
            place = inputs if "whole" in argument else options
            place.append(argument[len("-Wl,") :])
        elif argument.startswith(("-I", "-D", "-O", "-f", "-m", "-std")):
            flags.append(argument)
        elif not argument.startswith("-"):
            inputs.append(argument)
    with tempfile.TemporaryDirectory(prefix="wenv-ld-") as folder:
        for number, source in enumerate(inputs):
            if source.endswith(SOURCES):
                inputs[number] = str(Path(folder, f"{number}.o"))
                if status := main(tool, [*flags, "-c", source, "-o", inputs[number]]):
                    return status
        module = Path(output).name.partition(".")[0]
        command, libraries = linker(inputs, configuration)
        command += [f"--export-if-defined=PyInit_{module}", "--export-if-defined=_initialize", *options]
        command += ["--gc-sections", "--strip-all", *inputs, *libraries, "-o", output]
        return subprocess.call(command)


def linker(inputs: list[str], configuration: "dict[str, object]") -> "tuple[list[str], list[str]]":
    """The linker with what all modules want, and the libraries of those that have these inputs."""
    zig, libraries = str(configuration["zig"]), [str(path) for path in configuration["libraries"]]  # type: ignore[attr-defined]
    # all of them: what is asked for by name may need others, and of an archive only that is taken that something needs
    libraries[:0] = [str(path) for prefix in prefixes() for path in sorted(Path(prefix, "lib").glob("*.a"))]
    if cxx.is_cxx([*inputs, *libraries]):
        libraries.insert(0, cxx.library(zig, str(configuration["cxx"])))
    return [zig, "wasm-ld", "-shared", "--experimental-pic", "--unresolved-symbols=import-dynamic"], libraries


#: Options of rustc's for the linker that are for programs, whole and by how they begin; those whose value follows.
FOR_PROGRAMS = {"--stack-first", "--no-entry", "--no-demangle", "--fatal-warnings", "--gc-sections"}
FOR_PROGRAMS_STARTS = ("--entry", "--export-memory", "--import-memory", "--shared-memory", "--max-memory")


def link_rust(arguments: list[str], configuration: "dict[str, object]") -> int:
    """Link what rustc made of a crate (a cdylib): a module that CPython loads."""
    kept: list[str] = []
    arguments = expanded(arguments)
    folders = [Path(value) for option, value in pairwise(arguments) if option == "-L"]  # they come after -l, too
    folders += [Path(argument[2:]) for argument in arguments if argument.startswith("-L") and len(argument) > 2]
    waiting = iter(arguments)
    for argument in waiting:
        if argument in ("-flavor", "-L"):
            next(waiting, None)
        elif argument == "-z":
            value = next(waiting, "")
            kept += [] if value.startswith("stack-size") else [argument, value]
        elif argument == "--export":
            kept.append(f"--export-if-defined={next(waiting, '')}")
        elif argument.startswith("-l"):  # the package's own library; the C library is the runtime's
            name = f"lib{argument[2:] or next(waiting, '')}.a"
            places = [*folders, *(Path(prefix, "lib") for prefix in prefixes())]
            kept += [str(folder / name) for folder in places if (folder / name).is_file()][:1]
        elif argument.startswith("-L") or argument in FOR_PROGRAMS or argument.startswith(FOR_PROGRAMS_STARTS):
            pass
        elif "crt1-" not in argument:
            kept.append(argument)
    command, libraries = linker([argument for argument in kept if not argument.startswith("-")], configuration)
    return subprocess.call([*command, "--gc-sections", "--strip-all", *kept, *libraries])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
