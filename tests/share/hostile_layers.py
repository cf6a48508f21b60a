"""``.wenv`` files around layers that no wheel could have made."""

import io
import json
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import Wenv
from tests.share.test_hostile_files import assembled, valid
from wenv_cache import oci
from wenv_cache.layers import LayerWriter, publish
from wenv_cache.manifest import snapshot_digest
from wenv_cache.store import Store


def with_layer(wenv: Wenv, folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write a file with one package, ``zz 1.0``, that has these files; for the runtime of the environment of `wenv`."""
    store = Store(folder / "hostile-store")
    with store.writing() as writing, store.staging() as staging:
        writer = LayerWriter(store, staging)
        for name, data in files.items():
            writer.add(name, io.BytesIO(data))
        layer = writer.finish()
        publish(writing, [layer])
    blob = io.BytesIO()
    oci.write_layer(store, layer.manifest.digest, blob)
    configuration = valid(folder / "valid-store")["configuration"]
    configuration["runtime"] = json.loads((wenv.folder / ".wenv" / "environment.json").read_bytes())["runtime"]
    digest = layer.manifest.digest
    configuration["packages"] = [
        {
            "name": "zz",
            "version": "1.0",
            "digest": digest,
            "filename": "zz.whl",
            "wheel": "0" * 64,
            "native": False,
            "built": "",
        }
    ]
    configuration["snapshot"] = snapshot_digest([configuration["runtime"]["standard_library"], digest])
    path = folder / "hostile.wenv"
    path.write_bytes(assembled({"configuration": configuration, "layers": [(digest, layer.manifest.size, blob.getvalue())]}))
    return path
