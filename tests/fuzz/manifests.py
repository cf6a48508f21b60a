"""Fuzzes the readers of manifests and of the configurations of ``.wenv`` files."""

import json
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tests.fuzz.trees import check, json_text
from wenv.environment.manifest import Environment, PackageLayer, RuntimeRecord, load
from wenv.errors import DamagedEnvironmentError
from wenv.launcher.guest_paths import MANIFEST_NAME
from wenv.share.artifact import Configuration
from wenv_cache.manifest import snapshot_digest
from wenv_cache.oci import ArchiveError
from wenv_cache.reading import is_printable

DIGEST = re.compile("[0-9a-f]{64}")
NAME = re.compile("[0-9A-Za-z][0-9A-Za-z.+!_-]*")


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="wenv-fuzz-")


def read(data: bytes) -> None:
    """Read the bytes as both; raises AssertionError, or what a reader must not raise."""
    folder = Path(_folder().name)
    (folder / MANIFEST_NAME).write_bytes(data)
    try:
        environment = load(folder)
    except DamagedEnvironmentError as error:
        check(is_printable(str(error)), "an error that a terminal would obey")
    else:
        _check(environment)
        again = json.loads(json.dumps(environment.as_json()))
        (folder / MANIFEST_NAME).write_text(json.dumps(again))
        assert load(folder) == environment, "what was written of it is not what was read"
    try:
        configuration = Configuration.parse(data)
    except ArchiveError as error:
        check(is_printable(str(error)), "an error that a terminal would obey")
    else:
        _check(configuration.environment(folder))
        assert all(is_printable(text) for entry in configuration.history for text in entry.values())
        assert Configuration.parse(configuration.document()) == configuration


def _check(environment: Environment) -> None:
    """What everything that was accepted holds to."""
    assert environment.snapshot == snapshot_digest(environment.layers)
    assert all(DIGEST.fullmatch(digest) for digest in (*environment.layers, environment.lock))
    _check_runtime(environment.runtime)
    for package in environment.packages:
        _check_package(package)
    assert len({package.guest_base for package in environment.packages}) == len(environment.packages)
    shown = [environment.created, environment.changed, environment.baked.made, *environment.baked.modules]
    shown += [text for pair in environment.baked.left_out for text in pair]
    shown += [*environment.baked.absent, *(name for name, _ in environment.baked.variables)]
    shown += [line.text for line in (*environment.asked_for.requirements, *environment.asked_for.constraints)]
    assert all(is_printable(text) for text in shown)
    assert not any("\0" in (value or "") for _, value in environment.baked.variables)
    for name, value in environment.asked.environment:
        assert name, "a variable without a name"
        assert "=" not in name
        assert is_printable(name)
        assert "\0" not in (value or "")
    for mount in environment.asked.mounts:
        assert mount.host.is_absolute()
        assert ".." not in mount.guest.parts
        assert not mount.guest.is_relative_to("/python")
    _ = environment.asked.words, environment.requested_names, environment.natives, environment.title


def _check_runtime(runtime: RuntimeRecord) -> None:
    assert is_printable(runtime.name)
    assert is_printable(runtime.identity)
    assert runtime.kind in {"default", "scientific"}


def _check_package(package: PackageLayer) -> None:
    assert NAME.fullmatch(package.name)
    assert NAME.fullmatch(package.version)
    assert all(DIGEST.fullmatch(digest) for digest in (package.wheel, *([package.built] if package.built else [])))
    assert is_printable(package.filename)
    assert Path(package.filename).name == package.filename, "the file's name is a path"
    assert str(package.guest_base.parent) == "/python/layers"


def document(data: bytes) -> dict[str, Any]:
    """The input as something to mutate; raises ValueError."""
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def written(made: dict[str, Any]) -> bytes:
    """A mutated document, with the snapshot's digest made right where that can be done."""
    try:
        layers = [made["runtime"]["standard_library"], *(package["digest"] for package in made["packages"])]
        made["snapshot"] = snapshot_digest(layers)
    except (KeyError, TypeError, IndexError, AttributeError, UnicodeError):
        pass
    return json_text(made)


def seeds() -> dict[str, bytes]:
    """Valid documents, by the names of their files in the corpus."""
    packages = [
        {"name": name, "version": version, "digest": digit * 64, "filename": f"{name}-{version}.whl", "wheel": "2" * 64,
         "native": digit == "b", "built": "3" * 64 if digit == "b" else ""}
        for name, version, digit in (("zz-a", "1.0", "a"), ("zz-b", "2!1.0rc1+local", "b"))
    ]  # fmt: skip
    options = {
        "index_url": "https://example.org/simple", "extra_index_urls": [], "find_links": ["/wheels"], "trusted_hosts": ["h"],
        "no_index": False, "pre": True, "no_binary": ["zz-a"],
    }  # fmt: skip
    lines = [
        {"text": "zz-a>=1; python_version > '3'", "hashes": ["4" * 64]},
        {"text": "zz-b @ https://example.org/b.whl", "hashes": []},
    ]
    time = "2026-01-01T00:00:00+00:00"
    made = {
        "format": 1,
        "runtime": {"name": "CPython 3.14", "identity": "one", "standard_library": "1" * 64, "kind": "default"},
        "packages": packages,
        "requested": {"requirements": lines, "constraints": [], "options": options},
        "policy": {
            "write": False, "mounts": [{"host": "/data", "guest": "/data", "writable": False}],
            "environment": {"A": None, "B": "x"},
            "memory": 1 << 30, "time": 2.5, "output": None, "disk": 5, "files": None, "open_files": 9,
        },
    }  # fmt: skip
    baked = {
        "modules": ["zz_a.b"],
        "variables": {"HOME": None, "X": "y"},
        "left_out": {"q": "it\x1b"},
        "made": time,
        "absent": ["/x"],
    }
    manifest = {**made, "created": time, "changed": "", "lock": "5" * 64, "baked": baked}
    history = [{"action": action, "time": time, "by": "wenv 0.1"} for action in ("create", "change")]
    configuration = {**made, "lock": "lock-version = '1.0'\n", "history": history}
    return {"manifest": written(dict(manifest)), "configuration": written(dict(configuration))}
