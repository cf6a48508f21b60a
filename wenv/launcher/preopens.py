"""Host folders that a guest is given, and those that it must not write to."""

import os

from wenv.launcher.guest_paths import ancestors, guest_path, is_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from wenv.launcher.plan import Plan

#: A host folder, its path in the guest, and whether the guest may write to it.
Preopen = tuple[str, str, bool]


def shared_folders(here: str, folder: "str | None", policy: "Mapping[str, Any]") -> "list[Preopen]":
    """What the policy names, the working folder, and the program's own unless it lies in one of these."""
    shared: dict[str, Preopen] = {m["guest"]: (m["host"], m["guest"], m["writable"]) for m in policy["mounts"]}
    for host, writable in ((here, policy["write"]), (folder, False)):
        if host is None or host == os.path.dirname(host):
            continue  # a whole disk is shared only by name: --mount
        guest = guest_path(host)
        around = [mount for mount in shared.values() if is_inside(guest, mount[1])]
        same = any(_joined(mount, guest) == host and mount[2] >= writable for mount in around)
        if not same:
            shared[guest] = (host, guest, writable)
    return list(shared.values())


def with_editables(plan: "Plan", shared: "Sequence[Preopen]") -> "list[Preopen]":
    """What a run shares, with the folders of editable projects that lie in none of these.

    Raises FileNotFoundError for one that does not lead where it did, should a program that may write there have replaced it.
    """
    found = list(shared)
    for host, guest, _, _ in plan["editables"]:
        if os.path.realpath(host) != host or not os.path.isdir(host):
            raise FileNotFoundError(host)
        if not any(is_inside(guest, mount[1]) and _joined(mount, guest) == host for mount in found):
            found.append((host, guest, False))
    return found


def _joined(mount: "Preopen", guest: str) -> str:
    """The host path behind a guest path that lies in a mount."""
    rest = guest[len(mount[1]) :].strip("/")
    return os.path.join(mount[0], *rest.split("/")) if rest else mount[0]


def writes_into(preopens: "Sequence[Preopen]", own: "Sequence[str]") -> "tuple[str, str] | None":
    """The first folder that may be written to and holds or lies in one of wenv's own, with that one."""
    for host, _, writable in preopens:
        for folder in own if writable else ():
            # however they were written: through links, and in whatever case on systems that fold it
            one, other = (os.path.normcase(os.path.realpath(path)) for path in (host, folder))
            if one in ancestors(other) or other in ancestors(one):
                return host, folder
    return None
