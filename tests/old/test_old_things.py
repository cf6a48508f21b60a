"""What c50bf1a made is used by the present code: listed, run, shared and changed; nothing is asked again.

The old code makes everything, then the present code takes its place (tests/old/make.py).  A change that makes one of these
tests fail takes something away from users: read the old format too, or say in one line what must be made anew.
"""

import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.old.machine import Machine
from tests.old.make import COMMIT, ENVIRONMENTS, SECRET, TELL_SECRET, has_commit, make, manifest, manifest_as_made, offered

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="scripts and launchers of POSIX"),
    pytest.mark.skipif(not has_commit(), reason=f"commit {COMMIT} is not in this clone (a shallow one?)"),
]
every = pytest.mark.parametrize("key", ENVIRONMENTS)


@pytest.fixture(scope="session")
def upgraded(shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with the old things and the present code, on which two first runs were made; the same for all workers.

    Every test reads, or changes only what no other test uses.
    """
    base = tmp_path_factory.getbasetemp()
    machine = Machine((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "old-things")
    store, ready = shared_cache.with_name(f"store-of-{COMMIT}"), machine.root / "ready"
    store.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{store}.lock"):
        if not ready.exists():
            shutil.rmtree(machine.root, ignore_errors=True)
            make(machine, store if store.exists() else None)
            if not store.exists():
                shutil.copytree(machine.store, partial := store.with_name(f"{store.name}.partial"), dirs_exist_ok=True)
                partial.rename(store)
            machine.install_present()
            for key in ("plain", "baked"):
                first = machine.wenv("run", "-c", ENVIRONMENTS[key].code, folder=ENVIRONMENTS[key].folder)
                assert first.stdout == ENVIRONMENTS[key].prints
                (machine.root / f"{key}-first").write_text(first.stderr)
            ready.touch()
    return machine


def test_the_code_at_that_place_is_the_present_one(upgraded: Machine) -> None:
    changed = upgraded.code / "wenv" / "guest" / "entry" / "component.py"
    own = Path(__file__).parent.parent.parent / "wenv" / "guest" / "entry" / "component.py"
    assert changed.read_text() == own.read_text() + "\n# a later version\n"


def test_every_environment_is_listed(upgraded: Machine) -> None:
    listed = {entry["folder"]: entry for entry in upgraded.json("list")}
    for old in ENVIRONMENTS.values():
        entry = listed[str(upgraded.root / old.place)]
        assert entry["state"] == "fine", entry
        assert entry["name"] == (old.name or None)


@every
def test_it_runs(upgraded: Machine, key: str) -> None:
    old = ENVIRONMENTS[key]
    assert upgraded.wenv("run", *old.options, "-c", old.code, folder=old.folder).stdout == old.prints


@every
def test_its_own_python_runs(upgraded: Machine, key: str) -> None:
    old = ENVIRONMENTS[key]
    python = upgraded.root / old.place / "bin" / "python"
    for _ in range(2):  # the first run may leave a start file for the second
        assert upgraded.run([python, "-c", old.code], old.folder).stdout == old.prints


def test_its_console_scripts_run(upgraded: Machine) -> None:
    script = upgraded.root / ENVIRONMENTS["scripts"].place / "bin" / "zz-tool"
    assert upgraded.run([script]).stdout == "tool 3.0\n"
    assert upgraded.wenv("run", "zz-tool", folder="scripts").stdout == "tool 3.0\n"


@pytest.mark.parametrize("key", ["plain", "granted"])
def test_an_activated_shell_finds_it(upgraded: Machine, key: str) -> None:
    old = ENVIRONMENTS[key]
    programs = upgraded.root / old.place / "bin"
    lines = f". '{programs}/activate'; cd '{upgraded.root}'; python -c \"$CODE\"; command -v python"
    ran = upgraded.run(["sh", "-euc", lines], more={"CODE": old.code})
    assert ran.stdout == f"{old.prints}{programs}/python\n"


@every
def test_info_says_what_it_holds(upgraded: Machine, key: str) -> None:
    old = ENVIRONMENTS[key]
    said = upgraded.json("info", *old.options, folder=old.folder)
    made = json.loads(manifest_as_made(upgraded, key).text)
    for word in ("snapshot", "created", "changed", "lock", "requested", "scripts"):
        assert said[word] == made[word]
    assert [package["name"] for package in said["packages"]] == [package["name"] for package in made["packages"]]
    assert "zz-" in upgraded.wenv("info", *old.options, folder=old.folder).stdout


@pytest.mark.long
def test_sessions_of_the_python_interface(upgraded: Machine) -> None:
    code = f"import wenv\nwith wenv.open(name='lab').session() as s: print(s.run({ENVIRONMENTS['named'].code!r}).stdout)"
    assert upgraded.run([sys.executable, "-P", "-c", code]).stdout == "1.0\n\n"


def test_a_grant_is_not_asked_for_again(upgraded: Machine) -> None:
    old = ENVIRONMENTS["granted"]
    python = upgraded.root / old.place / "bin" / "python"
    for ran in (
        upgraded.run([python, "-c", old.code], old.folder),
        upgraded.wenv("run", "-c", old.code, folder=old.folder),
        upgraded.wenv("shell", folder=old.folder, stdin=old.code),
    ):
        assert (ran.stdout, ran.stderr) == (old.prints, "")
    assert "not granted" not in upgraded.wenv("info", folder=old.folder).stdout
    limited = "x = bytearray(600 << 20)"
    assert "MemoryError" in upgraded.wenv("run", "-c", limited, folder=old.folder, status=None).stderr


def test_what_came_with_a_clone_stays_ungranted(upgraded: Machine) -> None:
    old = ENVIRONMENTS["cloned"]
    given = {"SECRET": "of this user"}
    python = upgraded.root / old.place / "bin" / "python"
    assert upgraded.run([python, "-c", TELL_SECRET], old.folder, more=given).stdout == "None\n"
    assert upgraded.wenv("run", "-c", TELL_SECRET, folder=old.folder, more=given).stdout == "None\n"
    assert "not granted" in upgraded.wenv("info", folder=old.folder).stdout


@pytest.mark.parametrize("how", ["run", "python", "info", "shell", "export", "diff"])
def test_reading_leaves_the_manifest_as_it_was(upgraded: Machine, tmp_path: Path, how: str) -> None:
    for key in ("plain", "named", "granted", "cloned", "baked"):
        old = ENVIRONMENTS[key]
        commands: dict[str, tuple[str | Path, ...]] = {
            "run": ("run", *old.options, "-c", old.code),
            "info": ("info", *old.options),
            "shell": ("shell", *old.options),
            "export": ("export", *old.options, "-o", tmp_path / f"{key}.wenv"),
            "diff": ("diff", "lab", upgraded.root / old.place),
        }
        if how == "python":
            upgraded.run([upgraded.root / old.place / "bin" / "python", "-c", old.code], old.folder)
        else:
            upgraded.wenv(*commands[how], folder=old.folder, stdin=f"{old.code}\n")
        assert manifest(upgraded, key) == manifest_as_made(upgraded, key)


@pytest.mark.parametrize("arguments", [("list",), ("list", "--json"), ("cache", "verify"), ("cache", "du")])
def test_reading_all_leaves_the_manifests_as_they_were(upgraded: Machine, arguments: tuple[str, ...]) -> None:
    upgraded.wenv(*arguments)
    for key in ENVIRONMENTS.keys() - {"changed"}:
        assert manifest(upgraded, key) == manifest_as_made(upgraded, key)


def test_a_prompt_leaves_the_manifest_as_it_was(upgraded: Machine) -> None:
    use_at_a_terminal(upgraded, "granted")
    assert manifest(upgraded, "granted") == manifest_as_made(upgraded, "granted")


def use_at_a_terminal(machine: Machine, key: str) -> None:
    """Open a prompt at a terminal, and leave it."""
    pexpect = pytest.importorskip("pexpect", reason="needs a pseudo-terminal")
    old = ENVIRONMENTS[key]
    variables = {**machine.variables, "TERM": "dumb", "PROMPT_TOOLKIT_NO_CPR": "1"}
    command = ["-P", "-m", "wenv", "shell", *old.options]
    process = pexpect.spawn(
        sys.executable, command, cwd=str(machine.root / old.folder), env=variables, encoding="utf-8", timeout=60
    )
    process.expect_exact(">>>")
    process.send("6 * 7\r")
    process.expect_exact("42")
    process.expect_exact(">>>")
    process.send("exit()\r")
    process.expect(pexpect.EOF)
    process.close()
    assert process.exitstatus == 0


def test_changing_writes_the_manifest(upgraded: Machine) -> None:
    check_changes(upgraded, "changed", [("install", "zz-tool", *offered(upgraded)), ("uninstall", "zz-tool")])


@pytest.mark.long
def test_baking_writes_the_manifest(upgraded: Machine) -> None:
    check_changes(upgraded, "baked again", [("bake",), ("bake", "--clear")])


def check_changes(machine: Machine, key: str, commands: list[tuple[str, ...]]) -> None:
    """Give commands that change an environment: each writes the manifest, and in the end the snapshot is as before."""
    old, before = ENVIRONMENTS[key], manifest_as_made(machine, key)
    made = json.loads(before.text)
    for arguments in commands:
        machine.wenv(*arguments, folder=old.folder)
        now = manifest(machine, key)
        assert now.text != before.text, arguments
        assert json.loads(now.text)["created"] == made["created"]
        assert machine.wenv("run", "-c", old.code, folder=old.folder).stdout == old.prints
        before = now
    assert machine.json("info", folder=old.folder)["snapshot"] == made["snapshot"]


def test_what_must_be_made_anew_is_said_in_one_line(upgraded: Machine) -> None:
    said = (upgraded.root / "plain-first").read_text().splitlines()
    (line,) = [line for line in said if "was open to other users" not in line]  # c50bf1a did not look at its folders' rights
    assert re.search("CPython|interpreter|component", line), line


def test_a_bake_that_must_be_made_anew_is_said_in_one_line(upgraded: Machine) -> None:
    (line,) = (upgraded.root / "baked-first").read_text().splitlines()
    assert "wenv bake" in line
    (line,) = re.findall("^Baked .*", upgraded.wenv("info", folder="baked").stdout, re.MULTILINE)
    assert "wenv bake" in line
    assert upgraded.json("info", folder="baked")["bake"] is None


def test_a_list_calls_nothing_baked_that_starts_unbaked(upgraded: Machine) -> None:
    listed = {entry["folder"]: entry for entry in upgraded.json("list")}
    assert listed[str(upgraded.root / ENVIRONMENTS["baked"].place)]["baked"] is False


# -- .wenv files


@pytest.mark.parametrize(("file", "key"), [("lab.wenv", "named"), ("split.wenv", "split"), ("runtime.wenv", "scripts")])
def test_files_are_read_run_and_imported(upgraded: Machine, tmp_path: Path, file: str, key: str) -> None:
    old, path = ENVIRONMENTS[key], upgraded.root / file
    made = json.loads(manifest_as_made(upgraded, key).text)
    assert upgraded.json("info", path)["snapshot"] == made["snapshot"]
    assert "zz-" in upgraded.wenv("info", path).stdout
    assert upgraded.wenv("run", "--from", path, "-c", old.code).stdout == old.prints
    upgraded.wenv("import", path, "--path", tmp_path / "imported")
    assert upgraded.wenv("run", "--path", tmp_path / "imported", "-c", old.code).stdout == old.prints
    upgraded.wenv("diff", path, tmp_path / "imported")


def test_a_file_is_imported_into_an_empty_store(upgraded: Machine, tmp_path: Path) -> None:
    old, elsewhere = ENVIRONMENTS["named"], {"WENV_DATA_DIR": str(tmp_path / "data"), "WENV_CACHE_DIR": str(tmp_path / "store")}
    shutil.copytree(upgraded.store, tmp_path / "store")
    layers = {package["digest"] for package in json.loads(manifest_as_made(upgraded, "named").text)["packages"]}
    for path in (tmp_path / "store").rglob("*"):
        if path.name in layers and path.is_dir():
            shutil.rmtree(path)
    upgraded.wenv("import", upgraded.root / "lab.wenv", "-n", "arrived", more=elsewhere)
    assert upgraded.wenv("run", "-n", "arrived", "-c", old.code, more=elsewhere).stdout == old.prints


def test_the_grants_of_a_file_are_asked_for(upgraded: Machine, tmp_path: Path) -> None:
    path, given = upgraded.root / "granted.wenv", {"SECRET": SECRET}
    assert SECRET.encode() not in path.read_bytes()
    for name, more, printed in (("asked", (), "None\n"), ("granted", ("--grant",), f"{SECRET}\n")):
        upgraded.wenv("import", path, "--path", tmp_path / name, *more)
        ran = upgraded.wenv("run", "--path", tmp_path / name, "-c", TELL_SECRET, more=given)
        assert ran.stdout == printed


# -- what comes later


def test_a_newer_environment_is_refused_with_what_reads_it(upgraded: Machine, tmp_path: Path) -> None:
    folder = tmp_path / ".wenv"
    shutil.copytree(upgraded.root / ENVIRONMENTS["plain"].place, folder)
    data = json.loads((folder / "environment.json").read_text())
    newer = json.dumps({"format": 99, "of_the_future": [data]})
    (folder / "environment.json").write_text(newer)
    commands: tuple[tuple[tuple[str | Path, ...], int], ...] = (
        (("run", "-c", "pass"), 125),
        (("info",), 1),
        (("install", "zz-low", *offered(upgraded)), 1),
        (("bake",), 1),
        (("export", "-o", tmp_path / "x.wenv"), 1),
    )
    for arguments, status in commands:
        said = upgraded.wenv(arguments[0], "--path", folder, *arguments[1:], status=status).stderr
        assert "a newer wenv" in said
        assert "has format 99" in said
        assert "damaged" not in said  # it is whole, and must not be thrown away
        assert "--clear" not in said
    said = upgraded.run([folder / "bin" / "python", "-c", "pass"], status=125).stderr
    assert "a newer wenv" in said
    assert (folder / "environment.json").read_text() == newer


def test_a_newer_file_is_refused_with_what_reads_it(upgraded: Machine, tmp_path: Path) -> None:
    path = tmp_path / "newer.wenv"
    path.write_bytes(with_configuration(upgraded.root / "lab.wenv", {"format": 2, "of_the_future": []}))
    commands: tuple[tuple[tuple[str | Path, ...], int], ...] = (
        (("info", path), 1),
        (("run", "--from", path, "-c", "pass"), 125),
        (("import", path, "--path", tmp_path / "imported"), 1),
        (("diff", "lab", path), 2),
    )
    for arguments, status in commands:
        said = upgraded.wenv(*arguments, status=status).stderr
        assert "a newer wenv" in said
        assert "damaged" not in said
    assert not (tmp_path / "imported").exists()


def with_configuration(file: Path, change: dict[str, Any]) -> bytes:
    """A ``.wenv`` file with another configuration, all digests right."""
    with tarfile.open(file) as archive:
        contents = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]

    def document(descriptor: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(contents.pop(f"blobs/sha256/{descriptor['digest'].removeprefix('sha256:')}"))
        return found

    def put(value: dict[str, Any], descriptor: dict[str, Any]) -> None:
        data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(data).hexdigest()
        contents[f"blobs/sha256/{digest}"] = data
        descriptor |= {"digest": f"sha256:{digest}", "size": len(data)}

    index = json.loads(contents["index.json"])
    (top,) = index["manifests"]
    manifest_of_image = document(top)
    put({**document(manifest_of_image["config"]), **change}, manifest_of_image["config"])
    put(manifest_of_image, top)
    contents["index.json"] = json.dumps(index, sort_keys=True, separators=(",", ":")).encode()
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


def test_verifying_and_pruning_keep_what_is_in_use(upgraded: Machine) -> None:
    assert upgraded.json("cache", "verify") == []
    upgraded.wenv("cache", "prune")
    for old in ENVIRONMENTS.values():
        assert upgraded.wenv("run", *old.options, "-c", old.code, folder=old.folder).stdout == old.prints
    assert upgraded.json("cache", "verify") == []
