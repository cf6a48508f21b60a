"""Bills of materials in wheels (PEP 770), which maturin writes: without the folder, the time and the number of one build."""

import base64
import hashlib
import json
import re
import zipfile
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

_SBOM = re.compile(r"[^/]+\.dist-info/sboms/.+\.json")


def settle(wheel: Path, staging: Path) -> None:
    """Rewrite a wheel whose bills of materials name the folder that it was built in, if it is one."""
    with zipfile.ZipFile(wheel) as archive:
        changed = {name: _settled(archive.read(name), staging) for name in archive.namelist() if _SBOM.fullmatch(name)}
        if not changed:
            return
        made = wheel.with_suffix(".settled")
        with zipfile.ZipFile(made, "w") as output:
            for entry in archive.infolist():
                data = changed.get(entry.filename) or archive.read(entry)
                if entry.filename.endswith(".dist-info/RECORD"):
                    data = _recorded(data, changed)
                output.writestr(entry, data, compress_type=entry.compress_type)
    made.replace(wheel)


def _settled(data: bytes, staging: Path) -> bytes:
    try:
        found = json.loads(data.replace(str(staging).encode(), b"/build"))
    except ValueError:
        return data
    if isinstance(found, dict):
        if isinstance(found.get("metadata"), dict):
            found["metadata"].pop("timestamp", None)
        if "serialNumber" in found:
            del found["serialNumber"]
            found["serialNumber"] = f"urn:uuid:{uuid5(NAMESPACE_URL, json.dumps(found, sort_keys=True))}"
    return json.dumps(found, indent=1).encode()


def _recorded(record: bytes, changed: dict[str, bytes]) -> bytes:
    """RECORD, with digests and sizes of what was changed."""
    lines = []
    for line in record.decode().splitlines():
        written = line.rsplit(",", 2)[0]
        data = changed.get(written.strip('"'))
        if data is None:
            lines.append(line)
        else:
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append(f"{written},sha256={digest},{len(data)}")
    return ("\n".join(lines) + "\n").encode()
