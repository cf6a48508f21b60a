"""Options that several commands share: each is declared once, with its help text.

One file of more than 350 lines, as it is a list in which each entry is looked up.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wenv.environment.kinds import PYTHONS, Choice
from wenv.errors import UsageError
from wenv.policy.mounts import Mount
from wenv.policy.policy import Policy
from wenv.policy.text import parse_host, parse_size, parse_variable

if TYPE_CHECKING:
    from wenv.run.outside import Outside
    from wenv_resolver.building.rules import BuildRules
    from wenv_resolver.requirements import IndexOptions

ENVIRONMENT, INPUTS, SANDBOX, INDEX, BUILDING = "Environment", "Requirements", "Sandbox", "Package index", "Building"


def _complete_name(incomplete: str) -> list[str]:
    from wenv.environment.known import all_folders
    from wenv.locations import named_environments

    return [f.name for f in all_folders() if f.parent == named_environments() and f.name.startswith(incomplete)]


Name = Annotated[
    str | None,
    typer.Option(
        "-n",
        "--name",
        metavar="NAME",
        help="A named environment, in the data folder.",
        autocompletion=_complete_name,
        rich_help_panel=ENVIRONMENT,
    ),
]
At = Annotated[
    Path | None,
    typer.Option(
        "--path",
        metavar="DIR",
        help="The folder of the environment.  [default: .wenv, found upwards]",
        rich_help_panel=ENVIRONMENT,
    ),
]
Here = Annotated[
    Path | None,
    typer.Option(
        "--path",
        metavar="DIR",
        help="The folder of the environment.  [default: .wenv in the working folder]",
        rich_help_panel=ENVIRONMENT,
    ),
]
Runtime = Annotated[
    Choice,
    typer.Option(
        "--runtime",
        envvar="WENV_RUNTIME",
        help="The interpreter: default (CPython 3.14), or scientific (CPython 3.15 with numpy, pandas, scipy, scikit-learn,"
        " matplotlib…).  auto takes the scientific one for what only it has.",
        rich_help_panel=ENVIRONMENT,
    ),
]
Python = Annotated[
    str | None,
    typer.Option(
        "-p", "--python", metavar="VERSION", help="The interpreter by its version: 3.14, or 3.15.", rich_help_panel=ENVIRONMENT
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.")]
"""What follows is of sharing."""
Grant = Annotated[bool, typer.Option("--grant", help="Grant what the file asks for: folders, variables, limits.")]
Largest = Annotated[
    str | None, typer.Option("--max-size", metavar="SIZE", help="Refuse more than this when unpacked.  [default: 8G]")
]
PlainHttp = Annotated[bool, typer.Option("--plain-http", help="Speak to the registry without TLS.")]
Reference = Annotated[str, typer.Argument(metavar="HOST/NAME[:TAG]", help="Where it lies in a registry.", show_default=False)]
WithRuntime = Annotated[bool, typer.Option("--with-runtime", help="Take the interpreter and the standard library along.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite the file.")]
"""What follows names requirements."""
Files = Annotated[
    list[Path] | None,
    typer.Option(
        "-r",
        "--requirements",
        metavar="FILE",
        help="requirements.txt, pyproject.toml, pylock.toml, setup.cfg, or a script (PEP 723).",
        rich_help_panel=INPUTS,
    ),
]
Editables = Annotated[
    list[str] | None,
    typer.Option(
        "-e",
        "--editable",
        metavar="DIR[[EXTRA]]",
        help="A project's folder, imported from there: it is shared read-only, and its changes count at once.",
        rich_help_panel=INPUTS,
    ),
]
Constraints = Annotated[
    list[Path] | None,
    typer.Option(
        "-c", "--constraint", metavar="FILE", help="Versions that are allowed, should they be needed.", rich_help_panel=INPUTS
    ),
]
Extras = Annotated[
    list[str] | None,
    typer.Option("--extra", metavar="EXTRA", help="An extra of the pyproject.toml.", rich_help_panel=INPUTS),
]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="GROUP", help="A dependency group of the pyproject.toml.", rich_help_panel=INPUTS),
]
IndexUrl = Annotated[
    str | None,
    typer.Option(
        "-i", "--index-url", metavar="URL", help="Package index instead of pip's configured one.", rich_help_panel=INDEX
    ),
]
ExtraIndexUrls = Annotated[
    list[str] | None,
    typer.Option("--extra-index-url", metavar="URL", help="A further package index.", rich_help_panel=INDEX),
]
FindLinks = Annotated[
    list[str] | None,
    typer.Option("-f", "--find-links", metavar="PATH|URL", help="A folder or page with wheels.", rich_help_panel=INDEX),
]
NoIndex = Annotated[bool, typer.Option("--no-index", help="Use --find-links only.", rich_help_panel=INDEX)]
Pre = Annotated[bool, typer.Option("--pre", help="Allow pre-releases.", rich_help_panel=INDEX)]
Refresh = Annotated[
    bool,
    typer.Option(
        "--refresh", help="Ask the index again, also for what was resolved in the last ten minutes.", rich_help_panel=INDEX
    ),
]
ExcludeNewer = Annotated[
    str | None,
    typer.Option(
        "--exclude-newer",
        metavar="DATE",
        help="Leave out what came to the index later: 2026-01-31 (UTC), or '7 days'.",
        rich_help_panel=INDEX,
    ),
]
NoDeps = Annotated[
    bool, typer.Option("--no-deps", help="Bring only what is named, and not what it needs.", rich_help_panel=INPUTS)
]
NoBinary = Annotated[
    list[str] | None,
    typer.Option(
        "--no-binary", metavar="NAME", help="Build this package from source even if it has a wheel.", rich_help_panel=BUILDING
    ),
]
NoBuild = Annotated[
    bool,
    typer.Option("--no-build", help="Build nothing from source: no package's build code runs here.", rich_help_panel=BUILDING),
]
BuildOnly = Annotated[
    list[str] | None,
    typer.Option("--build-only", metavar="NAME", help="Build only this package from source.", rich_help_panel=BUILDING),
]
Write = Annotated[bool, typer.Option("--write", help="Let it write to the working folder.", rich_help_panel=SANDBOX)]
Mounts = Annotated[
    list[str] | None,
    typer.Option(
        "--mount", metavar="HOST[:GUEST][:ro|rw]", help="Share a folder.  [default: same path, ro]", rich_help_panel=SANDBOX
    ),
]
Variables = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME[=VALUE]", help="Pass an environment variable.", rich_help_panel=SANDBOX),
]
EnvFiles = Annotated[
    list[Path] | None,
    typer.Option("--env-file", metavar="FILE", help="Pass the variables that a .env file sets.", rich_help_panel=SANDBOX),
]
Databases = Annotated[
    list[Path] | None,
    typer.Option(
        "--sqlite",
        metavar="FILE",
        help="Lock an SQLite database for the run, so that the program may write to it.",
        rich_help_panel=SANDBOX,
    ),
]
Net = Annotated[
    list[str] | None,
    typer.Option(
        "--net",
        metavar="HOST[:PORT]|all",
        help="Let it connect to a host: a name, *.name, address or network; all that is public.",
        rich_help_panel=SANDBOX,
    ),
]
Listen = Annotated[
    list[str] | None,
    typer.Option("--listen", metavar="[HOST:]PORT", help="Let it listen.  [default host: 127.0.0.1]", rich_help_panel=SANDBOX),
]
MaxNet = Annotated[
    str | None,
    typer.Option("--max-net", metavar="SIZE", help="Limit what it sends and receives.", rich_help_panel=SANDBOX),
]
Secrets = Annotated[
    list[str] | None,
    typer.Option(
        "--secret",
        metavar="NAME[=SOURCE]@HOST",
        help="Send a variable of yours, or file:PATH or keyring:SERVICE/USER, to a granted host over TLS; it never gets in.",
        rich_help_panel=SANDBOX,
    ),
]
Authority = Annotated[
    Path | None,
    typer.Option(
        "--ca", metavar="FILE", help="Certificates of authorities to trust besides the system's.", rich_help_panel=SANDBOX
    ),
]
NetworkLog = Annotated[
    Path | None,
    typer.Option(
        "--log-network", metavar="FILE", help="Write what it tried to reach, as lines of JSON.", rich_help_panel=SANDBOX
    ),
]
Functions = Annotated[
    list[str] | None,
    typer.Option(
        "--function",
        metavar="MODULE:NAME",
        help="Let it call this function of yours, which runs outside: from wenv_host import NAME.",
        rich_help_panel=SANDBOX,
    ),
]
Memory = Annotated[
    str | None,
    typer.Option("--memory", metavar="SIZE", help="Limit memory, for example 512M.", rich_help_panel=SANDBOX),
]
Disk = Annotated[
    str | None,
    typer.Option("--max-disk", metavar="SIZE", help="Limit what it keeps in /tmp.  [default: 1G]", rich_help_panel=SANDBOX),
]
Kept = Annotated[
    int | None,
    typer.Option(
        "--max-files",
        metavar="COUNT",
        min=1,
        help="Limit how many files it keeps in /tmp.  [default: 100000]",
        rich_help_panel=SANDBOX,
    ),
]
Open = Annotated[
    int | None,
    typer.Option(
        "--max-open", metavar="COUNT", min=1, help="Limit how many files it has open.  [default: 256]", rich_help_panel=SANDBOX
    ),
]
Children = Annotated[
    int | None,
    typer.Option(
        "--max-children",
        metavar="COUNT",
        min=0,
        max=1000,
        help="Limit how many programs that it has started are alive; 0 for none.  [default: 16]",
        rich_help_panel=SANDBOX,
    ),
]
Time = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0.001, help="Stop it after this long.", rich_help_panel=SANDBOX),
]
Output = Annotated[
    str | None,
    typer.Option("--max-output", metavar="SIZE", help="Stop it when it has printed this much.", rich_help_panel=SANDBOX),
]


def build_rules(no_build: bool, build_only: list[str] | None) -> "BuildRules":
    """Which packages the options allow to be built; raises UsageError."""
    from packaging.utils import canonicalize_name

    from wenv_resolver.building.rules import BuildRules

    if no_build and build_only:
        raise UsageError("--no-build and --build-only exclude each other")
    return BuildRules(not no_build, frozenset(map(canonicalize_name, build_only)) if build_only else None)


def chosen_kind(runtime: Choice, python: str | None) -> Choice:
    """The runtime that --runtime and --python name; raises UsageError."""
    if python is None:
        return runtime
    wanted = python.lower().removeprefix("cpython").removeprefix("python").lstrip("-@")
    fitting = [kind for kind, version in PYTHONS.items() if f"{wanted}.".startswith(f"{version}.")]
    if not fitting or (runtime is not Choice.AUTO and runtime.kind not in fitting):
        there = ", ".join(f"{version} (--runtime {kind})" for kind, version in PYTHONS.items())
        raise UsageError(f"there is no Python {python} for the sandbox", f"there are {there}")
    return Choice(fitting[0].value)


def with_files(variables: list[str] | None, files: list[Path] | None) -> list[str]:
    """The variables of files, and those that were given beside them, as for --env.  Raises UsageError."""
    if not files:
        return variables or []
    from dotenv import dotenv_values

    found: dict[str, str] = {}
    for path in files:
        if not path.is_file():
            raise UsageError(f"there is no file {path}")
        try:
            found |= {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not UTF-8: {error}") from error
    return [*(f"{name}={value}" for name, value in found.items()), *(variables or [])]


def policy(
    write: bool,
    mounts: list[str] | None,
    variables: list[str] | None,
    memory: str | None,
    time: float | None,
    output: str | None,
    disk: str | None,
    files: int | None,
    open_files: int | None,
    children: int | None,
    net: list[str] | None,
    listen: list[str] | None,
    net_bytes: str | None,
    secrets: list[str] | None,
) -> Policy:
    """The policy that the sandbox options describe; raises UsageError and MountError."""
    if time is not None and not 0 < time < 1e9:
        raise UsageError(f"--timeout {time}: not a number of seconds below 1,000,000,000")
    return Policy(
        write=write,
        mounts=tuple(Mount.parse(text) for text in mounts or ()),
        environment=tuple(parse_variable(text) for text in variables or ()),
        memory=None if memory is None else parse_size(memory),
        time=time,
        output=None if output is None else parse_size(output),
        disk=None if disk is None else parse_size(disk),
        files=files,
        open_files=open_files,
        children=children,
        net=tuple(parse_host("net", text) for text in net or ()),
        listen=tuple(parse_host("listen", text) for text in listen or ()),
        net_bytes=None if net_bytes is None else parse_size(net_bytes),
        secrets=tuple(parse_host("secret", text) for text in secrets or ()),
    )


def outside(log: Path | None, functions: Sequence[str] | None, authority: Path | None) -> "Outside":
    """What the options give a run of the host; raises UsageError."""
    from wenv.run.outside import Outside

    if log is None and not functions and authority is None:
        return Outside()
    from wenv.network.record import writer

    try:
        listener = None if log is None else writer(log.open("a", encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--log-network {log}: {error.strerror}") from error
    try:
        trusted = "" if authority is None else authority.read_text("ascii")
        if authority is not None:
            from wenv.network.tls import check_authority

            check_authority(trusted)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        hint = "a file of certificates, which begin with -----BEGIN CERTIFICATE-----"
        raise UsageError(f"--ca {authority}: {said}", hint) from error
    try:
        return Outside(listener, dict(map(_function, functions or ())), authority=trusted)
    except (TypeError, ValueError) as error:
        raise UsageError(f"--function: {error}") from error


def _function(text: str) -> tuple[str, Any]:
    """A function of the user's own, by its name inside; raises UsageError."""
    module, _, attribute = text.partition(":")
    if not module or not attribute:
        raise UsageError(f"--function {text}: not MODULE:NAME", "for example --function tools:lookup, of tools.py here")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except (Exception, SystemExit) as error:
        raise UsageError(f"--function {text}: {type(error).__name__}: {error}") from error
    return attribute.rpartition(".")[2], found


def from_source(names: Sequence[str]) -> "IndexOptions":
    """The index options under which these packages are built even if they have wheels."""
    from wenv_resolver.requirements import IndexOptions

    return IndexOptions(no_binary=tuple(names))
