"""Makes and changes environments: everything is fetched and compiled first, then one manifest is written."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from wenv.environment.editables import check_granted
from wenv.environment.manifest import Environment, load
from wenv.make.prepare import prepare
from wenv.make.solve import Solution
from wenv.make.write import alone, check_place, write
from wenv.policy.policy import Policy
from wenv.runtimes import Runtime
from wenv.snapshot.contents import remarks
from wenv_cache.store import Writing
from wenv_resolver.progress import Progress


def create(folder: Path, solution: Solution, policy: Policy, progress: Progress, *, clear: bool = False) -> Environment:
    """Make an environment in `folder`.  Raises EnvironmentExistsError unless `clear`.

    On an error no environment is there that was not, and one that was is unchanged.
    """
    runtime = solution.runtime
    with runtime.store.writing() as writing, alone(runtime.store, folder):
        check_place(folder, clear=clear)
        for mount in policy.mounts:
            mount.check_writable()
        return _make(writing, runtime, folder, solution, policy.as_json(), progress, previous=None, created=None, granting=True)


def change(
    runtime: Runtime, folder: Path, decide: Callable[[Environment], Solution], progress: Progress
) -> tuple[Environment, Environment]:
    """Give an environment a new snapshot; what runs in it meanwhile is not disturbed.  Returns its state before and after.

    `decide` says what it shall hold, given what it holds now; of several processes that change it one waits for the other.
    """
    with runtime.store.writing() as writing, alone(runtime.store, folder):
        current = load(folder)
        check_granted(current)
        granting = current.is_policy_granted()  # a policy that came with somebody's project stays ungranted
        solution, created = decide(current), current.created
        made = _make(
            writing, runtime, folder, solution, current.policy, progress, previous=current, created=created, granting=granting
        )
        return current, made


def _make(
    writing: Writing,
    runtime: Runtime,
    folder: Path,
    solution: Solution,
    policy: dict[str, object],
    progress: Progress,
    *,
    previous: Environment | None,
    created: str | None,
    granting: bool,
) -> Environment:
    prepared = prepare(writing, runtime, folder, solution, progress, policy=policy, created=created)
    ready, environment = prepared.ready, prepared.ready.environment
    if previous is not None and created is not None and previous.snapshot == environment.snapshot:
        environment = replace(environment, baked=previous.baked)
    write(replace(ready, environment=environment), prepared.lock, granting=granting, sharing=True)
    before = {package.digest for package in previous.packages} if previous is not None else set[str]()
    changed = frozenset(package.name for package in environment.packages if package.digest not in before)
    for words in remarks(runtime.store, environment.packages, changed) if changed else ():
        progress.say(f"warning: {words}")
    return environment
