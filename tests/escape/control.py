"""The same attempts outside of a sandbox, by this Python in a copy of the folders: each must succeed there.

python -m tests.escape.control FOLDER TCP UDP [STEP]       prints what the attempts print; of each STEP one

An attempt that cannot succeed where nothing holds it back says nothing about a sandbox.  Each is tried in a process of its own,
in folders as they were before the others.
"""

import json
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from tests.escape.place import prepare, state
from tests.escape.ways import program

#: Seconds for one attempt.
LIMIT = 20


def guest_folders(root: Path) -> None:
    """A copy of what the sandbox has in its own folders."""
    files = {
        "python/os.py": "x",
        "python/layers/zzvictim-1.0/site-packages/zzvictim/__init__.py": "x",
        "wenv/code/0.bin": "x",
        "wenv/code/index": "x",
        "wenv/private/none": "",
        "wenv/plots/none": "",
        "dev/null": "",
        "tmp/none": "",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def environment_folder(folder: Path) -> None:
    """What attempts look for of an environment."""
    (folder / "bin").mkdir(parents=True)
    (folder / "environment.json").write_text("{}")
    (folder / "bin" / "python").write_text("#!")


def outcome_of(one: Any, tried: Any) -> dict[str, str]:
    """Try one in a child, which is ended after a time."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.alarm(LIMIT)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        socket.setdefaulttimeout(2)
        row = tried(one)
        os.write(writer, json.dumps(row).encode())
        os._exit(0)
    os.close(writer)
    text = os.read(reader, 1 << 16)  # written at once, and less than a pipe holds
    os.close(reader)
    os.waitpid(child, 0)
    return json.loads(text) if text else {"name": one.name, "outcome": "unclear", "detail": "ended"}


def main(folder: Path, tcp: str, udp: str, step: str = "1") -> None:
    """Try all attempts that are meant for it; `folder` holds `door` and `race`."""
    live, pristine = folder / "live", folder / "pristine"
    work, outside = prepare(live, special=False)
    guest_folders(live / "root")
    environment_folder(work / ".wenv")
    for name in ("store", "data"):
        (live / name / "layers-v1").mkdir(parents=True)
        (live / name / "registered").mkdir()
    (work / "door").symlink_to(folder / "door")
    (work / "race").symlink_to(folder / "race")
    live.rename(pristine)
    folders = {
        "root": live / "root",
        "work": work,
        "fixed": work,
        "outside": outside,
        "store": live / "store",
        "data": live / "data",
    }
    given = {name: str(path) for name, path in folders.items()}
    given |= {"host": socket.gethostname(), "prefix": sys.prefix[::-1], "tcp": tcp, "udp": udp}
    attempts: dict[str, Any] = {"__name__": "attempts"}
    exec(compile(program(given, start=False), "attempts", "exec"), attempts)
    chosen = [one for one in attempts["ATTEMPTS"] if not one.inside][:: int(step)]
    fresh = None
    for one in chosen:
        if fresh is None or state(live) != fresh:
            shutil.rmtree(live, ignore_errors=True)
            shutil.copytree(pristine, live, symlinks=True)
            fresh = state(live)
        os.chdir(work)
        print(json.dumps(outcome_of(one, attempts["tried"])), flush=True)
    print(json.dumps({"tried": len(chosen)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
