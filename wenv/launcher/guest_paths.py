r"""Paths of the host as the guest sees them, and where wenv keeps its own, as plain strings."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

#: Guest folders that belong to the sandbox; nothing of the host's may be mounted there.
STANDARD_LIBRARY, OWN, TEMPORARY, DEVICES = "/python", "/wenv", "/tmp", "/dev"
RESERVED = (STANDARD_LIBRARY, OWN, TEMPORARY, DEVICES)
#: Where the guest finds compiled code, and the small files that it exchanges with the host.
CODE, PRIVATE = "/wenv/code", "/wenv/private"
#: What stands for the guest's interpreter: an empty file, which programs that a program starts are named after.
INTERPRETER = "/bin/python3"
#: Where the guest sees host folders whose own path is one of the sandbox's.
ELSEWHERE = "/host"
#: The folder in a project that holds its environment, and the file in it that decides.
ENVIRONMENT_FOLDER, MANIFEST_NAME = ".wenv", "environment.json"
#: Beside an environment's folder: where a project may ask for what its sandboxes are allowed.
REQUEST_FILES = ("wenv.toml", "pyproject.toml")
#: Set by an activated shell: the environment that commands use when none is named.
ACTIVE_VARIABLE = "WENV_ENVIRONMENT"
#: Everything that says where the store and the data folder are.
PLACE_VARIABLES = ("WENV_CACHE_DIR", "WENV_DATA_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "HOME", "LOCALAPPDATA", "USERPROFILE")


def guest_path(host: str, flavour: "ModuleType" = os.path) -> str:
    r"""The guest's name for an absolute host path: the same on POSIX; ``C:\x`` becomes ``/c/x``.

    What would hide a folder of the sandbox's own (``/tmp``, anything in ``/dev``) is found under ``/host`` instead.
    `flavour` is posixpath or ntpath.
    """
    drive, path = flavour.splitdrive(host)
    parts = [drive.rstrip(":").lower(), path] if drive else [path]
    guest = "/" + "/".join(part.replace(flavour.sep, "/").strip("/") for part in parts).strip("/")
    return ELSEWHERE + guest if is_reserved(guest) else guest


def is_reserved(guest: str) -> bool:
    """Whether a guest path is the sandbox's own; folders in ``/tmp`` are free."""
    return guest in RESERVED or any(guest.startswith(own + "/") for own in RESERVED if own != TEMPORARY)


def is_inside(path: str, folder: str) -> bool:
    """Whether a guest path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def folder_key(folder: str) -> str:
    """A file name that stands for an environment's folder, whatever characters its path has."""
    return sha256(os.fsencode(folder))[:32]


def sha256(data: bytes) -> str:
    """The digest in hexadecimal: what hashlib would give, without loading OpenSSL for it."""
    try:
        from _sha2 import sha256 as made
    except ImportError:
        try:  # Python 3.11
            from _sha256 import sha256 as made
        except ImportError:
            from hashlib import sha256 as made
    digest: str = made(data).hexdigest()
    return digest


def place_variables() -> "list[str | None]":
    """What the variables say now that `PLACE_VARIABLES` names: the same places as when they were last the same."""
    return [os.environ.get(name) for name in PLACE_VARIABLES]


def ancestors(path: str) -> "list[str]":
    """The folder itself and those above it."""
    found = [path]
    while (parent := os.path.dirname(path)) != path:
        found.append(path := parent)
    return found
