"""Which modules cannot be imported, tried in the sandbox."""

from collections.abc import Sequence
from functools import partial

from wenv.bake.trials import trial_request
from wenv.engine.replies import read_reply
from wenv.engine.session import Session
from wenv.engine.threaded import run_in_session
from wenv.errors import TrapError, WenvError
from wenv.launcher.private_folders import PrivateFolders
from wenv.launcher.request import terminal_variables
from wenv.runtimes.needs import needs_for
from wenv.snapshot.ready import Ready
from wenv_cache.reading import Given, printable
from wenv_resolver.progress import Progress

#: Seconds within which all modules of a wheel must have been imported; those of pandas take one.
TIME_LIMIT = 120.0


def failing_imports(ready: Ready, modules: Sequence[str], progress: Progress) -> dict[str, dict[str, str]]:
    """What cannot be imported, and why; a module that ends the sandbox is left out of the next one.

    Raises WenvError, or TrapError, for a sandbox that ends before it imports anything.
    """
    failures: dict[str, dict[str, str]] = {}
    preopens = [mount.preopen for mount in ready.mounts]
    component = ready.runtime.component(progress, ready.environment.natives)
    needs = needs_for(ready.runtime, ready.environment, writable=False)
    while waiting := [module for module in modules if module not in failures]:
        with PrivateFolders(()) as private:
            order = {"request": trial_request(needs.stubs, {**terminal_variables({}), **needs.environment}), "modules": waiting}
            try:
                answer = run_in_session(
                    partial(Session, component, (*preopens, *private.preopens), silent=True),
                    lambda session, order=order: session.call("imports", order),  # type: ignore[misc]
                    private,
                    TIME_LIMIT,
                )
                failures |= read_reply("imports", answer, _failures)
                break
            except (TrapError, SystemExit) as error:
                stuck = private.said("importing")
                if stuck not in waiting and isinstance(error, SystemExit):
                    raise WenvError(f"the sandbox ended before anything was imported in it (status {error.code})") from None
                if stuck not in waiting:
                    raise
                reason = f"it ended the sandbox: {error}" if isinstance(error, TrapError) else "it ended the program"
                failures[stuck] = {"reason": reason, "missing": ""}
    return failures


def _failures(given: Given) -> dict[str, dict[str, str]]:
    return {module: _said(value) for module, value in given.entries().items()}


def _said(given: Given) -> dict[str, str]:
    """What came of one import: the wheel's own code ran where this was put together."""
    return {key: printable(given[key].text(longest=100_000, controls=True)) for key in ("reason", "missing")}
