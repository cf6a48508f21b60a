"""What a project asks its sandboxes to be allowed, and what of it this user granted.

The request is the file ``wenv.toml`` beside the environment, or the table ``[tool.wenv]`` of ``pyproject.toml``.  It came with
the project, so it holds only after the user granted it; the grant is kept in the data folder under a digest of the folder and
of the request, so that another request, or a changed one, is not granted.  What `wenv create` was given as options comes on
top, and then the options of a command.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wenv.environment.manifest import Environment
from wenv.errors import MountError, RequestError, UsageError
from wenv.launcher.guest_paths import REQUEST_FILES
from wenv.locations import ENVIRONMENT_FOLDER, data_folder
from wenv.policy.mounts import Mount
from wenv.policy.policy import LIMITS, Policy
from wenv.policy.text import parse_host, parse_size
from wenv_cache.files import read_regular, write_atomically
from wenv_cache.reading import Given, InvalidValueError, given_json

#: Digests of what was granted.
FILE = "granted.json"
#: The keys of a request, and the limits that some of them set.
KEYS = (
    "write", "mounts", "env", "memory", "timeout", "max-output", "max-disk", "max-files", "max-open", "max-children", "net",
    "listen", "max-net", "secrets",
)  # fmt: skip
_SIZES = {"memory": "memory", "max-output": "output", "max-disk": "disk", "max-net": "net_bytes"}
_COUNTS = {"max-files": "files", "max-open": "open_files", "max-children": "children"}
LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What a project asks for; `key` is what a grant is known by."""

    path: Path
    policy: Policy
    key: str


def project_folder(environment: Environment) -> Path | None:
    """The folder whose request counts for an environment: the project's that it lies in."""
    return environment.folder.parent if environment.folder.name == ENVIRONMENT_FOLDER else None


def request_of_project(environment: Environment) -> Request | None:
    """What the project asks for, None for nothing.  Raises RequestError."""
    folder = project_folder(environment)
    for name in REQUEST_FILES if folder is not None else ():
        assert folder is not None
        path = folder / name
        table = _table(path)
        if table is not None:
            text = json.dumps(table, sort_keys=True, default=str)
            key = hashlib.sha256(f"{folder}\n{text}".encode("utf-8", "surrogateescape")).hexdigest()
            try:
                return Request(path, _policy(Given(table), folder), key)
            except (InvalidValueError, MountError, UsageError) as error:
                raise RequestError(path, str(error)) from error
    return None


def _table(path: Path) -> dict[str, Any] | None:
    try:
        found = tomllib.loads(read_regular(path, LARGEST).decode())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError) as error:
        if path.name != REQUEST_FILES[0]:
            return None  # who reads the project's requirements says what is wrong with it
        raise RequestError(path, str(error)) from error
    except OSError as error:
        raise RequestError(path, str(error.strerror)) from error
    if path.name == REQUEST_FILES[0]:
        return found
    tool = found.get("tool")
    table = tool.get("wenv") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def request_in(table: dict[str, Any], path: Path) -> Policy:
    """What a table [tool.wenv] asks for that stands in `path`.  Raises RequestError."""
    try:
        return _policy(Given(table), path.absolute().parent)
    except (InvalidValueError, MountError, UsageError) as error:
        raise RequestError(path, str(error)) from error


def _policy(given: Given, folder: Path) -> Policy:
    """A request as a policy.  Raises InvalidValueError, MountError and UsageError."""
    if unknown := sorted(given.entries().keys() - set(KEYS)):
        raise given.error(f"unknown: {', '.join(unknown)}; known are {', '.join(KEYS)}")
    known = given.entries()
    limits: dict[str, Any] = {}
    for key, name in _SIZES.items():
        if (found := given.get(key)) is not None:
            limits[name] = parse_size(found.text()) if isinstance(found.value, str) else found.whole(0, 1 << 53)
    for key, name in _COUNTS.items():
        if (found := given.get(key)) is not None:
            limits[name] = found.whole(1, 1 << 53)
    if (found := given.get("timeout")) is not None:
        limits["time"] = found.number(0.001, 1e9)
    write, mounts, names = given.get("write"), given.get("mounts"), given.get("env")
    return Policy(
        write=write is not None and write.truth(),
        mounts=() if mounts is None else tuple(Mount.parse(_from(item.text(), folder)) for item in mounts.items()),
        environment=() if names is None else tuple((item.text(), None) for item in names.items()),
        net=_hosts(known, "net", "net"),
        listen=_hosts(known, "listen", "listen"),
        secrets=_hosts(known, "secrets", "secret"),
        **limits,
    )


def _hosts(known: Mapping[str, Given], name: str, kind: str) -> tuple[str, ...]:
    """What is asked for of a kind of wenv/policy/text.py.  Raises InvalidValueError and UsageError."""
    return tuple(parse_host(kind, item.text(), name) for item in known[name].items()) if name in known else ()


def _from(text: str, folder: Path) -> str:
    """A mount whose host folder is written relative to the project."""
    return text if Path(text.partition(":")[0]).is_absolute() or text.startswith("~") else f"{folder}/{text}"


def is_granted(request: Request) -> bool:
    """Whether the user granted exactly this."""
    return request.key in _granted()


def _granted() -> list[str]:
    try:
        return [item.text() for item in given_json((data_folder() / FILE).read_bytes()).items()]
    except (OSError, InvalidValueError):
        return []


def grant(request: Request, *, withdraw: bool = False) -> None:
    """Grant a request, or no longer."""
    others = [key for key in _granted() if key != request.key]
    data_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(data_folder() / FILE, json.dumps(others if withdraw else [*others, request.key]))


# -- what holds


def policies(environment: Environment) -> list[tuple[str, Policy]]:
    """The policies that hold for every run in an environment, with where they come from; later ones come on top."""
    found = [("default", Policy())]
    request = request_of_project(environment)
    if request is not None and is_granted(request):
        found.append((str(request.path), request.policy))
    if environment.asked != Policy() and environment.is_policy_granted():
        found.append(("wenv create", environment.asked))
    return found


def policy_of(environment: Environment) -> Policy:
    """What every run in an environment starts from."""
    policy = Policy()
    for _, other in policies(environment):
        policy = policy.widened(other)
    return policy


def ungranted(environment: Environment) -> Request | None:
    """A request that the user has not granted, if there is one."""
    request = request_of_project(environment)
    return request if request is not None and request.policy != Policy() and not is_granted(request) else None


def withholds_nothing(environment: Environment) -> bool:
    """Whether all is granted that the environment and its project ask for: a run has nothing to say of it."""
    return ungranted(environment) is None and environment.is_policy_granted()


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a policy says, and where that comes from."""

    name: str
    value: str
    source: str


def explained(sources: list[tuple[str, Policy]]) -> list[Part]:
    """What holds, part by part."""
    from wenv.launcher.limits import Bounds

    merged = Policy()
    for _, policy in sources:
        merged = merged.widened(policy)
    bounds = Bounds(merged.as_json())
    defaults = {"disk": bounds.disk, "files": bounds.files, "open_files": bounds.open_files, "children": bounds.children}
    parts = [
        Part("write", "yes" if merged.write else "no", _source(sources, lambda policy: policy.write)),
        *(Part("mount", str(mount), source) for source, policy in sources for mount in policy.mounts),
        *(Part("env", name, source) for source, policy in sources for name, _ in policy.environment),
        *(Part("net", host, source) for source, policy in sources for host in policy.net),
        *(Part("listen", host, source) for source, policy in sources for host in policy.listen),
        *(Part("secret", text, source) for source, policy in sources for text in policy.secrets),
    ]
    for name in LIMITS:
        value = getattr(merged, name)
        shown = defaults.get(name, "none") if value is None else value
        parts.append(Part(name, str(shown), _source(sources, lambda policy, name=name: getattr(policy, name) is not None)))
    return parts


def _source(sources: list[tuple[str, Policy]], says: Any) -> str:
    """The last that says something."""
    return next((source for source, policy in reversed(sources) if says(policy)), "default")
