"""Packages written in Rust, built from their source distributions for the sandbox."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Wenv
from tests.helpers.rust_toolchain import available_compiler
from wenv_resolver.building import rust, sboms

PACKAGES: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("rust.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def compiler(shared_cache: Path) -> Path:
    """The path of a rustc that has the target's standard library."""
    if rust.problem() is None:
        found = rust.compiler()
        assert found is not None
        return Path(found)
    made = available_compiler(shared_cache.parent / "rust-toolchain")
    if made is None:
        pytest.skip("neither Rust's target nor Debian's packages of it can be had")
    return made


@pytest.mark.long
@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_in_rust_is_built_and_works(builds: Wenv, compiler: Path, name: str) -> None:
    builds.environment["RUSTC"] = str(compiler)
    builds.environment["RUSTFLAGS"] = "-Ctarget-cpu=native"  # a user's for the host
    builds("create", *PACKAGES[name]["packages"], timeout=2400)
    code = ("-W", "ignore", "-c", PACKAGES[name]["code"])
    assert PACKAGES[name]["prints"] in builds("run", *code)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("RUSTC", raising=False)
    assert "Rust is not on this machine" in (rust.problem() or "")
    for name, text in {"cargo": "", "rustc": "echo /nowhere"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    assert "Debian's package libstd-rust-dev-wasm32 brings it" in (rust.problem() or "")
    (tmp_path / "rustup").symlink_to(tmp_path / "cargo")
    assert "`rustup target add wasm32-wasip1` brings it" in (rust.problem() or "")
    assert os.environ["PATH"] == str(tmp_path)


def test_a_rustup_without_a_toolchain_stops_no_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The variables are those of every build that compiles, also of packages in C."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("RUSTC", "RUSTUP_TOOLCHAIN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("cargo", "rustc", "rustup"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    made = rust.variables("3.14", tmp_path / "rust-ld", tmp_path / "site", 2, tmp_path / "staging")
    assert made["RUSTC"] == str(tmp_path / "rustc")
    assert "RUSTUP_TOOLCHAIN" not in made


def test_a_bill_of_materials_names_no_folder_of_the_build(tmp_path: Path) -> None:
    staging, wheel = tmp_path / "staging", tmp_path / "zz-1-py3-none-any.whl"
    said = {"serialNumber": "urn:uuid:5", "metadata": {"timestamp": "now"}, "component": f"path+file://{staging}/source"}
    files = {
        "zz.py": b"",
        "zz-1.dist-info/METADATA": b"Metadata-Version: 2.1\nName: zz\nVersion: 1\n",
        "zz-1.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: zz\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "zz-1.dist-info/sboms/zz.cyclonedx.json": json.dumps(said).encode(),
    }
    made = []
    for _ in range(2):
        folder = tmp_path / "files"
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        subprocess.run([sys.executable, "-m", "wheel", "pack", str(folder), "-d", str(tmp_path)], check=True)
        sboms.settle(wheel, staging)
        with zipfile.ZipFile(wheel) as archive:
            made.append(archive.read("zz-1.dist-info/sboms/zz.cyclonedx.json"))
        subprocess.run([sys.executable, "-m", "wheel", "unpack", str(wheel), "-d", str(tmp_path / "out")], check=True)
    assert made[0] == made[1]
    assert str(tmp_path).encode() not in made[0]
