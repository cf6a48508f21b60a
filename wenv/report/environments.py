"""What can be said about environments: one view for tables and one as JSON."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from wenv.bake.baking import is_baked
from wenv.environment.known import all_folders, last_used
from wenv.environment.manifest import Environment, load
from wenv.locations import named_environments
from wenv.report.layers import _counts
from wenv.runtimes import Runtime
from wenv.runtimes.workspace import Workspace
from wenv_cache.errors import UserError


@dataclass(frozen=True, slots=True)
class Summary:
    """One environment in a list.

    `size` is the bytes of its layers, `shared` of those that other environments have too; times are UTC, ISO 8601; `state` is
    ``fine``, ``stale`` (made for another runtime), ``incomplete`` (layers are missing) or ``damaged``, and `problem` says more.
    """

    label: str
    name: str | None
    folder: str
    runtime: str
    packages: int
    size: int
    shared: int
    baked: bool
    changed: str
    used: str
    state: str
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def summaries(workspace: Workspace) -> list[Summary]:
    """All environments of this user."""
    loaded: list[Environment | Summary] = []
    for folder in all_folders():
        try:
            loaded.append(load(folder))
        except UserError as error:
            label = folder.name if folder.parent == named_environments() else str(folder)
            loaded.append(Summary(label, None, str(folder), "?", 0, 0, 0, False, "", "", "damaged", str(error)))
    found = [item for item in loaded if isinstance(item, Environment)]
    counts = _counts(found)
    sizes: dict[str, int] = {}
    for layer in counts:
        with suppress(UserError):  # one that is missing or damaged is told of its environments
            sizes[layer] = workspace.store.manifest(layer).size
    return [
        item if isinstance(item, Summary) else _summary(item, workspace.runtime_for(item), counts, sizes) for item in loaded
    ]


def _summary(environment: Environment, runtime: Runtime, counts: Mapping[str, int], sizes: Mapping[str, int]) -> Summary:
    identity = runtime.identity
    state, problem = "fine", ""
    if missing := [layer for layer in environment.layers if layer not in sizes]:
        state, problem = "incomplete", f"{len(missing)} layers are missing; `wenv install` restores them"
    elif environment.runtime.identity != identity:
        state, problem = "stale", f"made for {environment.runtime.identity}; `wenv install` moves it to {identity}"
    return Summary(
        environment.label,
        environment.name,
        str(environment.folder),
        environment.runtime.name,
        len(environment.packages),
        sum(sizes.get(layer, 0) for layer in environment.layers),
        sum(sizes.get(layer, 0) for layer in environment.layers if counts[layer] > 1),
        bool(environment.baked.modules) and is_baked(runtime, environment),
        environment.changed,
        last_used(environment.folder),
        state,
        problem,
    )
