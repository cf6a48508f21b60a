"""What is there already, when something is added or taken out."""

import tomllib
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel


@pytest.fixture
def offering(wenv: Wenv, wheels: Path) -> Wenv:
    """A folder of wheels to take from."""
    wenv.environment["PIP_FIND_LINKS"] = str(wheels)
    wenv.environment["PIP_NO_INDEX"] = "1"
    return wenv


def test_what_is_named_is_the_newest_that_is_allowed(offering: Wenv, wheels: Path) -> None:
    """Versions of what it needs that are there must not lead to one so old that it needed nothing."""
    Wheel("zzold-needs-nothing").write(wheels)
    for version, needs in (("1", []), ("2", ["zzdep<2", "zzother"]), ("3", ["zzdep>=2", "zzother"])):
        Wheel("zzname", version, requires=needs).write(wheels)
    for version in ("1", "2"):
        Wheel("zzdep", version).write(wheels)
    Wheel("zzother", "1").write(wheels)
    offering("create", "zzname")
    Wheel("zzother", "2").write(wheels)
    done = offering.result("install", "zzname<3")
    assert offering("freeze").split() == ["zzdep==1", "zzname==2", "zzother==1"]
    assert "Discarding" not in done.stderr
    assert "conflict" not in done.stderr
    fresh = offering.result("install", "zznew", status=1)
    assert "zznew" in fresh.stderr


def test_a_new_package_is_the_newest_too(offering: Wenv, wheels: Path) -> None:
    for version in ("1", "2"):
        Wheel("zzdep", version).write(wheels)
    Wheel("zzhas", "1", requires=["zzdep"]).write(wheels)
    Wheel("zznew", "1").write(wheels)
    Wheel("zznew", "2", requires=["zzdep<2"]).write(wheels)
    offering("create", "zzhas")
    offering("install", "zznew")
    assert offering("freeze").split() == ["zzdep==1", "zzhas==1", "zznew==2"]


def test_extras_stay_when_a_package_is_named_again(offering: Wenv, wheels: Path) -> None:
    Wheel("zzextra").write(wheels)
    Wheel("zzname", requires=["zzextra; extra == 'x'"], extras=["x"]).write(wheels)
    offering("create", "zzname[x]")
    offering("install", "zzname>=1")
    assert offering("freeze").split() == ["zzextra==1.0", "zzname==1.0"]


def test_an_extra_that_nobody_asked_for_needs_nothing(offering: Wenv, wheels: Path) -> None:
    Wheel("zzextra", requires=["zzdeep; extra == 'y'"], extras=["y"]).write(wheels)
    Wheel("zzdeep").write(wheels)
    Wheel("zzname", requires=["zzextra; extra == 'x'"], extras=["x"]).write(wheels)
    offering("create", "zzname", "zzextra", "zzdeep")
    assert offering.json("why", "zzextra", "--json") == [["zzextra"]]
    assert offering.json("tree", "--json")["zzname"]["needs"] == []
    offering("install", "zzname[x]", "zzextra[y]")
    assert offering.json("tree", "--json")["zzname"]["needs"] == ["zzextra"]
    assert ["zzname", "zzextra", "zzdeep"] in offering.json("why", "zzdeep", "--json")


def test_what_stands_in_a_project_is_not_lost(offering: Wenv, wheels: Path) -> None:
    Wheel("zzextra").write(wheels)
    for version in ("1", "9"):
        Wheel("zzname", version, requires=["zzextra; extra == 'x'"], extras=["x"]).write(wheels)
    path = offering.folder / "pyproject.toml"
    path.write_text('[project]\nname = "v"\nversion = "1"\ndependencies = ["zzname[x]<9"]\n')
    offering("sync")
    offering("add", "zzname")
    assert tomllib.loads(path.read_text())["project"]["dependencies"] == ["zzname[x]<9"]
    assert offering("freeze").split() == ["zzextra==1.0", "zzname==1"]
    path.write_text('[project]\nname = "v"\nversion = "1"\ndynamic = ["dependencies"]\n')
    before = path.read_text()
    assert "project.dependencies are dynamic" in offering.result("add", "zzname", status=1).stderr
    assert path.read_text() == before
    assert "has no group nosuch" in offering.result("drop", "--group", "nosuch", "zzname", status=1).stderr


def test_packages_go_together(offering: Wenv, wheels: Path) -> None:
    Wheel("zzdep").write(wheels)
    Wheel("zzname", requires=["zzdep"]).write(wheels)
    offering("create", "zzname")
    assert "it is needed by zzname" in offering.result("uninstall", "zzdep", status=1).stderr
    offering("uninstall", "zzdep", "zzname")
    assert offering("freeze") == ""
    offering("install", "zzname", "zzdep")
    assert "zzdep stays: zzname needs it" in offering.result("uninstall", "zzdep").stderr


def test_scripts_have_locks_of_their_own(offering: Wenv, wheels: Path) -> None:
    for name in ("zzone", "zztwo"):
        Wheel(name).write(wheels)
    for script, name in (("job.v1.py", "zzone"), ("job-v1.py", "zztwo"), ("dev.py", "zztwo")):
        (offering.folder / script).write_text(f"# /// script\n# dependencies = ['{name}']\n# ///\nimport {name}\n")
    offering("lock", "--script", "job.v1.py")
    assert "is the lock of job.v1.py" in offering.result("lock", "--script", "job-v1.py", status=2).stderr
    assert "is the lock of something else" in offering.result("run", "job-v1.py").stderr
    offering("run", "job.v1.py")
    offering("lock", "zzone", "-o", "pylock.dev.toml")
    assert "is not known as the lock of dev.py" in offering.result("lock", "--script", "dev.py", status=2).stderr
    offering("run", "dev.py")
    assert "there is no script ." in offering.result("lock", "--script", ".", status=2).stderr


def test_a_script_may_begin_with_the_mark_of_its_encoding(offering: Wenv, wheels: Path) -> None:
    for name in ("zzone", "zztwo"):
        Wheel(name).write(wheels)
    script = offering.folder / "job.py"
    script.write_bytes(b"\xef\xbb\xbf# /// script\n# dependencies = ['zzone']\n# ///\nimport zzone\nprint('fine')\n")
    for _ in range(2):
        assert offering("run", "job.py") == "fine\n"
    offering("add", "--script", "job.py", "zztwo")
    assert script.read_bytes().count(b"\xef\xbb\xbf") == 1
    assert offering("run", "job.py") == "fine\n"
