"""Environments without editable projects, for those who are given them: the projects' wheels are built and taken in."""

from dataclasses import replace

from wenv.environment.editables import shared_projects
from wenv.environment.manifest import Environment
from wenv.make.locked import locked_wheels
from wenv.make.prepare import prepare
from wenv.make.solve import Solution
from wenv.runtimes import Runtime
from wenv_cache.store import Writing
from wenv_resolver.progress import Progress


def standalone(writing: Writing, runtime: Runtime, environment: Environment, progress: Progress) -> Environment:
    """The same environment with the wheels of its editable projects as they are built now; itself if it has none.

    Raises what `shared_projects` and building do.
    """
    if not environment.editables:
        return environment
    shared_projects(environment)
    names = ", ".join(package.name for package in environment.editables)
    progress.say(f"{names}: editable here; the wheel that is built now is taken in")
    files = [replace(file, editable=False) for file in locked_wheels(runtime, environment, progress)]
    asked = environment.asked_for
    requested = replace(asked, requirements=tuple(replace(line, editable=False) for line in asked.requirements))
    made = prepare(
        writing, runtime, environment.folder, Solution(runtime, requested, tuple(files)), progress,
        policy=environment.policy, created=environment.created,
    )  # fmt: skip
    return made.ready.environment
