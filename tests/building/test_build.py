"""Packages built from source on the host, and used in the sandbox."""

import hashlib
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.source_builder import CARELESS, SETUPTOOLS, Source, extension
from tests.helpers.wheel_builder import Wheel
from wenv_cache.store import Store
from wenv_resolver.building.headers import find_headers
from wenv_resolver.building.recipes import header_providers, recipe_of
from wenv_resolver.building.sources import look_into, unpack
from wenv_resolver.errors import BuildError, HashMismatchError, HostileSourceError
from wenv_resolver.progress import Silent
from wenv_resolver.target import Target


def offline(folder: Path) -> tuple[str, ...]:
    return ("--find-links", str(folder))


@pytest.mark.long
def test_a_careless_extension_works_and_its_wheel_needs_no_compiler_elsewhere(builds: Wenv, wheels: Path) -> None:
    extension("zzcareless", CARELESS).write(wheels)
    made = builds.result("create", *offline(wheels), "zzcareless")
    assert "Building zzcareless 1.0 from its source: its build code runs on this machine" in made.stderr
    use = "from zzcareless import _native as n; print(n.answer(), n.double(4), n.Thing().size, n.__file__)"
    printed = builds.python(use)
    assert printed.startswith("42 8 7 /python/layers/zzcareless-1.0/site-packages/zzcareless/_native")
    [package] = builds.json("info")["packages"]
    assert package["kind"] == "built here"
    source = wheels / "zzcareless-1.0.tar.gz"
    origin = package["origin"]
    assert (origin["file"], origin["built"], origin["languages"]) == (source.name, True, ["C"])
    assert origin["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert origin["url"].endswith(source.name)
    assert origin["compiler"].startswith("ziglang ")
    assert f"Built        zzcareless 1.0 from {source.name} by ziglang " in builds("info")
    assert package["layer"]
    lock = (builds.folder / ".wenv" / "pylock.toml").read_text("utf-8")
    assert hashlib.sha256(source.read_bytes()).hexdigest() in lock
    assert "Building" not in builds.result("create", "--clear", *offline(wheels), "zzcareless").stderr, "it is kept"

    [wheel] = builds.json("build", *offline(wheels), "zzcareless", "-o", "out")
    assert wheel["native"]
    assert Path(wheel["path"]).name == "zzcareless-1.0-cp314-cp314-wasi_0_0_0_wasm32.whl"
    elsewhere = builds.folder / "out"
    builds("lock", "--no-index", "--no-build", *offline(elsewhere), "zzcareless", "-o", "pylock.toml")
    assert wheel["sha256"] in (builds.folder / "pylock.toml").read_text("utf-8")
    builds.environment["WENV_PYTHON_HEADERS"] = str(builds.folder)  # nothing could be built with these
    builds("create", "--clear", "--no-build", "-r", "pylock.toml")
    assert builds.python(use).startswith("42 8 7")
    [package] = builds.json("info")["packages"]
    assert package["kind"] == "wasm wheel"
    assert "running build_ext" in builds("build", "--log", "zzcareless")


@pytest.mark.long
def test_the_same_native_layers_are_linked_once(builds: Wenv, wheels: Path) -> None:
    extension("zzshared", CARELESS).write(wheels)
    builds("create", *offline(wheels), "zzshared")
    components = set((Path(builds.environment["WENV_CACHE_DIR"]) / "derived-v1" / "components").iterdir())
    builds("create", "--path", "other", *offline(wheels), "zzshared", "iniconfig")
    now = set((Path(builds.environment["WENV_CACHE_DIR"]) / "derived-v1" / "components").iterdir())
    assert "42" in builds.python("from zzshared._native import answer; print(answer())", options=("--path", "other"))
    assert len(now - components) <= 1  # another test's, at most: pure layers do not matter


def test_nothing_is_built_where_it_is_not_allowed(builds: Wenv, wheels: Path) -> None:
    extension("zzrefused", CARELESS).write(wheels)
    error = builds.result("create", *offline(wheels), "--no-build", "zzrefused", status=1).stderr
    assert "building is not allowed" in error
    error = builds.result("create", *offline(wheels), "--build-only", "another", "zzrefused", status=1).stderr
    assert "building is not allowed" in error
    builds("lock", *offline(wheels), "zzrefused", "-o", "pylock.toml")
    error = builds.result("create", "--no-build", "-r", "pylock.toml", status=1).stderr
    assert "zzrefused 1.0 has to be built from its source, which is not allowed" in error
    assert not (builds.folder / ".wenv").exists()
    assert not list(Path(builds.environment["WENV_CACHE_DIR"]).glob("logs-v1/zzrefused*"))


def test_a_build_that_fails_is_explained_in_a_few_lines(builds: Wenv, wheels: Path) -> None:
    builds.environment.pop("PYTHONDONTWRITEBYTECODE", None)
    extension("zzbroken", CARELESS.replace("return PyLong_FromLong(42);", "return no_such_thing;")).write(wheels)
    builds("create", "iniconfig")
    before = (builds.folder / ".wenv" / "environment.json").read_bytes()
    error = builds.result("install", *offline(wheels), "zzbroken", status=1).stderr
    assert "zzbroken 1.0 cannot be built from its source" in error
    assert "no_such_thing" in error
    assert len(error.splitlines()) < 20
    log = next(Path(builds.environment["WENV_CACHE_DIR"]).glob("logs-v1/zzbroken/1.0.log"))
    assert str(log) in error
    assert "no_such_thing" in builds("build", "--log", "zzbroken")
    assert (builds.folder / ".wenv" / "environment.json").read_bytes() == before
    toolchains = Path(builds.environment["WENV_CACHE_DIR"]) / "derived-v1" / "toolchains"
    assert list(toolchains.glob("*/site/*.py"))
    assert not list(toolchains.rglob("__pycache__")), "a build writes nothing beside what the store holds"


@pytest.mark.long
def test_a_module_that_cannot_be_imported_is_not_accepted(builds: Wenv, wheels: Path) -> None:
    zzcrashing = CARELESS.replace("PyObject *m = PyModule_Create(&module);", "__builtin_trap(); PyObject *m = NULL;")
    extension("zzcrashing", zzcrashing).write(wheels)
    error = builds.result("create", *offline(wheels), "zzcrashing", status=1).stderr
    assert "import zzcrashing._native: it ended the sandbox" in error
    assert not (builds.folder / ".wenv").exists()
    zzunlinkable = CARELESS.replace("return PyLong_FromLong(42);", "extern PyObject *nowhere(void); return nowhere();")
    extension("zzunlinkable", zzunlinkable).write(wheels)
    error = builds.result("create", *offline(wheels), "zzunlinkable", status=1).stderr
    assert "unlinkable-1.0 needs nowhere" in error.replace("zz", "")
    assert not (builds.folder / ".wenv").exists()


def test_an_optional_extension_may_fail(builds: Wenv, wheels: Path) -> None:
    source = extension("zzfalling", "#error this compiler will not do\n", optional=True)
    replace(source, files={**source.files, "zzfalling/__init__.py": "value = 3\n"}).write(wheels)
    made = builds.result("create", *offline(wheels), "zzfalling")
    assert "was built without its extension modules" in made.stderr
    assert builds.python("import zzfalling; print(zzfalling.value)") == "3\n"


def test_pure_packages_without_a_wheel_need_no_compiler(wenv: Wenv, wheels: Path) -> None:
    setup = "from setuptools import setup\nsetup(name='zzplain', version='1.0', py_modules=['zzplain'])\n"
    Source("zzplain", {"pyproject.toml": SETUPTOOLS, "setup.py": setup, "zzplain.py": "value = 5\n"}).write(wheels)
    wenv.environment["WENV_PYTHON_HEADERS"] = str(wenv.folder)
    wenv("create", *offline(wheels), "zzplain")
    assert wenv.python("import zzplain; print(zzplain.value)") == "5\n"
    [package] = wenv.json("info")["packages"]
    assert package["kind"] == "pure, built here"
    origin = package["origin"]
    assert (origin["file"], origin["built"], origin["compiler"]) == ("zzplain-1.0.tar.gz", True, "")
    assert "Built        zzplain 1.0 from zzplain-1.0.tar.gz\n" in wenv("info")


MESON = {
    "pyproject.toml": '[build-system]\nrequires = ["meson-python"]\nbuild-backend = "mesonpy"\n'
    '[project]\nname = "by_meson"\nversion = "1.0"\nrequires-python = ">=3.14"\n',
    "meson.build": "project('by_meson', 'c')\npy = import('python').find_installation(pure: false)\n"
    "py.install_sources('by_meson/__init__.py', subdir: 'by_meson')\n"
    "py.extension_module('_native', 'native.c', install: true, subdir: 'by_meson')\n",
    "by_meson/__init__.py": "",
    "native.c": CARELESS,
}
SCIKIT = {
    "pyproject.toml": '[build-system]\nrequires = ["scikit-build-core"]\nbuild-backend = "scikit_build_core.build"\n'
    '[project]\nname = "by_cmake"\nversion = "1.0"\n',
    "CMakeLists.txt": "cmake_minimum_required(VERSION 3.15...3.30)\nproject(by_cmake LANGUAGES C)\n"
    "find_package(Python COMPONENTS Interpreter Development.Module REQUIRED)\n"
    "python_add_library(_native MODULE native.c WITH_SOABI)\ninstall(TARGETS _native DESTINATION by_cmake)\n",
    "src/by_cmake/__init__.py": "",
    "native.c": CARELESS,
}
CYTHON = {
    "pyproject.toml": SETUPTOOLS.replace('"setuptools>=77"', '"setuptools>=77", "cython>=3"'),
    "setup.py": "from setuptools import Extension, setup\nsetup(name='by_cython', version='1.0', packages=['by_cython'], "
    "ext_modules=[Extension('by_cython._native', ['by_cython/_native.pyx'], language='c++')])\n",
    "by_cython/__init__.py": "",
    "by_cython/_native.pyx": "# distutils: language = c++\nfrom libcpp.vector cimport vector\n"
    "def answer():\n    cdef vector[int] v\n    v.push_back(40)\n    v.push_back(2)\n    return v[0] + v[1]\n",
}


LOCKS = """
#include <Python.h>
#include <mutex>
#include <string>
static std::mutex first;
static std::recursive_mutex second;
static std::once_flag once;
static std::string digits;
static PyObject *answer(PyObject *, PyObject *) {
    std::lock_guard<std::mutex> one(first);
    std::unique_lock<std::recursive_mutex> two(second);
    std::call_once(once, [] { digits = "42"; });
    return PyLong_FromLong(std::stol(digits));
}
static PyMethodDef functions[] = {{"answer", answer, METH_NOARGS, nullptr}, {nullptr}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", nullptr, -1, functions};
PyMODINIT_FUNC PyInit__native() { return PyModule_Create(&module); }
"""
CXX = {
    "pyproject.toml": SETUPTOOLS,
    "setup.py": "from setuptools import Extension, setup\nsetup(name='by_cxx', version='1.0', packages=['by_cxx'], "
    "ext_modules=[Extension('by_cxx._native', ['native.cpp'], extra_compile_args=['-std=c++17'])])\n",
    "by_cxx/__init__.py": "",
    "native.cpp": LOCKS,
}
BACKENDS = {"by_meson": MESON, "by_cmake": SCIKIT, "by_cython": CYTHON, "by_cxx": CXX}


@pytest.mark.long
@pytest.mark.parametrize(("name", "files"), BACKENDS.items())
def test_build_backends(builds: Wenv, wheels: Path, name: str, files: dict[str, str]) -> None:
    Source(name, files).write(wheels)
    builds("create", *offline(wheels), name)
    assert builds.python(f"from {name}._native import answer; print(answer())") == "42\n"


@pytest.mark.long
def test_an_extension_comes_before_a_source_and_a_folder_of_its_name(builds: Wenv, wheels: Path) -> None:
    source = extension("zztwofold", CARELESS)
    setup = source.files["setup.py"].replace("ext_modules=[", "ext_modules=[Extension('zzbeside', ['beside.c']), ")
    setup = setup.replace("packages=['zztwofold']", "packages=['zztwofold', 'zzbeside']")
    beside = CARELESS.replace("PyInit__native", "PyInit_zzbeside")
    more = {"setup.py": setup, "beside.c": beside, "zzbeside/notes.py": "", "zztwofold/_native.py": "answer = None\n"}
    replace(source, files={**source.files, **more}).write(wheels)
    builds("create", *offline(wheels), "zztwofold")
    code = "import zzbeside; from zztwofold._native import answer; print(answer(), zzbeside.answer())"
    assert builds.python(code) == "42 42\n"
    listed = "import pkgutil, zztwofold; print([m.name for m in pkgutil.iter_modules(zztwofold.__path__)])"
    assert builds.python(listed) == "['_native']\n"


def test_a_later_series_that_can_be_built_is_named(builds: Wenv, wheels: Path) -> None:
    """A wheel is preferred to what must be built, however old it is; nobody is to think that it is the newest."""
    for version in ("0.1", "2.1"):
        extension("zzseries", CARELESS, version=version).write(wheels)
    Wheel("zzseries", version="0.1").write(wheels)
    dry = ("create", "--dry-run", *offline(wheels), "--no-index")
    words = "zzseries 0.1 is the newest with a wheel that runs here; 2.1 can be built: ask for 'zzseries>=2.1'"
    assert words in builds.result(*dry, "zzseries").stderr
    for options in (("zzseries<2",), ("zzseries", "--no-build"), ("zzseries", "--runtime", "scientific")):
        assert "can be built" not in builds.result(*dry, *options).stderr
    assert "2.1" in builds(*dry, "zzseries>=2.1")
    Wheel("zzseries", version="2.0").write(wheels)
    assert "can be built" not in builds.result(*dry, "zzseries").stderr


def test_check_says_how_without_making_anything(builds: Wenv, wheels: Path) -> None:
    extension("zzchecked", CARELESS).write(wheels)
    rust = '[build-system]\nrequires = ["maturin"]\nbuild-backend = "maturin"\n'
    Source("zzrusty", {"pyproject.toml": rust, "src/lib.rs": ""}).write(wheels)
    found = {item["name"]: item for item in builds.json("check", *offline(wheels), "zzchecked", "iniconfig")}
    assert (found["zzchecked"]["kind"], found["zzchecked"]["how"]) == ("build", "would be built (C)")
    assert found["iniconfig"]["kind"] == "pure"
    found = json.loads(builds("check", *offline(wheels), "zzrusty", "--json", status=None))
    if not found[0]["works"]:  # cargo and its target for WebAssembly are not here
        assert found[0]["kind"] == "none"
        assert "Rust" in found[0]["evidence"]
    builds("check", *offline(wheels), "--no-build", "zzchecked", status=1)
    assert not (builds.folder / ".wenv").exists()
    found = {item["name"]: item for item in builds.json("check", "--deep", *offline(wheels), "zzchecked", "iniconfig")}
    assert found["zzchecked"]["imported"] == ["zzchecked"]
    assert not found["zzchecked"]["failures"]
    assert not (builds.folder / ".wenv").exists()


def test_headers_come_out_of_cpythons_source_archive(
    store: Store, target: Target, headers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = ".".join(map(str, target.python_version))
    archive = tmp_path / "source.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(headers, f"Python-{full}/Include")
        tar.add(headers / "Python.h", f"Python-{full}/Elsewhere/other.h")
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.delenv("WENV_PYTHON_HEADERS", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))  # no host Python of that version either
    elsewhere = replace(target, markers={**target.markers, "python_version": "3.14"})
    found = find_headers(store, elsewhere, Silent(), {full: (archive.as_uri(), sha256)})
    assert (found / "Python.h").read_bytes() == (headers / "Python.h").read_bytes()
    assert not list(found.parent.glob("Elsewhere"))
    with pytest.raises(HashMismatchError):
        find_headers(store, elsewhere, Silent(), {full: (archive.as_uri(), "0" * 64)})
    with pytest.raises(BuildError, match=r"headers of Python"):
        find_headers(store, elsewhere, Silent(), {full: ((tmp_path / "gone").as_uri(), "1" * 64)})
    monkeypatch.setenv("WENV_PYTHON_HEADERS", str(tmp_path))
    with pytest.raises(BuildError, match="no headers of Python"):
        find_headers(store, elsewhere, Silent())


def test_archives_that_are_no_source_distributions(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged-1.0.tar.gz"
    damaged.write_bytes(b"\x1f\x8b\x08nonsense")
    with pytest.raises(HostileSourceError):
        look_into(damaged)
    path = Source("truncated", {"a.py": "x" * 5000}).write(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(HostileSourceError):
        look_into(path)
    climbing = tmp_path / "climbing-1.0.tar.gz"
    with tarfile.open(climbing, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../outside"))
    with pytest.raises(HostileSourceError):
        unpack(climbing, tmp_path / "unpacked")
    assert not (tmp_path / "outside").exists()
    with tarfile.open(tmp_path / "two-1.0.tar.gz", "w:gz") as tar:
        for name in ("one/a", "two/b"):
            tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(HostileSourceError, match="one folder"):
        unpack(tmp_path / "two-1.0.tar.gz", tmp_path / "two")


def test_the_table_of_recipes_names_files_that_are_there() -> None:
    recipe = recipe_of("numpy", "2.5.5")
    assert recipe.identity.startswith("numpy-")
    assert all(path.is_file() for path in recipe.patches)
    assert recipe_of("numpy", "1.26.4").identity == ""
    assert recipe_of("markupsafe", "3.0.3").identity == ""
    assert header_providers() == {"numpy"}


def test_a_wheel_whose_modules_are_no_modules_is_refused(wenv: Wenv, wheels: Path) -> None:
    path = Wheel(
        "zzgarbage",
        tag="cp314-cp314-wasi_0_0_0_wasm32",
        files={"zzgarbage/_native.cpython-314-wasm32-wasi.so": b"\0asm\1\0\0\0" + b"\xff" * 64},
    ).write(wheels)
    error = wenv.result("create", str(path), status=1).stderr
    assert "the extension modules of zzgarbage-1.0 cannot be linked" in error
    assert not (wenv.folder / ".wenv").exists()


@pytest.mark.long
def test_wheels_and_sources_by_path(builds: Wenv, wheels: Path) -> None:
    source = extension("zzgiven", CARELESS).write(wheels)
    builds("create", str(source))
    assert builds.python("from zzgiven._native import answer; print(answer())") == "42\n"
    [wheel] = builds.json("build", str(source), "-o", "out")
    builds("create", "--clear", wheel["path"])
    assert builds.json("info")["packages"][0]["kind"] == "wasm wheel"
    assert builds.json("info")["packages"][0]["linked"] == ["zzgiven._native"]
    damaged = wheels / "zzdamaged-1.0.tar.gz"
    damaged.write_bytes(source.read_bytes()[:300])
    assert "zzdamaged" in builds.result("install", str(damaged), status=1).stderr
