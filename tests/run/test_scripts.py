"""Scripts that say what they need (PEP 723), and packages for one run."""

import json
import os
from pathlib import Path

import pytest

from tests.conftest import Wenv, copy_runtime
from tests.helpers.wheel_builder import Wheel
from wenv.runtimes import Runtime
from wenv_cache.store import Store

MADE = "Made an environment for"


@pytest.fixture
def offline(wenv: Wenv, wheels: Path) -> Wenv:
    """The command line, with two packages and no index."""
    for name, version in (("zzone", "1.0"), ("zzone", "2.0"), ("zztwo", "1.0")):
        Wheel(name, version, {f"{name}.py": f"version = {version!r}\n"}).write(wheels)
    wenv.environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    return wenv


def script(folder: Path, needs: list[str], code: str, more: str = "", name: str = "job.py") -> Path:
    lines = f"dependencies = {json.dumps(needs)}\n{more}".splitlines()
    block = "\n".join(("# /// script", *(f"# {line}".rstrip() for line in lines), "# ///"))
    path = folder / name
    path.write_text(f"#!/usr/bin/env -S wenv run\n{block}\n{code}\n")
    return path


def test_a_script_runs_in_an_environment_of_its_own(offline: Wenv, runtime: Runtime, tmp_path: Path) -> None:
    own = Store(tmp_path / "own")  # pruning the shared one would take from other tests what they use
    copy_runtime(runtime, own)
    offline.environment["WENV_CACHE_DIR"] = str(own.root)
    offline("create", "zzone==2.0")
    use = "import sys, zzone; print(zzone.version, sys.argv[1:])"
    script(offline.folder, ["zzone<2"], use)
    first = offline.result("run", "job.py", "--its", "own")
    assert first.stdout == "1.0 ['--its', 'own']\n"
    assert f"{MADE} job.py (script), which is kept: 1 package on CPython 3.14" in first.stderr
    assert offline.result("run", "python", "job.py").stderr == "", "it is kept"
    (offline.folder / "other").mkdir()
    same = script(offline.folder / "other", ["zzone<2"], use + "\nprint('another')", name="same.py")
    assert MADE not in offline.result("run", str(same)).stderr, "found by what the block says"
    assert offline("run", "--path", ".wenv", "job.py") == "2.0 []\n", "the environment that is named"
    assert offline.result("run", "-c", "import zzone; print(zzone.version)").stdout == "2.0\n"
    script(offline.folder, ["zzone", "zztwo"], "import zzone, zztwo; print(zzone.version)")
    changed = offline.result("run", "job.py")
    assert (changed.stdout, MADE in changed.stderr) == ("2.0\n", True)
    labels = [each["label"] for each in offline.json("list")]
    assert sum(label.startswith("job.py (script) ") for label in labels) == 2
    offline("cache", "prune")
    assert offline.result("run", "job.py").stderr == "", "what it needs is in use"


def test_the_environment_of_a_script_is_found_at_once(offline: Wenv) -> None:
    def is_short(*words: str) -> bool:
        offline.environment["PYTHONPROFILEIMPORTTIME"] = "1"
        report = offline.result("run", *words).stderr
        del offline.environment["PYTHONPROFILEIMPORTTIME"]
        assert "wenv.launcher" in report
        return "typer" not in report

    path = script(offline.folder, ["zzone<2"], "import zzone; print(zzone.version)")
    assert not is_short("job.py")
    assert is_short("job.py")
    assert is_short("python", "./job.py")
    path.write_text(path.read_text() + "print('more')\n")
    assert is_short("job.py"), "its block is the same"
    assert offline("run", "job.py") == "1.0\nmore\n"
    script(offline.folder, ["zzone"], "import zzone; print(zzone.version)")
    assert not is_short("job.py")
    assert offline("run", "job.py") == "2.0\n"
    offline("lock", "--script", "job.py")
    assert not is_short("job.py"), "a lock decides from here on"
    assert is_short("job.py")
    (offline.folder / "pylock.job.toml").unlink()
    assert not is_short("job.py")
    path.write_text(path.read_text() + "# /// script\n# dependencies = []\n# ///\n")
    assert "blocks of script metadata" in offline.result("run", "job.py", status=125).stderr
    script(offline.folder, ["zzone"], "import zzone; print(zzone.version)", "[tool.wenv]\ntimeout = 5\n")
    assert [is_short("job.py") for _ in range(2)] == [False, False], "what it asks for is said each time"


def test_a_lock_of_another_block_decides_and_is_named(offline: Wenv) -> None:
    use = "import zzone; print(zzone.version)"
    script(offline.folder, ["zzone<2"], use)
    offline("lock", "--script", "job.py")
    assert "warning" not in offline.result("run", "job.py").stderr
    assert offline("run", "--with", "zztwo", "job.py") == "1.0\n", "the lock's version stays"
    script(offline.folder, ["zzone"], use)
    for _ in range(2):
        done = offline.result("run", "job.py")
        assert (done.stdout, "pylock.job.toml was made for another block" in done.stderr) == ("1.0\n", True)
    (offline.folder / "other").mkdir()
    link = offline.folder / "other" / "link.py"
    link.symlink_to(offline.folder / "job.py")
    assert offline("run", str(link)) == "1.0\n", "its lock lies beside the script that it leads to"
    offline("lock", "--script", "job.py", "--upgrade")
    done = offline.result("run", "job.py")
    assert (done.stdout, "another block" in done.stderr) == ("2.0\n", False)


def test_what_pip_is_configured_with_holds_for_scripts_that_were_run(offline: Wenv) -> None:
    script(offline.folder, ["zzone"], "import zzone; print(zzone.version)")
    assert [offline("run", "job.py") for _ in range(2)] == ["2.0\n"] * 2
    (offline.folder / "c.txt").write_text("zzone<2\n")
    offline.environment["PIP_CONSTRAINT"] = "c.txt"
    assert [offline("run", "job.py") for _ in range(2)] == ["1.0\n"] * 2
    del offline.environment["PIP_CONSTRAINT"]
    assert offline("run", "job.py") == "2.0\n"


def test_environments_of_scripts_are_told_apart_and_removed(offline: Wenv) -> None:
    for needs in (["zzone"], ["zztwo"]):
        script(offline.folder, needs, "print(1)")
        offline("run", "job.py")
    labels = [each["label"] for each in offline.json("list")]
    assert len(set(labels)) == len(labels) == 2
    offline("remove", labels[0].rpartition(" ")[2])
    assert [each["label"] for each in offline.json("list")] == labels[1:]


def test_what_a_block_names_beside_the_script_is_that_scripts(offline: Wenv, tmp_path: Path) -> None:
    more = '[tool.uv.sources]\nzznear = { path = "zznear-1.0-py3-none-any.whl" }\n'
    for place in ("one", "two"):
        folder = tmp_path / place
        folder.mkdir()
        Wheel("zznear", files={"zznear.py": f"place = {place!r}\n"}).write(folder)
        job = script(folder, ["zznear"], "import zznear; print(zznear.place)", more)
        assert offline("run", str(job)) == f"{place}\n"


def test_packages_for_one_run(offline: Wenv) -> None:
    both = "import zztwo; print(zztwo.version)"
    assert offline.result("run", "--with", "zztwo", "-c", both).stdout == "1.0\n"
    offline("create", "zzone==1.0")
    assert offline("run", "--with", "zztwo", "-c", "import zzone, zztwo; print(zzone.version)") == "1.0\n"
    assert "No module named" in offline.result("run", "-c", "import zztwo", status=1).stderr
    script(offline.folder, ["zzone"], "import zzone, zztwo; print(zzone.version)")
    assert offline("run", "--with", "zztwo", "job.py") == "2.0\n"
    assert "excludes" in offline.result("run", "--from", "x.wenv", "--with", "zztwo", "job.py", status=125).stderr


def test_a_script_is_granted_nothing_by_itself(offline: Wenv) -> None:
    script(offline.folder, [], "open('made.txt', 'w')", '[tool.wenv]\nwrite = true\nenv = ["SECRET"]')
    refused = offline.result("run", "job.py", status=1)
    assert "job.py asks for: " in refused.stderr
    assert not (offline.folder / "made.txt").exists()
    offline("run", "--write", "job.py")
    assert (offline.folder / "made.txt").exists()


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("# /// script\n# dependencies = [\n# ///\n", "its script metadata"),
        ("# /// script\n# dependencies = ['zznowhere']\n# ///\n", "zznowhere"),
        ("# /// script\n# requires-python = '<3.10'\n# ///\n", "requires Python"),
        ("# /// script\n# dependencies = [5]\n# ///\n", "no list of texts"),
        ("# /// script\n# dependencies = 'zzone'\n# ///\n", "dependencies"),
        ("# /// script\n# [tool.wenv]\n# unknown = 1\n# ///\n", "unknown"),
    ],
)
def test_blocks_that_cannot_be_met_are_refused_in_words(offline: Wenv, block: str, words: str) -> None:
    (offline.folder / "job.py").write_text(block)
    refused = offline.result("run", "job.py", status=125)
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_file_without_a_block_is_run_as_ever(offline: Wenv) -> None:
    offline("create")
    (offline.folder / "plain.py").write_text("text = '''\n# /// script\n'''\nprint('plain')\n")
    assert offline("run", "plain.py") == "plain\n", "a mark that begins no block"
    assert offline.result("run", "nosuch.py", status=None).returncode != 0


def test_old_environments_of_scripts_are_swept(offline: Wenv) -> None:
    script(offline.folder, ["zzone"], "import zzone")
    offline("run", "job.py")
    data = Path(offline.environment["WENV_DATA_DIR"])
    [kept] = [folder for folder in (data / "scripts").iterdir() if folder.is_dir()]
    for path in (data / "registered").iterdir():
        os.utime(path, (1, 1))
    script(offline.folder, ["zztwo"], "import zztwo", name="next.py")
    offline("run", "next.py")
    assert not kept.exists()
    assert len([folder for folder in (data / "scripts").iterdir() if folder.is_dir()]) == 1


@pytest.mark.skipif(os.name == "nt", reason="links and permission bits are POSIX's")
def test_a_script_that_is_a_link_or_a_program_stays_one(offline: Wenv) -> None:
    path = script(offline.folder, [], "import zzone; print(zzone.version)")
    path.chmod(0o755)
    (offline.folder / "link.py").symlink_to("job.py")
    offline("add", "--script", "link.py", "zzone<2")
    assert (offline.folder / "link.py").is_symlink()
    assert path.stat().st_mode & 0o777 == 0o755
    assert offline("run", "job.py") == "1.0\n"
    offline("lock", "--script", "job.py")
    said = offline.result("add", "--script", "job.py", "zztwo").stderr
    assert "pylock.job.toml decides what its runs have until `wenv lock --script job.py` renews it" in said
