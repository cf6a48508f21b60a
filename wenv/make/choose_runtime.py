"""Which runtime an environment gets, if the user leaves that to wenv."""

from collections.abc import Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from wenv.environment.kinds import Choice, Kind
from wenv.make import solve
from wenv.make.wanted import Wanted
from wenv.runtimes import Runtime
from wenv.runtimes.choice import alternatives, announcement, with_advice
from wenv.runtimes.workspace import Workspace
from wenv_resolver.errors import UnusablePackagesError
from wenv_resolver.lock import lock_facts
from wenv_resolver.progress import Progress


def chosen_runtime(workspace: Workspace, choice: Choice, inputs: Wanted, progress: Progress) -> Runtime:
    """The runtime for what is named, as far as names tell; if it is another than the default one, `progress` hears why."""
    kind = choice.kind
    if kind is not None:
        return workspace.runtime(kind)
    if (lock := inputs.lock) is not None:
        facts = lock_facts(lock.read_text("utf-8", "replace") if lock.is_file() else "")
        if facts.runtime in tuple(Kind):
            return workspace.runtime(Kind(facts.runtime))
    usual = workspace.runtime()
    for other in alternatives(usual):
        if reasons := other.contents.reasons(facts.requirements) if lock is not None else _reasons(inputs, other):
            progress.say(announcement(other, reasons))
            return other
    return usual


def _texts(inputs: Wanted) -> list[str]:
    return [line.text for line in inputs.gathered.requested.requirements]


def _reasons(inputs: Wanted, runtime: Runtime) -> list[str]:
    """The requirements that are for a runtime, unless somebody brings wheels of them or wants them built."""
    if ":all:" in _to_be_built(inputs) or runtime.contents.lacking(_texts(inputs)):
        return []
    given = _projects_in(inputs.index.find_links) | _to_be_built(inputs)
    return [name for name in runtime.contents.reasons(_texts(inputs)) if name not in given]


def _to_be_built(inputs: Wanted) -> set[str]:
    """What the user wants to be built, by canonical names, or ":all:"."""
    return {name if name == ":all:" else canonicalize_name(name) for name in inputs.index.no_binary}


def _projects_in(links: Sequence[str]) -> set[str]:
    """The projects of which local folders hold wheels."""
    names = (path.name.partition("-")[0] for link in links if "://" not in link for path in Path(link).glob("*.whl"))
    return {canonicalize_name(name) for name in names}


def first_solution(
    workspace: Workspace, choice: Choice, inputs: Wanted, progress: Progress, *, refresh: bool = False
) -> solve.Solution:
    """What a new environment shall hold, and on which runtime.

    If wenv chooses, it is another one where that holds what the first turns out not to have, or to have only after building;
    but not where something else is lacking there that the first can build.
    See `wenv_resolver.resolve.resolve` for errors.
    """
    runtime = chosen_runtime(workspace, choice, inputs, progress)
    is_free = choice is Choice.AUTO and inputs.lock is None
    holding = [other for other in alternatives(runtime) if is_free and other.contents.packages]
    others = [other for other in holding if not other.contents.lacking(_texts(inputs))]
    solved = None
    try:
        solved = inputs.solution(runtime, progress, refresh=refresh)
        slow = [file.name for file in solve.to_build(solved, progress)] if others else []
        slow = [name for name in slow if not {":all:", canonicalize_name(name)} & _to_be_built(inputs)]
        reasons = {other: [name for name in slow if canonicalize_name(name) in other.contents.preferred] for other in others}
    except UnusablePackagesError as error:
        reasons = {other: other.contents.holding(package.name for package in error.packages) for other in others}
        if not any(reasons.values()):
            raise with_advice(error, runtime) from error
    better = next((other for other in others if reasons[other]), None)
    if better is None:
        assert solved is not None
        return solved
    try:
        found = inputs.solution(better, progress, refresh=refresh)
    except UnusablePackagesError:
        if solved is None:
            raise
        return solved
    progress.say(announcement(better, reasons[better]))
    return found
