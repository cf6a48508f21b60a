"""Wheels after they were built: looked through, given the target's tags, files changed and added, which RECORD says."""

import base64
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from packaging.utils import parse_wheel_filename

from wenv_resolver.errors import BuildError, FailedBuildError
from wenv_resolver.lock import LockedFile, tags
from wenv_resolver.target import Target

#: The time of what is added: the earliest that an archive can say.
EARLIEST = (1980, 1, 1, 0, 0, 0)


def rewrite(wheel: Path, changed: Mapping[str, bytes]) -> None:
    """Give files of a wheel, by their names in it, other contents; those that are not there are added."""
    made = wheel.with_suffix(".rewritten")
    with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as output:
        entries = archive.infolist()
        record = next(entry for entry in entries if entry.filename.endswith(".dist-info/RECORD"))
        for entry in entries:
            if entry is not record:
                output.writestr(entry, changed.get(entry.filename) or archive.read(entry), compress_type=entry.compress_type)
        for name in sorted(changed.keys() - {entry.filename for entry in entries}):
            output.writestr(zipfile.ZipInfo(name, EARLIEST), changed[name], zipfile.ZIP_DEFLATED)
        output.writestr(record, _recorded(archive.read(record).decode(), changed), compress_type=record.compress_type)
    made.replace(wheel)


def _recorded(record: str, changed: Mapping[str, bytes]) -> str:
    """RECORD, with digests and sizes of what was changed and added."""
    lines, waiting = [], dict(changed)
    for line in record.splitlines():
        written = line.rsplit(",", 2)[0]
        data = waiting.pop(written.strip('"'), None)
        lines.append(line if data is None else _line(written, data))
    return "\n".join([*lines, *(_line(name, waiting[name]) for name in sorted(waiting))]) + "\n"


def _line(name: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}"


def check_modules(wheel: Path, file: LockedFile, log: Path) -> bool:
    """Whether the wheel has extension modules.  Raises FailedBuildError if they are not the target's."""
    native = False
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith((".so", ".pyd", ".dylib")):
                with archive.open(name) as module:
                    if module.read(4) != b"\0asm":
                        words = f"{name} was made for this machine: the package's build ignores the compiler that it is given"
                        raise FailedBuildError(file.name, file.version, "checking the wheel", words, str(log))
                native = True
    return native


def retagged(wheel: Path, native: bool, target: Target) -> Path:
    """The wheel with tags that the target accepts: some build backends write down the host's Python.  Raises BuildError."""
    _, _, _, given = parse_wheel_filename(wheel.name)
    accepted = tags(target)
    if not given.isdisjoint(accepted) and not (native and all(tag.platform == "any" for tag in given)):
        return wheel
    python = target.abi
    abi = "abi3" if native and all(tag.abi == "abi3" for tag in given) else target.abi
    command = [sys.executable, "-P", "-m", "wheel", "tags", "--remove", "--python-tag", python, "--abi-tag", abi]
    command += ["--platform-tag", target.platform, str(wheel)]
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    if said.returncode:
        raise BuildError(f"{wheel.name} cannot be given the target's tags: {said.stderr.strip()}")
    return wheel.with_name(said.stdout.strip().splitlines()[-1])
