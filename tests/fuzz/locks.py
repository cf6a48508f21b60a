"""Fuzzes the reader of lock files."""

import re
import tomllib
from typing import Any
from urllib.parse import urlsplit

import tomli_w

from tests.fuzz.trees import check
from wenv_cache.errors import UserError
from wenv_cache.reading import is_printable
from wenv_resolver.errors import UnusablePackagesError
from wenv_resolver.lock import LockedFile, lock_facts, lock_text, read_lock
from wenv_resolver.target import Target

DIGEST = re.compile("[0-9a-f]{64}")
MARKERS = {
    "implementation_name": "cpython", "implementation_version": "3.14.0", "os_name": "posix", "platform_machine": "wasm32",
    "platform_python_implementation": "CPython", "platform_release": "0.0.0", "platform_system": "wasi",
    "platform_version": "0.0.0",
    "python_full_version": "3.14.0", "python_version": "3.14", "sys_platform": "wasi",
}  # fmt: skip
TARGETS = (
    Target(MARKERS, "wasi_0_0_0_wasm32", "cp314"),
    Target(MARKERS, "wasi_0_0_0_wasm32", "cp314", extensions=False, contained={"zz-held": "1.0"}),
)
ORIGIN = "/project/pylock.toml"


def read(data: bytes) -> None:
    """Read the bytes for both targets; raises AssertionError, or what the reader must not raise."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    facts = lock_facts(text)
    assert facts.runtime is None or isinstance(facts.runtime, str)
    assert all(isinstance(line, str) for line in facts.requirements)
    for target in TARGETS:
        try:
            files, requested = read_lock(text, ORIGIN, target)
        except UnusablePackagesError as error:
            check(bool(error.packages), "no package is named")
        except UserError as error:
            check(bool(str(error)), "an error without words")
        else:
            assert all(is_printable(line) for line in requested)
            assert len({file.name for file in files}) == len(files)
            for file in files:
                _check(file)
            assert read_lock(lock_text(files, requested, target, "one"), ORIGIN, target)[1] == requested


def _check(file: LockedFile) -> None:
    """What every file that was accepted holds to."""
    assert re.fullmatch("[0-9a-z]+(-[0-9a-z]+)*", file.name), "a name that is not canonical"
    is_tree = file.is_folder or file.is_repository
    assert re.fullmatch("[0-9A-Za-z.+!_-]+", file.version) or (file.is_source and not file.version)
    assert is_printable(file.subdirectory)
    assert file.filename not in {"", ".", ".."}
    assert not {"/", "\\", "\0"} & set(file.filename)
    assert is_printable(file.filename)
    assert is_printable(file.url)
    assert urlsplit(file.url).scheme, "an address without a scheme"
    assert DIGEST.fullmatch(file.sha256) or (is_tree and not file.sha256), "a digest that is none"
    assert file.size is None or file.size >= 0
    assert is_printable(file.recipe), "a recipe with control characters"


def document(data: bytes) -> dict[str, Any]:
    """The input as something to mutate; raises ValueError."""
    return tomllib.loads(data.decode())


def written(made: dict[str, Any]) -> bytes:
    """A mutated document; empty if TOML cannot hold it."""
    try:
        return tomli_w.dumps(made).encode()
    except (TypeError, ValueError, RecursionError, AttributeError):
        return b""


def seeds() -> dict[str, bytes]:
    """Valid locks, by the names of their files in the corpus."""
    address = "https://example.org/zz_b-2.0-py3-none-any.whl"
    files = [
        LockedFile("zz-a", "1.0", "zz_a-1.0-py3-none-any.whl", "file:///wheels/zz_a-1.0-py3-none-any.whl", "1" * 64, 10),
        LockedFile("zz-b", "2.0", "zz_b-2.0-py3-none-any.whl", address, "2" * 64, None, ">=3.8"),
        LockedFile("zz-c", "3.0", "zz_c-3.0.tar.gz", "https://example.org/zz_c-3.0.tar.gz", "3" * 64, 7, recipe="one"),
    ]
    own = {"lock-version": "1.0", "created-by": "x", "requires-python": ">=3.8", "environments": ["sys_platform == 'wasi'"]}
    wheels = [
        {"name": f"zz_d-1-{tag}.whl", "path": f"wheels/zz_d-1-{tag}.whl", "hashes": {"sha256": "4" * 64}, "upload-time": "x"}
        for tag in ("cp314-cp314-wasi_0_0_0_wasm32", "cp314-cp314-win32")
    ]
    for wheel in wheels:
        del wheel["upload-time"]
    foreign = {
        **own,
        "extras": ["e"],
        "dependency-groups": ["g"],
        "packages": [
            {"name": "zz-d", "version": "1", "marker": "os_name == 'posix' and 'e' in extras", "wheels": wheels},
            {"name": "zz-e", "archive": {"url": "https://example.org/zz_e-1-py3-none-any.whl", "hashes": {"sha256": "5" * 64}}},
            {"name": "zz-f", "vcs": {"type": "git", "url": "https://example.org/f", "commit-id": "6" * 40}},
            {"name": "zz-g", "directory": {"path": "g", "editable": True}},
        ],
    }
    plain = lock_text(files, ["zz-a", "zz-b"], TARGETS[0], "CPython 3.14")
    return {
        "plain.toml": plain.encode(),
        "contained.toml": lock_text(files[:1], ["zz-a"], TARGETS[1], "scientific").encode(),
        "foreign.toml": written(foreign),
        "marker.toml": written({**foreign, "packages": foreign["packages"][:1]}),
        "archive.toml": written({**foreign, "packages": foreign["packages"][1:2]}),
    }
