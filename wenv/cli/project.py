"""``wenv add``, ``wenv drop`` and ``wenv sync``: a project's files and its environment together."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wenv.cli import options
from wenv.cli.install import report
from wenv.cli.printer import Printer
from wenv.environment.kinds import Choice
from wenv.errors import UsageError
from wenv.report.words import packages_of

if TYPE_CHECKING:
    from wenv.environment.manifest import Environment
    from wenv.make.solve import Solution

#: What `sync` reads, the first that is there.
SOURCES = ("pylock.toml", "pyproject.toml", "requirements.txt")
Group = Annotated[
    str | None, typer.Option("--group", metavar="GROUP", help="The dependency group.", rich_help_panel=options.INPUTS)
]
Script = Annotated[
    Path | None,
    typer.Option(
        "--script", metavar="FILE", help="A script, whose block of metadata is changed.", rich_help_panel=options.INPUTS
    ),
]
Optional = Annotated[str | None, typer.Option("--optional", metavar="EXTRA", help="The extra.", rich_help_panel=options.INPUTS)]


def add(
    names: Annotated[list[str], typer.Argument(metavar="REQUIREMENT...", help="Packages.")],
    group: Group = None,
    extra: Optional = None,
    script: Script = None,
    no_build: options.NoBuild = False,
    build_only: options.BuildOnly = None,
    quiet: options.Quiet = False,
) -> None:
    """Add packages to pyproject.toml and to the environment here, which is made if there is none.

    A package without a version gets the one that is installed as its lowest; in a script it stands as it is given.  `wenv
    install` changes the environment alone.

    [bold]Examples[/]

      wenv add rich 'httpx<1'
      wenv add --group test pytest
      wenv add --script job.py rich
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment.find import nearest, place
    from wenv.make import create, project, script_block
    from wenv.make.choose_runtime import first_solution
    from wenv.make.wanted import Wanted
    from wenv.policy.policy import Policy

    if group and extra:
        raise UsageError("--group and --optional exclude each other")
    if script is not None:
        script_block.add(script, names)
        Printer(quiet=quiet).say(_of_next_run(script, f"has {', '.join(names)}"))
        return
    path = project.project_file(Path.cwd())
    project.check(path, names)
    given, editables = project.asked_for(path, names, group, extra)
    rules = options.build_rules(no_build, build_only)
    with Printer(quiet=quiet) as printer:
        workspace, current = open_workspace(), nearest()
        if current is None:
            is_there = not project.table_is_missing(path, group, extra)
            extras, groups = (extra,) if extra and is_there else (), (group,) if group and is_there else ()
            files = (path,) if extras or groups or project.has_dependencies(path) else ()
            wanted = Wanted(given, files, (), extras, groups, editables, rules=rules)
            solved = first_solution(workspace, Choice.AUTO, wanted, printer)
            made = create.create(place(), solved, Policy(), printer)
            printer.say(f"Created .wenv with {packages_of(len(made.packages))} on {made.runtime.name}")
        else:
            adding, runtime = Wanted(given, editables=editables, rules=rules), workspace.runtime_for(current)
            before, made = create.change(
                runtime, current.folder, lambda state: adding.added_to(state, runtime, printer), printer
            )
            report(printer, runtime, before, made, as_json=False)
        versions = {package.name: package.version for package in made.packages}
        versions |= {name: held.version for name, held in workspace.runtime_for(made).contents.packages.items()}
        for line in project.add(path, names, versions, group, extra):
            printer.say(f"{path.name}: {line}")
        _say_of_lock(printer)


def _of_next_run(script: Path, words: str) -> str:
    """What a changed block means: nothing yet, where a lock has decided."""
    from wenv.make.scripts import lock_of_script

    if (lock := lock_of_script(script)).is_file():
        return f"{script} is changed; {lock.name} decides what its runs have until `wenv lock --script {script}` renews it"
    return f"{script}: its next run {words}"


def drop(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Packages.")],
    group: Group = None,
    extra: Optional = None,
    script: Script = None,
    quiet: options.Quiet = False,
) -> None:
    """Take packages out of pyproject.toml and of the environment here, with what only they needed.

    `wenv uninstall` changes the environment alone.

    [bold]Examples[/]

      wenv drop rich
    """
    from packaging.utils import canonicalize_name

    from wenv.cli.workspace import open_workspace
    from wenv.environment.find import nearest
    from wenv.make import create, project, script_block
    from wenv.make.uninstall import without

    if group and extra:
        raise UsageError("--group and --optional exclude each other")
    if script is not None:
        script_block.drop(script, names)
        Printer(quiet=quiet).say(_of_next_run(script, f"is without {', '.join(names)}"))
        return
    path = project.project_file(Path.cwd())
    with Printer(quiet=quiet) as printer:
        current = nearest()
        for line in project.drop(path, names, group, extra):
            printer.say(f"{path.name}: without {line}")
        if current is not None:
            asked = [name for name in names if canonicalize_name(name) in current.requested_names]
            runtime = open_workspace().runtime_for(current)
            if asked:
                before, made = create.change(
                    runtime, current.folder, lambda state: without(runtime, state, asked, printer), printer
                )
                report(printer, runtime, before, made, as_json=False)
        _say_of_lock(printer)


def _say_of_lock(printer: Printer) -> None:
    """A lock beside a project's file decides what `sync` makes: say so where the file was changed."""
    if (lock := Path(SOURCES[0])).is_file():
        renewed = f"`wenv lock -r {SOURCES[1]} -o {lock}`"
        printer.say(f"{lock} is as it was, and decides what `wenv sync` makes until {renewed} renews it")


def sync(
    files: options.Files = None,
    extras: options.Extras = None,
    groups: options.Groups = None,
    runtime: options.Runtime = Choice.AUTO,
    name: options.Name = None,
    path: options.Here = None,
    refresh: options.Refresh = False,
    no_build: options.NoBuild = False,
    build_only: options.BuildOnly = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Make the environment hold what the project's file names, and nothing else.

    The file is pylock.toml, else pyproject.toml, else requirements.txt.  An environment that is not there is made; one that is
    keeps its runtime, its policy, and the project itself with its extras, if it is installed.

    [bold]Examples[/]

      wenv sync
      wenv sync -r requirements-dev.txt
    """
    from wenv.cli.workspace import open_workspace
    from wenv.environment.find import place
    from wenv.environment.known import exists
    from wenv.environment.manifest import load
    from wenv.make import create
    from wenv.make.choose_runtime import first_solution
    from wenv.make.wanted import Wanted
    from wenv.policy.policy import Policy

    read = files or [Path(source) for source in SOURCES if Path(source).is_file()][:1]
    if not read:
        raise UsageError(f"there is nothing to read here: {', '.join(SOURCES)}", "-r FILE names what to read")
    rules, folder = options.build_rules(no_build, build_only), place(name, path)
    with Printer(quiet=quiet or as_json) as printer:
        workspace = open_workspace()
        wanted = Wanted(files=tuple(read), extras=tuple(extras or ()), groups=tuple(groups or ()), rules=rules)
        if not exists(folder):
            solved = first_solution(workspace, runtime, wanted, printer, refresh=refresh)
            made = create.create(folder, solved, Policy(), printer)
            if as_json:
                printer.json({**made.as_json(), "folder": str(made.folder)})
            printer.say(f"Created {made.label} with {packages_of(len(made.packages))} on {made.runtime.name}, from {read[0]}")
            return
        own = workspace.runtime_for(load(folder))

        def decide(state: "Environment") -> "Solution":
            kept = wanted if files else wanted.with_project(state, Path.cwd())
            return kept.solution(own, printer, refresh=refresh)

        before, made = create.change(own, folder, decide, printer)
        report(printer, own, before, made, as_json)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(add)
    app.command()(drop)
    app.command()(sync)
