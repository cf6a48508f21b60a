"""Resolution for the target, against wheels made here and offered as a folder."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.wheel_builder import Wheel, sha256
from wenv_cache.store import Store
from wenv_resolver.building.rules import BuildRules
from wenv_resolver.errors import (
    ConflictError,
    HashMismatchError,
    LockError,
    RequirementsError,
    ResolverError,
    UnusablePackagesError,
)
from wenv_resolver.fetch import fetch
from wenv_resolver.lock import LockedFile, lock_text, read_lock
from wenv_resolver.progress import Silent
from wenv_resolver.requirements import IndexOptions, Line, Requested
from wenv_resolver.resolve import decide, resolve
from wenv_resolver.target import Target


def offered(folder: Path, *wheels: Wheel) -> IndexOptions:
    for wheel in wheels:
        wheel.write(folder)
    return IndexOptions(find_links=(str(folder),), no_index=True)


def names(wheels: list[LockedFile]) -> list[str]:
    return [f"{wheel.name} {wheel.version}" for wheel in wheels]


def test_markers_are_the_guests(store: Store, target: Target, wheels: Path) -> None:
    index = offered(
        wheels, Wheel("x"), Wheel("y"), Wheel("z"), Wheel("w", requires=["x; sys_platform == 'wasi'", "y; os_name == 'nt'"])
    )
    lines = ('x; sys_platform == "wasi"', 'y; sys_platform == "win32"', 'z; platform_system == "Linux"')
    assert names(resolve(store, Requested(tuple(map(Line, lines)), (), index), target, Silent())) == ["x 1.0"]
    assert names(resolve(store, Requested((Line("w"),), (), index), target, Silent())) == ["w 1.0", "x 1.0"]


def test_the_targets_tags_decide(store: Store, target: Target, wheels: Path) -> None:
    index = offered(
        wheels,
        Wheel("both", "2.0", tag="cp314-cp314-manylinux_2_17_x86_64"),
        Wheel("both", "1.0", tag="cp314-cp314-wasi_0_0_0_wasm32"),
        Wheel("abi3", tag="cp38-abi3-wasi_0_0_0_wasm32"),
        Wheel("old", "1.0", tag="cp312-none-any"),
        Wheel("old", "0.9"),
    )
    requested = Requested((Line("both"), Line("abi3"), Line("old")), (), index)
    assert names(resolve(store, requested, target, Silent())) == ["abi3 1.0", "both 1.0", "old 0.9"]


def test_files_with_names_that_are_none_are_passed_over(store: Store, target: Target, wheels: Path) -> None:
    index = offered(wheels, Wheel("zzodd", "1.0"))
    for name in ("zzodd-0.18-py36+-none-any.whl", "zzodd-2-3-4-5-6-7-any.whl", "zzodd-x.whl", "zzodd-.tar.gz"):
        (wheels / name).write_bytes(b"")
    requested = Requested((Line("zzodd"),), (), index)
    assert names(resolve(store, requested, target, Silent())) == ["zzodd 1.0"]


def test_every_unusable_package_is_listed_with_its_reason(store: Store, target: Target, wheels: Path) -> None:
    import tarfile

    index = offered(
        wheels,
        Wheel("app", requires=["compiled", "source-only", "fine"]),
        Wheel("fine"),
        Wheel("compiled", "2.0", tag="cp314-cp314-manylinux_2_17_x86_64", requires=["deeper"]),
        Wheel("compiled", "1.0", tag="cp314-cp314-win_amd64"),
        Wheel("deeper", tag="cp314-cp314-macosx_11_0_arm64"),
        Wheel("capped", "3.0", tag="cp314-cp314-win_amd64"),
        Wheel("capped", "1.0"),
    )
    source = wheels / "source_only-1.0"
    source.mkdir()
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: source-only\nVersion: 1.0\nRequires-Dist: fine\n")
    (source / "setup.py").write_text("raise SystemExit('a build must not be started')\n")
    with tarfile.open(wheels / "source_only-1.0.tar.gz", "w:gz") as archive:
        archive.add(source, "source_only-1.0")
    requested = Requested((Line("app"), Line("capped>=2")), (), index)
    with pytest.raises(UnusablePackagesError) as caught:
        resolve(store, requested, target, Silent(), rules=BuildRules(allowed=False))
    found = {package.name: package for package in caught.value.packages}
    assert sorted(found) == ["capped", "compiled", "deeper", "source-only"]
    assert found["compiled"].version == "2.0"
    assert found["compiled"].requirers == ("app",)
    assert "wheels for Linux" in found["compiled"].reason
    assert found["deeper"].requirers == ("compiled",)
    assert "macOS" in found["deeper"].reason
    assert found["source-only"].reason == "only a source distribution, and building is not allowed"
    assert found["capped"].requirers == ()
    assert "1.0 has a usable wheel" in str(found["capped"].remedy)
    assert all(name in str(caught.value) for name in found)


def test_long_lines_of_metadata_stay_whole(store: Store, target: Target, wheels: Path) -> None:
    marker = "(platform_python_implementation != 'PyPy' and python_version >= '3.9') and sys_platform == 'wasi'"
    index = offered(
        wheels,
        Wheel("fine"),
        Wheel("compiled", tag="cp314-cp314-win_amd64", requires=[f"fine; {marker}"], requires_python=">=3"),
    )
    decided = decide(store, Requested((Line("compiled"),), (), index), target, Silent())
    assert [each.name for each in decided] == ["compiled", "fine"]


def test_another_python_is_named(store: Store, target: Target, wheels: Path) -> None:
    index = offered(wheels, Wheel("old", requires_python="<3.12"))
    with pytest.raises(ResolverError, match=r"3\.12"):
        resolve(store, Requested((Line("old"),), (), index), target, Silent())


def test_conflicts_and_unknown_names(store: Store, target: Target, wheels: Path) -> None:
    index = offered(wheels, Wheel("a", requires=["c<2"]), Wheel("b", requires=["c>=2"]), Wheel("c", "1.0"), Wheel("c", "2.0"))
    with pytest.raises(ConflictError) as caught:
        resolve(store, Requested((Line("a"), Line("b")), (), index), target, Silent())
    assert "asked for by a 1.0" in str(caught.value)
    assert "asked for by b 1.0" in str(caught.value)
    with pytest.raises(ConflictError, match="no package of that name"):
        resolve(store, Requested((Line("nowhere"),), (), index), target, Silent())
    with pytest.raises(ConflictError, match=r"there are 1\.0, 2\.0"):
        resolve(store, Requested((Line("c>3"),), (), index), target, Silent())


def test_constraints_extras_and_preferences(store: Store, target: Target, wheels: Path) -> None:
    index = offered(
        wheels,
        Wheel("base", "1.0", requires=["c", "extra-thing; extra == 'more'"], extras=["more"]),
        Wheel("c", "1.0"), Wheel("c", "2.0"), Wheel("c", "3.0"), Wheel("extra_thing"),
    )  # fmt: skip
    plain = Requested((Line("base"),), (), index)
    assert names(resolve(store, plain, target, Silent())) == ["base 1.0", "c 3.0"]
    constrained = replace(plain, constraints=(Line("c<3"),))
    assert "c 2.0" in names(resolve(store, constrained, target, Silent()))
    extra = Requested((Line("base[more]"),), (), index)
    assert names(resolve(store, extra, target, Silent())) == ["base 1.0", "c 3.0", "extra-thing 1.0"]
    kept = LockedFile("c", "1.0", "c-1.0-py3-none-any.whl", "")
    assert "c 1.0" in names(resolve(store, plain, target, Silent(), [kept]))
    beyond = replace(plain, constraints=(Line("c>=2"),))
    assert "c 3.0" in names(resolve(store, beyond, target, Silent(), [kept]))


def test_hashes_are_enforced(store: Store, target: Target, wheels: Path) -> None:
    index = offered(wheels, Wheel("a"), Wheel("b", requires=["a"]))
    right, wrong = sha256(wheels / "a-1.0-py3-none-any.whl"), "0" * 64

    def fetched(*lines: Line) -> list[str]:
        chosen = resolve(store, Requested(lines, (), index), target, Silent())
        with store.writing() as writing:
            return [item.file.sha256 for item in fetch(writing, chosen, target, index, Silent())]

    assert fetched(Line("a==1.0", (wrong, right))) == [right]
    with pytest.raises(ResolverError, match=f"{wrong}[^$]*{right}"):
        fetched(Line("a==1.0", (wrong,)))
    with pytest.raises(RequirementsError, match="a"):
        fetched(Line("b==1.0", (sha256(wheels / "b-1.0-py3-none-any.whl"),)))


def test_a_lock_is_read_as_it_was_written(store: Store, target: Target, wheels: Path) -> None:
    index = offered(wheels, Wheel("a", requires_python=">=3.8"), Wheel("b", requires=["a"]))
    chosen = resolve(store, Requested((Line("b"),), (), index), target, Silent())
    with store.writing() as writing:
        fetched = fetch(writing, chosen, target, index, Silent())
        text = lock_text([item.file for item in fetched], ["b"], target, "default")
        again, asked = read_lock(text, "pylock.toml", target)
        assert asked == ["b"]
        assert [w.sha256 for w in again] == [item.file.sha256 for item in fetched]
        assert all(w.size and w.size > 100 for w in again)
        assert lock_text(again, ["b"], target, "default") == text
        for path in wheels.iterdir():
            path.unlink()  # what is in the store needs no index
        assert [item.layer for item in fetch(writing, again, target, IndexOptions(), Silent())] == [i.layer for i in fetched]


def test_a_lock_by_another_tool_for_many_platforms(target: Target) -> None:
    text = """
lock-version = "1.0"
created-by = "another"
[[packages]]
name = "a"
version = "1.0"
wheels = [
  {name = "a-1.0-cp314-cp314-win_amd64.whl", url = "x://h/a-1.0-cp314-cp314-win_amd64.whl", hashes = {sha256 = "SHA1"}},
  {name = "a-1.0-py3-none-any.whl", url = "x://h/a-1.0-py3-none-any.whl", hashes = {sha256 = "SHA2"}},
]
[[packages]]
name = "windows-only"
version = "1.0"
marker = "sys_platform == 'win32'"
sdist = {url = "x://h/windows-only-1.0.tar.gz", hashes = {sha256 = "SHA3"}}
"""
    for number in "123":
        text = text.replace(f"SHA{number}", number * 64)
    wheels, asked = read_lock(text, "pylock.toml", target)
    assert [(w.name, w.sha256) for w in wheels] == [("a", "2" * 64)]
    assert asked == ["a"]
    unusable = text.replace("sys_platform == 'win32'", "sys_platform == 'wasi'").replace(
        "py3-none-any", "cp313-cp313-win_arm64"
    )
    with pytest.raises(UnusablePackagesError) as caught:
        read_lock(unusable, "pylock.toml", target)
    assert [package.name for package in caught.value.packages] == ["a"]
    sources = unusable.replace("cp313-cp313-win_arm64", "py3-none-any")
    files, _ = read_lock(sources, "pylock.toml", target)
    assert [(file.name, file.is_source) for file in files] == [("a", False), ("windows-only", True)]


HEAD = "lock-version = '1.0'\ncreated-by='x'\n"
PACKAGE = "[[packages]]\nname='a'\nversion='1'\n"


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "lock-version = '2.0'\ncreated-by='x'\npackages=[]",
        "lock-version = '1.0'\npackages=[]",
        f"{HEAD}requires-python='<3'\n{PACKAGE}wheels=[{{url='x://h/a-1-py3-none-any.whl',hashes={{sha256='1'}}}}]",
        f"{HEAD}{PACKAGE}wheels=[{{url='x://h/a-1-py3-none-any.whl',hashes={{md5='1'}}}}]",
        f"{HEAD}{PACKAGE}wheels=[{{url='x://h/a.whl',hashes={{sha256='1'}}}}]",
    ],
)
def test_locks_that_cannot_be_used(target: Target, text: str) -> None:
    with pytest.raises(LockError, match=r"pylock\.toml"):
        read_lock(text, "pylock.toml", target)


def test_a_changed_file_is_noticed(store: Store, target: Target, wheels: Path) -> None:
    index = offered(wheels, Wheel("a"), Wheel("b"))
    chosen = [replace(w, sha256="f" * 64) if w.name == "b" else w for w in resolve(
        store, Requested((Line("a"), Line("b")), (), index), target, Silent()
    )]  # fmt: skip
    with pytest.raises(HashMismatchError, match=r"b-1\.0"), store.writing() as writing:
        fetch(writing, chosen, target, index, Silent())
    assert not list(store.root.glob("layers-*/*/*"))
