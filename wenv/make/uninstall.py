"""``wenv uninstall``: which requirements are left."""

from collections.abc import Sequence

from packaging.utils import canonicalize_name

from wenv.environment.manifest import Environment
from wenv.errors import WenvError
from wenv.make import solve
from wenv.make.locked import locked_wheels
from wenv.report.packages import package_reports
from wenv.runtimes import Runtime
from wenv_resolver.progress import Progress


def without(runtime: Runtime, current: Environment, names: Sequence[str], progress: Progress) -> solve.Solution:
    """What the environment shall hold without these packages, and without what only they needed.

    Raises WenvError for a package that is not there, or is needed by another.
    """
    before = current.asked_for
    asked = {line.name for line in before.requirements}
    reports = {r.name: r for r in package_reports(runtime, current, progress)}
    going = set(map(canonicalize_name, names))
    for given in names:
        wanted = canonicalize_name(given)
        if wanted not in asked and wanted not in reports:
            raise WenvError(f"{given} is not in {current.label}", "`wenv info` lists what is")
        if wanted not in asked and (users := set(reports[wanted].needed_by) - going):
            needed = ", ".join(sorted(users))
            raise WenvError(f"{given} was not asked for; it is needed by {needed}", f"uninstall {needed}")
    return solve.solve(runtime, before.without(names), progress, locked_wheels(runtime, current, progress))
