"""Libraries in C and C++ that packages are linked with, built by recipes from Debian's copies of their sources."""

import hashlib
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Wenv
from tests.helpers import debian
from tests.helpers.source_builder import CARELESS, extension
from wenv_cache.store import Store
from wenv_resolver.building.libraries import HERE, SOURCES_VARIABLE, _table, add_licences, in_order, library, obtained, problem
from wenv_resolver.building.recipes import TABLE, recipe_of, recipes_of
from wenv_resolver.errors import BuildError
from wenv_resolver.requirements import IndexOptions

PACKAGES: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("linked.toml").read_text("utf-8"))
OFFLINE = IndexOptions(no_index=True)


@pytest.fixture
def archives(shared_cache: Path) -> Path:
    """The folder where Debian's source archives are gathered."""
    return shared_cache.parent / "library-sources"


def gather(archives: Path, name: str, packages: list[str]) -> None:
    """Have the sources of a package's libraries in the folder, whichever of Debian's suites has the version."""
    wanted = [set(each.sha256) for each in in_order(recipe_of(name, "99").libraries)]
    for suite in ("sid", "trixie", "bookworm"):
        found = {hashlib.sha256(path.read_bytes()).hexdigest() for path in archives.glob("*/sources/*")}
        if all(each & found for each in wanted):
            return
        for package in packages:
            try:
                (archives / suite).mkdir(parents=True, exist_ok=True)
                debian.sources(archives / suite, package, suite=suite)
            except (OSError, subprocess.CalledProcessError, StopIteration):
                continue  # the mirror lacks it, or another suite has it


@pytest.mark.long
@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_is_linked_with_libraries(builds: Wenv, archives: Path, tmp_path: Path, name: str) -> None:
    gather(archives, name, PACKAGES[name]["sources"])
    (tmp_path / "sources").mkdir()
    for path in archives.glob("*/sources/*.orig.tar.*"):
        (tmp_path / "sources" / f"{path.parents[1].name}-{path.name}").symlink_to(path)
    builds.environment[SOURCES_VARIABLE] = str(tmp_path / "sources")
    made = builds.result("create", "--runtime", "default", name, "--no-binary", name, timeout=3000)
    linked = in_order(recipe_of(name, "99").libraries)
    assert made.stderr.count(": its build code runs on this machine") >= 1
    assert PACKAGES[name]["prints"] in builds.python(PACKAGES[name]["code"])
    built = builds.json("build", "--no-binary", name, name, "-o", "out")  # and what it needs
    [wheel] = [each for each in built if Path(each["path"]).name.lower().startswith(f"{name}-")]
    with zipfile.ZipFile(builds.folder / wheel["path"]) as archive:
        licences = {part.split("/")[2] for part in archive.namelist() if ".dist-info/licenses/" in part}
    assert {each.name for each in linked} <= licences


def test_the_table_names_what_is_there() -> None:
    used = {
        name for entry in tomllib.loads(TABLE.read_text("utf-8"))["packages"].values() for name in entry.get("libraries", ())
    }
    known = {each.name for name in used for each in in_order([name])}
    assert known == _table().keys(), "each library is there for a package"
    for name in known:
        found = library(name)
        assert found.build in ("cmake", "configure")
        assert found.licences
        assert all(len(each) == 64 and int(each, 16) for each in found.sha256)
        assert all((HERE / "patches" / patch).is_file() for patch in found.patches)
    assert [each.name for each in in_order(["mpc", "gmp"])] == ["gmp", "mpfr", "mpc"]


def test_what_it_needs_is_part_of_a_library() -> None:
    assert recipe_of("gmpy2", "2.3").identity != recipe_of("gmpy2", "2.0").identity
    assert [bool(recipe.libraries) for recipe in recipes_of("pyyaml", "6.0.4")] == [True, False]
    assert [bool(recipe.libraries) for recipe in recipes_of("lxml", "6.1")] == [True]


def test_a_source_is_taken_by_its_digest_only(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BuildError, match="nothing is fetched with --no-index") as caught:
        obtained(store, library("libyaml"), OFFLINE)
    assert SOURCES_VARIABLE in (caught.value.hint or "")
    monkeypatch.setenv(SOURCES_VARIABLE, str(tmp_path))
    (tmp_path / "yaml-0.2.5.tar.gz").write_bytes(b"not what it says")
    with pytest.raises(BuildError, match="is not here"):
        obtained(store, library("libyaml"), OFFLINE)


def test_check_names_libraries_and_what_would_build_them(builds: Wenv, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extension("gmpy2", CARELESS, version="9.0").write(wheels)
    [found] = builds.json("check", "--runtime", "default", "--find-links", str(wheels), "gmpy2==9.0")
    assert found["kind"] == "build"
    assert "with gmp 6.3.0, mpfr 4.2.2, mpc 1.3.1" in found["evidence"]
    monkeypatch.setenv("PATH", str(wheels))
    assert "needs make, which is not here" in (problem(["mpc"]) or "")


def test_licences_come_into_a_wheel_and_its_record(tmp_path: Path) -> None:
    wheel = tmp_path / "zz-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("zz.py", "x = 1\n")
        archive.writestr("zz-1.0.dist-info/RECORD", "zz.py,,\nzz-1.0.dist-info/RECORD,,\n")
    (tmp_path / "built" / "licences" / "libzz").mkdir(parents=True)
    (tmp_path / "built" / "licences" / "libzz" / "COPYING").write_text("you may\n")
    add_licences(wheel, [tmp_path / "built"])
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("zz-1.0.dist-info/licenses/libzz/COPYING") == b"you may\n"
        record = archive.read("zz-1.0.dist-info/RECORD").decode()
    assert "zz-1.0.dist-info/licenses/libzz/COPYING,sha256=" in record
    assert record.startswith("zz.py,,\n")


@pytest.mark.long
def test_libraries_that_cannot_be_had(fresh: Wenv, headers: Path, wheels: Path) -> None:
    fresh.environment["WENV_PYTHON_HEADERS"] = str(headers)
    offline = ("create", "--runtime", "default", "--no-index", "--find-links", str(wheels))
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "-d", str(wheels), "setuptools>=77"], check=True)
    extension("lxml", CARELESS, version="9.0").write(wheels)
    said = fresh.result(*offline, "lxml", status=1).stderr
    assert "lxml 9.0 is linked with libxslt: the source of libxml2 2.15.4 is not here, and nothing is fetched" in said
    assert SOURCES_VARIABLE in said
    extension("pyyaml", CARELESS, version="9.0").write(wheels)
    assert "pyyaml 9.0 is built without libyaml, and reads and writes in Python" in fresh.result(*offline, "pyyaml").stderr
    assert fresh.python("from pyyaml import _native; print(_native.answer())") == "42\n"
    assert "Building" not in fresh.result(*offline, "pyyaml", "--clear").stderr, "it is kept"
