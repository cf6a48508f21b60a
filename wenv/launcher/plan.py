"""Launch plans: everything about an environment that a run needs, decided beforehand, in one small file.

A plan lies in the registry beside what is known of the environment's folder, never in the project: it names native code that
is run on this host.  It fits as long as nothing it was made from has changed; one that does not is ignored and written anew.
"""

import marshal
import os

from wenv.launcher.guest_paths import MANIFEST_NAME, REQUEST_FILES, folder_key, is_inside, place_variables, sha256
from wenv.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypedDict

    from wenv.guest.request import Request
    from wenv.launcher.preopens import Preopen

    class Baked(TypedDict):
        """What has imported modules in its memory, and when it can be used: `least` is how many bytes of memory it takes,
        `variables` are those that they looked at, `absent` guest paths at which they found nothing."""

        component: str
        memory: str
        least: int
        variables: dict[str, str | None]
        absent: list[str]

    class Plan(TypedDict):
        """See the module.  All paths are the host's, as strings."""

        format: int
        wenv: str
        folder: str
        manifest: list[int]
        requests: list[list[int]]
        """Of `REQUEST_FILES`, beside the folder, what changes when they do."""
        places: list[str | None]
        library: str
        library_stamp: list[int]
        component: str
        """Native code: of a component; or of a module, and then `memory` is the image that its memory starts from."""
        memory: str
        baked: Baked | None
        preopens: list[Preopen]
        editables: list[tuple[str, str, list[str], str]]
        """Projects that are imported from their own folders, which are shared: see wenv/environment/editables.py."""
        scripts: dict[str, str]
        stubs: list[str]
        variables: dict[str, str]
        read_only_variables: dict[str, str]
        policy: dict[str, Any]
        own: list[str]
        """wenv's own folders, which no program may write to."""


FORMAT = 9
GUEST = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "guest")
#: Of the files below it, those that go into a component.
GUEST_FILES = (".py", ".so", ".wit")


def plan_file(registry: str, folder: str) -> str:
    """Where the plan for an environment's folder lies."""
    return os.path.join(registry, folder_key(folder) + ".plan")


def read(registry: str, folder: str) -> "Plan | None":
    """The plan for an environment's folder, if there is one that fits."""
    try:
        with open(plan_file(registry, folder), "rb") as file:
            digest, data = file.read(64), file.read()
        if digest != sha256(data).encode():  # damaged: it would be read as something else
            return None
        plan: Plan = marshal.loads(data)
        fits = (
            plan["format"] == FORMAT
            and plan["folder"] == folder
            and plan["manifest"] == manifest_stamp(folder)
            and plan["requests"] == request_stamps(folder)
            and plan["places"] == place_variables()
            and plan["wenv"] == identity()
            and plan["library_stamp"] == file_stamp(plan["library"])
        )
    except (OSError, ValueError, EOFError, TypeError, KeyError):
        return None
    return plan if fits else None


def mark_used(registry: str, folder: str) -> None:
    """Leave word of a run, for `wenv.environment.manifest.last_used`."""
    try:
        os.utime(plan_file(registry, folder))
    except OSError:  # there is none, or it may not be written to
        pass


def executable(plan: "Plan", request: "Request", shared: "Sequence[Preopen]", limit: "int | None") -> "tuple[str, str]":
    """Native code and memory image: the baked ones, unless something is not as their modules saw it, or `limit` (bytes of
    memory) too low."""
    baked, environment = plan["baked"], request["environment"]
    if baked is None or any(environment.get(name) != value for name, value in baked["variables"].items()):
        return plan["component"], plan["memory"]
    if limit is not None and limit < baked["least"]:
        return plan["component"], plan["memory"]
    if any(_is_there(path, request["directory"], shared) for path in baked["absent"]):
        return plan["component"], plan["memory"]
    return baked["component"], baked["memory"]


def _is_there(path: str, directory: str, shared: "Sequence[Preopen]") -> bool:
    """Whether a guest path leads to something in a run that shares folders with the host."""
    path = path if path.startswith("/") else f"{directory}/{path}"
    for host, guest, _ in shared:
        if is_inside(guest, path):
            return True
        if is_inside(path, guest) and os.path.lexists(os.path.join(host, *path[len(guest) :].strip("/").split("/"))):
            return True
    return False


def text_of(plan: "Plan") -> bytes:
    """The content of a plan's file: a sha256, and what it is of, in a format that every version of Python reads."""
    data = marshal.dumps(plan, 2)  # type: ignore[arg-type]
    return sha256(data).encode() + data


def manifest_stamp(folder: str) -> list[int]:
    """What changes when an environment's manifest is written."""
    return file_stamp(os.path.join(folder, MANIFEST_NAME))


def request_stamps(folder: str) -> list[list[int]]:
    """What changes when a project asks for something else; nothing for a file that is not there."""
    found: list[list[int]] = []
    for name in REQUEST_FILES:
        try:
            found.append(file_stamp(os.path.join(os.path.dirname(folder), name)))
        except OSError:
            found.append([])
    return found


def file_stamp(path: str) -> list[int]:
    """What changes when a file is replaced; nothing for no file."""
    if not path:
        return []
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def identity() -> str:
    """What changes when wenv does: its version, and in a checkout the guest's files, which go into every component."""
    stamps = [(path[len(GUEST) :], os.stat(path)) for path in guest_files()]
    return f"{__version__} {[(name, status.st_size, status.st_mtime_ns) for name, status in stamps]}"


def guest_files() -> "list[str]":
    """The files that go into every component, sorted, as host paths."""
    found, waiting = [], [GUEST]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    if entry.name not in ("__pycache__", "native"):
                        waiting.append(entry.path)
                elif entry.name.endswith(GUEST_FILES):
                    found.append(entry.path)
    return sorted(found)
