"""Files of a wheel, changed and added after it was built; its RECORD says so."""

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

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
