"""Bills of materials in wheels (PEP 770), which maturin writes: without the folder, the time and the number of one build."""

import json
import re
import zipfile
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from wenv_resolver.building.wheel_files import rewrite

_SBOM = re.compile(r"[^/]+\.dist-info/sboms/.+\.json")


def settle(wheel: Path, staging: Path) -> None:
    """Rewrite a wheel whose bills of materials name the folder that it was built in, if it is one."""
    with zipfile.ZipFile(wheel) as archive:
        changed = {name: _settled(archive.read(name), staging) for name in archive.namelist() if _SBOM.fullmatch(name)}
        if not changed:
            return
    rewrite(wheel, changed)


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
