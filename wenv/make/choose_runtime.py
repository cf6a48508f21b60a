"""Which runtime an environment gets, if the user leaves that to wenv."""

from collections.abc import Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from wenv.environment.kinds import Choice, Kind
from wenv.make import solve
from wenv.make.wanted import Wanted
from wenv.runtimes import Runtime, default_runtime, runtime_of
from wenv.runtimes.choice import (
    announcement,
    scientific_has,
    scientific_lacks,
    scientific_name,
    scientific_reasons,
    with_advice,
)
from wenv_cache.store import Store
from wenv_resolver.errors import UnusablePackagesError
from wenv_resolver.lock import lock_facts
from wenv_resolver.progress import Progress


def chosen_runtime(store: Store, choice: Choice, inputs: Wanted, progress: Progress) -> Runtime:
    """The runtime for what is named, as far as names tell; if it is another than the default one, `progress` hears why."""
    kind = choice.kind
    if kind is not None:
        return runtime_of(store, kind)
    if (lock := inputs.lock) is not None:
        facts = lock_facts(lock.read_text("utf-8", "replace") if lock.is_file() else "")
        if facts.runtime in tuple(Kind):
            return runtime_of(store, Kind(facts.runtime))
        reasons = scientific_reasons(facts.requirements)
    else:
        reasons = _reasons(inputs)
    if not reasons:
        return default_runtime(store)
    progress.say(announcement(reasons))
    return runtime_of(store, Kind.SCIENTIFIC)


def _lacking(inputs: Wanted) -> list[str]:
    """What is asked for at a version that the scientific runtime does not have."""
    if inputs.lock is not None:
        return []
    return scientific_lacks(line.text for line in inputs.gathered.requested.requirements)


def _reasons(inputs: Wanted) -> list[str]:
    """The requirements that are for the scientific runtime, unless somebody brings wheels of them or wants them built."""
    lines = inputs.gathered.requested.requirements
    if ":all:" in inputs.index.no_binary:
        return []
    given = _projects_in(inputs.index.find_links) | {canonicalize_name(name) for name in inputs.index.no_binary}
    texts = [line.text for line in lines]
    return [] if scientific_lacks(texts) else [name for name in scientific_reasons(texts) if name not in given]


def _projects_in(links: Sequence[str]) -> set[str]:
    """The projects of which local folders hold wheels."""
    names = (path.name.partition("-")[0] for link in links if "://" not in link for path in Path(link).glob("*.whl"))
    return {canonicalize_name(name) for name in names}


def first_solution(
    store: Store, choice: Choice, inputs: Wanted, progress: Progress, *, refresh: bool = False
) -> solve.Solution:
    """What a new environment shall hold, and on which runtime: on the scientific one also if it holds what the default one
    turns out not to have."""
    runtime = chosen_runtime(store, choice, inputs, progress)
    if runtime.kind is not Kind.DEFAULT:
        return inputs.solution(runtime, progress, refresh=refresh)
    try:
        solved = inputs.solution(runtime, progress, refresh=refresh)
        to_build = solve.to_build(solved, progress) if choice is Choice.AUTO and inputs.lock is None else []
        there = [file.name for file in to_build if scientific_name(file.name)]
    except UnusablePackagesError as error:
        there = scientific_has(error.packages)
        if choice is not Choice.AUTO or not there or _lacking(inputs):
            raise with_advice(error) from error
    if not there or _lacking(inputs):
        return solved
    progress.say(announcement(there))
    return inputs.solution(runtime_of(store, Kind.SCIENTIFIC), progress, refresh=refresh)
